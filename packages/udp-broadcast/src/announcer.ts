import type { Logger } from '@libp2p/interface'
import { RateLimiter, type Clock, type LinkSockets, type Rng, type Timer } from '@penin/interface'
import type { Link } from './interfaces.js'
import type { OwnBeacon } from './own-beacon.js'

/** Share by which a beacon comes earlier or later than the interval says, so that nodes don't fall into step. */
const JITTER = 0.1

/** Milliseconds that a node that has just started has for its first address, before its first beacon goes without. */
const FIRST_ADDRESS_WAIT = 1000

/** Milliseconds between a change of addresses and the beacon about it: several listeners come up one after the other. */
const SETTLING_TIME = 100

/** Milliseconds between two beacons, at the least. */
const MIN_GAP = 1000

/** Beacons about changes without waiting for the interval; they come back at one per interval, which keeps the average. */
const EXTRA_BURST = 2

/** What an {@link Announcer} works with. */
export interface AnnouncerInit {
  beacon: OwnBeacon
  sockets: LinkSockets<Link>
  /** Milliseconds between two beacons. */
  interval: number
  clock: Clock
  rng: Rng
  log: Logger
  /** Runs a step when no other one runs that uses the sockets. */
  inTurn: (step: () => Promise<void>) => Promise<void>
  /** A datagram has left. */
  onSent: (bytes: number) => void
}

/** Decides when this node's beacons go, and sends them. Its methods are called in turn. */
export class Announcer {
  /** Every address of this host. */
  own: ReadonlySet<string> = new Set()
  readonly #extra: RateLimiter
  /** The addresses told in the last beacon on each link. */
  readonly #told = new Map<string, string>()
  #running = false
  #sentAt: number | undefined
  /** The first address has come, and the first beacon is about to go. */
  #isSettling = false
  #timer?: Timer

  constructor(private readonly init: AnnouncerInit) {
    this.#extra = new RateLimiter({ burst: EXTRA_BURST, perSecond: 1000 / init.interval }, init.clock)
  }

  /** Sends the first beacon, or waits a second for an address to tell if `mayWait`. */
  async start(mayWait: boolean): Promise<void> {
    this.#running = true
    // libp2p starts its discovery before it listens
    if (mayWait && !this.#hasAddress()) {
      this.#schedule(FIRST_ADDRESS_WAIT)
    } else {
      await this.#round()
    }
  }

  /** Says goodbye, unless nobody has been told anything. */
  async stop(): Promise<void> {
    this.#running = false
    this.#timer?.clear()
    if (this.#sentAt != null) {
      await this.#goodbye()
    }
    this.#told.clear()
    this.#sentAt = undefined
    this.#isSettling = false
  }

  /** The links have changed: new ones hear of this node at once. */
  async linksChanged(added: readonly Link[]): Promise<void> {
    const keys = new Set(this.init.sockets.links.map(({ key }) => key))
    for (const key of this.#told.keys()) {
      if (!keys.has(key)) {
        this.#told.delete(key)
      }
    }
    if (this.#running && this.#sentAt != null && added.length > 0) {
      await this.#send(added)
    }
    this.addressesChanged()
  }

  /** The node's addresses may have changed: neighbours are told before the interval is over, within limits. */
  addressesChanged(): void {
    if (!this.#running) {
      return
    }
    if (this.#sentAt == null) {
      if (!this.#isSettling && this.#hasAddress()) {
        this.#isSettling = true
        this.#schedule(SETTLING_TIME)
      }
      return
    }
    const changed = this.init.sockets.links.filter((link) => this.#told.get(link.key) !== this.#addressKey(link))
    if (changed.length === 0 || !this.#extra.take('')) {
      return
    }
    for (const link of changed) {
      this.#told.set(link.key, this.#addressKey(link))
    }
    this.#schedule(Math.max(SETTLING_TIME, this.#sentAt + MIN_GAP - this.init.clock.monotonic()))
  }

  #schedule(ms: number): void {
    this.#timer?.clear()
    this.#timer = this.init.clock.setTimeout(() => {
      void this.init.inTurn(() => this.#round())
    }, ms)
  }

  /** A beacon on every link, and the next one after the interval. */
  async #round(): Promise<void> {
    if (!this.#running) {
      return
    }
    const { interval, rng, clock, sockets } = this.init
    this.#schedule(interval * (1 + JITTER * (2 * rng.float() - 1)))
    this.#sentAt = clock.monotonic()
    await this.#send(sockets.links)
  }

  /** One number for all links, so that whoever hears several takes one of them. */
  async #send(links: readonly Link[]): Promise<void> {
    const seq = this.init.beacon.nextSeq()
    for (const link of links) {
      this.#told.set(link.key, this.#addressKey(link))
      try {
        const addresses = this.init.beacon.addresses(link, this.own)
        await this.#broadcast(link, await this.init.beacon.encode(seq, addresses))
      } catch (error) {
        this.init.log.error('no beacon for %s - %e', link.name, error)
      }
    }
  }

  async #goodbye(): Promise<void> {
    const { beacon, sockets, log } = this.init
    try {
      const datagram = await beacon.encode(beacon.nextSeq(), [], true)
      await Promise.all(sockets.links.map((link) => this.#broadcast(link, datagram)))
    } catch (error) {
      log.error('no goodbye - %e', error)
    }
  }

  async #broadcast(link: Link, datagram: Buffer): Promise<void> {
    for (const destination of link.destinations) {
      if (await this.init.sockets.send(link, datagram, destination)) {
        this.init.onSent(datagram.byteLength)
      }
    }
  }

  #hasAddress(): boolean {
    return this.init.sockets.links.some((link) => this.#addressKey(link) !== '')
  }

  #addressKey(link: Link): string {
    try {
      return this.init.beacon.addresses(link, this.own).map(String).sort().join(' ')
    } catch (error) {
      // whoever asks is a timer or an event: there is nobody to throw this to
      this.init.log.error('no addresses to announce - %e', error)
      return this.#told.get(link.key) ?? ''
    }
  }
}
