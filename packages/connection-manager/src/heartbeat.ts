import type { Connection, Startable } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { deadline, systemClock, systemRng, type Clock, type Rng, type Timer } from '@penin/interface'
import { DeadConnectionError } from './errors.js'
import { pingConnection } from './ping.js'
import type { TrafficMeter } from './traffic.js'

export interface HeartbeatInit {
  /**
   * Milliseconds between two rounds of pings. Lower finds dead connections sooner and costs traffic; it must stay well
   * below the two minutes after which libp2p's TCP transport closes a silent socket.
   *
   * @default 30_000
   */
  interval?: number
  /** @default 10_000 */
  timeout?: number
  /**
   * Failed pings in a row that make a connection suspect. One is not enough: a busy peer misses one now and then, and
   * libp2p's own monitor, which closes at the first, cuts healthy links by the dozen an hour (js-libp2p#3463).
   *
   * @default 3
   */
  maxFailures?: number
  /**
   * Milliseconds without a received byte, which a suspect connection must show as well to be closed.
   *
   * @default 60_000
   */
  maxSilence?: number
  traffic?: TrafficMeter
  onDead?: (connection: Connection, reason: DeadConnectionError) => void
  /** A ping was answered within `rtt` milliseconds; Infinity if it was not. It must not throw. */
  onPing?: (connection: Connection, rtt: number) => void
  clock?: Clock
  rng?: Rng
}

export interface HeartbeatComponents {
  connectionManager: Pick<ConnectionManager, 'getConnections'>
}

/** How long a probed connection has to show life, in milliseconds: many round trips, and no long wait for a person. */
const PROBE_TIMEOUT = 5_000

/** What the heartbeat knows of one connection. */
export interface Pulse {
  /** The last measured round trip, in milliseconds. */
  rtt?: number
  failures: number
  /** When the connection last showed life, monotonic. */
  aliveAt: number
  bytesIn: number
  busy: boolean
}

/** Pings every connection, and closes those that are dead by both signs. */
export interface Heartbeat extends Startable {
  /** A round of pings, as the interval does it. */
  beat(): Promise<void>
  /**
   * Pings every connection and closes at once those from which nothing comes within 5 seconds. For when there is reason to
   * think that they are dead: the machine has slept or has changed its network.
   */
  probe(): Promise<void>
  pulse(connection: Connection): Readonly<Pulse> | undefined
  /** Connections closed as dead so far. */
  readonly closed: number
}

type Optional = 'traffic' | 'onDead' | 'onPing'

class HeartbeatService implements Heartbeat {
  closed = 0
  readonly #components: HeartbeatComponents
  readonly #init: Required<Omit<HeartbeatInit, Optional>> & Pick<HeartbeatInit, Optional>
  readonly #pulses = new WeakMap<Connection, Pulse>()
  #timer?: Timer
  #stopping = new AbortController()

  constructor(components: HeartbeatComponents, init: HeartbeatInit) {
    this.#components = components
    this.#init = {
      interval: 30_000,
      timeout: 10_000,
      maxFailures: 3,
      maxSilence: 60_000,
      clock: systemClock,
      rng: systemRng,
      ...init
    }
  }

  readonly [Symbol.toStringTag] = '@penin/heartbeat'

  start(): void {
    if (this.#timer != null) {
      return
    }
    this.#stopping = new AbortController()
    this.#timer = this.#init.clock.setInterval(() => {
      void this.beat()
    }, this.#init.interval)
  }

  stop(): void {
    this.#timer?.clear()
    this.#timer = undefined
    this.#stopping.abort()
  }

  async beat(): Promise<void> {
    await Promise.all(this.#components.connectionManager.getConnections().map(async (c) => this.#check(c)))
  }

  async probe(): Promise<void> {
    await Promise.all(this.#components.connectionManager.getConnections().map(async (c) => this.#probe(c)))
  }

  pulse(connection: Connection): Readonly<Pulse> | undefined {
    return this.#pulses.get(connection)
  }

  async #check(connection: Connection): Promise<void> {
    const { clock, rng, timeout } = this.#init
    const pulse = this.#observe(connection)
    if (pulse.busy || connection.status !== 'open') {
      return
    }
    pulse.busy = true
    const limit = deadline(clock, timeout, this.#stopping.signal)
    try {
      const rtt = await pingConnection(connection, { clock, rng, signal: limit.signal })
      pulse.rtt = rtt
      connection.rtt = Math.round(rtt)
      pulse.failures = 0
      pulse.aliveAt = clock.monotonic()
      this.#init.onPing?.(connection, rtt)
    } catch {
      if (!this.#stopping.signal.aborted) {
        pulse.failures++
        this.#init.onPing?.(connection, Infinity)
        this.#observe(connection) // an answer to something else, meanwhile, is life as well
        this.#judge(connection, pulse)
      }
    } finally {
      limit.clear()
      pulse.busy = false
    }
  }

  async #probe(connection: Connection): Promise<void> {
    const { clock, rng } = this.#init
    const before = this.#observe(connection).aliveAt
    const begun = clock.monotonic()
    const limit = deadline(clock, PROBE_TIMEOUT, this.#stopping.signal)
    try {
      await pingConnection(connection, { clock, rng, signal: limit.signal })
    } catch {
      const isSilent = this.#observe(connection).aliveAt <= Math.max(before, begun)
      if (isSilent && !this.#stopping.signal.aborted) {
        this.#close(connection, new DeadConnectionError(1, clock.monotonic() - begun))
      }
    } finally {
      limit.clear()
    }
  }

  #observe(connection: Connection): Pulse {
    const at = this.#init.clock.monotonic()
    const bytesIn = this.#init.traffic?.of(connection)?.bytesIn ?? 0
    const pulse = this.#pulses.get(connection) ?? { failures: 0, aliveAt: at, bytesIn, busy: false }
    if (bytesIn > pulse.bytesIn) {
      pulse.bytesIn = bytesIn
      pulse.aliveAt = at
    }
    this.#pulses.set(connection, pulse)
    return pulse
  }

  #judge(connection: Connection, pulse: Pulse): void {
    const silentFor = this.#init.clock.monotonic() - pulse.aliveAt
    if (pulse.failures >= this.#init.maxFailures && silentFor >= this.#init.maxSilence) {
      this.#close(connection, new DeadConnectionError(pulse.failures, silentFor))
    }
  }

  #close(connection: Connection, reason: DeadConnectionError): void {
    if (connection.status !== 'open') {
      return
    }
    this.closed++
    connection.abort(reason)
    this.#init.onDead?.(connection, reason)
  }
}

/** A libp2p service that finds dead connections without killing slow ones. Turn libp2p's own connection monitor off. */
export function heartbeat(init: HeartbeatInit = {}): (components: HeartbeatComponents) => Heartbeat {
  return (components) => new HeartbeatService(components, init)
}
