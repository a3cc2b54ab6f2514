import type { Connection, Libp2pEvents, PeerId, Startable, TypedEventTarget } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { deadline, systemClock, systemRng, type Clock, type Rng, type Timer } from '@penin/interface'
import { DuplicateConnectionError } from './errors.js'
import { pingConnection } from './ping.js'

export interface SingleConnectionInit {
  /**
   * Milliseconds to wait after a second connection has opened: both ends must have seen both before one is closed, and
   * what has just begun on them (identify, hello) may finish.
   *
   * @default 1_000
   */
  settle?: number
  /**
   * How long the end that did not dial the surplus connection leaves it to the other end to close it, in milliseconds.
   *
   * @default 10_000
   */
  patience?: number
  clock?: Clock
  rng?: Rng
}

export interface SingleConnectionComponents {
  peerId: PeerId
  connectionManager: Pick<ConnectionManager, 'getConnections'>
  events: TypedEventTarget<Libp2pEvents>
}

/** What the choice depends on: who dialled, and when. */
export interface Link {
  direction: 'inbound' | 'outbound'
  /** When this end has seen it open, monotonic. */
  opened: number
}

/**
 * Which of several connections between two peers survives, chosen alike by both ends: one that the peer with the smaller
 * id dialled, if there is one; of several by the same dialler the oldest.
 *
 * @returns the survivor's index in `links`
 */
export function chooseSurvivor(links: readonly Link[], ownIdIsSmaller: boolean): number {
  const preferred = ownIdIsSmaller ? 'outbound' : 'inbound'
  let best = 0
  links.forEach((link, index) => {
    const champion = links[best] as Link
    const better = (link.direction === preferred ? 1 : 0) - (champion.direction === preferred ? 1 : 0)
    if (better > 0 || (better === 0 && link.opened < champion.opened)) {
      best = index
    }
  })
  return best
}

/** Closes surplus connections to a peer; libp2p keeps both of a simultaneous dial for ever (js-libp2p#2714). */
export interface SingleConnection extends Startable {
  /** Connections closed as duplicates so far, by this end. */
  readonly closed: number
}

class SingleConnectionService implements SingleConnection {
  closed = 0
  readonly #components: SingleConnectionComponents
  readonly #init: Required<SingleConnectionInit>
  readonly #timers = new Map<string, Timer>()
  /** When each connection was seen for the first time, monotonic: the wall clock, which libp2p notes, may jump. */
  readonly #seen = new WeakMap<Connection, number>()
  #stopping?: AbortController

  constructor(components: SingleConnectionComponents, init: SingleConnectionInit) {
    this.#components = components
    this.#init = { settle: 1_000, patience: 10_000, clock: systemClock, rng: systemRng, ...init }
  }

  readonly [Symbol.toStringTag] = '@penin/single-connection'

  start(): void {
    if (this.#stopping == null) {
      this.#stopping = new AbortController()
      this.#components.events.addEventListener('connection:open', this.#onOpen)
      this.#components.connectionManager.getConnections().forEach((connection) => {
        this.#seenAt(connection)
      })
    }
  }

  stop(): void {
    this.#components.events.removeEventListener('connection:open', this.#onOpen)
    this.#stopping?.abort()
    this.#stopping = undefined
    for (const timer of this.#timers.values()) {
      timer.clear()
    }
    this.#timers.clear()
  }

  readonly #onOpen = (event: CustomEvent<Connection>): void => {
    const peer = event.detail.remotePeer
    this.#seenAt(event.detail)
    // libp2p lists a connection after it has announced it, so the count may still lack this one
    const others = this.#components.connectionManager.getConnections(peer).filter((c) => c !== event.detail)
    if (others.length > 0) {
      this.#schedule(peer, this.#init.settle)
    }
  }

  #seenAt(connection: Connection): number {
    const at = this.#seen.get(connection) ?? this.#init.clock.monotonic()
    this.#seen.set(connection, at)
    return at
  }

  #schedule(peer: PeerId, after: number): void {
    const key = peer.toString()
    if (this.#stopping == null || this.#timers.has(key)) {
      return
    }
    const timer = this.#init.clock.setTimeout(() => {
      this.#timers.delete(key)
      void this.#reduce(peer)
    }, after)
    this.#timers.set(key, timer)
  }

  async #reduce(peer: PeerId): Promise<void> {
    const { clock, rng } = this.#init
    const open = this.#components.connectionManager.getConnections(peer).filter((c) => c.status === 'open')
    const ownIdIsSmaller = this.#components.peerId.toString() < peer.toString()
    const links = open.map((c) => ({ direction: c.direction, opened: this.#seenAt(c) }))
    const survivor = open[chooseSurvivor(links, ownIdIsSmaller)]
    const stopping = this.#stopping
    if (open.length < 2 || survivor == null || stopping == null) {
      return
    }
    // The survivor may be the half-open rest of a link that the other end has lost and dialled anew.
    const limit = deadline(clock, 5_000, stopping.signal)
    try {
      await pingConnection(survivor, { clock, rng, signal: limit.signal })
    } catch {
      if (!stopping.signal.aborted) {
        survivor.abort(new DuplicateConnectionError())
        this.#schedule(peer, this.#init.settle) // there may still be two others
      }
      return
    } finally {
      limit.clear()
    }
    await this.#close(
      peer,
      open.filter((c) => c !== survivor)
    )
  }

  async #close(peer: PeerId, surplus: Connection[]): Promise<void> {
    const { clock, patience } = this.#init
    for (const connection of surplus) {
      const age = clock.monotonic() - this.#seenAt(connection)
      if (connection.direction === 'inbound' && age < patience) {
        this.#schedule(peer, patience)
        continue
      }
      this.closed++
      const limit = deadline(clock, 5_000, this.#stopping?.signal)
      try {
        await connection.close({ signal: limit.signal })
      } catch {
        connection.abort(new DuplicateConnectionError())
      } finally {
        limit.clear()
      }
    }
  }
}

/** A libp2p service that leaves one connection to each peer, the same one at both ends. */
export function singleConnection(
  init: SingleConnectionInit = {}
): (components: SingleConnectionComponents) => SingleConnection {
  return (components) => new SingleConnectionService(components, init)
}
