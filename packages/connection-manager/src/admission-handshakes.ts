import type { MultiaddrConnection } from '@libp2p/interface'
import type { Clock, Timer } from '@penin/interface'
import { HandshakeDisplacedError, SlowHandshakeError } from './admission-errors.js'

/**
 * Inbound handshakes under way, at most; a quarter of them from one source group. libp2p's own limit is 10, which turns a
 * classroom away, and says nothing.
 */
const MAX_HANDSHAKES = 256

/**
 * A handshake is left alone for so long even if its place is needed, in milliseconds: three round trips on the longest
 * cables. If newcomers took places at once, a crowd would push out those that are nearly done, and nobody would get in.
 */
const GRACE = 1_000

interface Handshake {
  raw: MultiaddrConnection
  group: string
  begun: number
  timer: Timer
}

interface HandshakesInit {
  clock: Clock
  timeout: number
  /** One was closed because it took too long, or because its place was needed. */
  onClosed: (raw: MultiaddrConnection, reason: 'slow-handshake' | 'too-many-handshakes') => void
}

/** No place for another handshake. */
interface HandshakeRefusal {
  reason: 'too-many-handshakes'
  limit: number
  group?: string
}

/**
 * Inbound connections that have not finished their handshake, by source group. Places are limited in total and by group, and
 * whoever stalls loses its place: after a deadline, or sooner if somebody else needs it.
 */
export class Handshakes {
  readonly #init: HandshakesInit
  readonly #all = new Map<MultiaddrConnection, Handshake>()
  /** In each group the oldest is the first. */
  readonly #groups = new Map<string, Set<Handshake>>()

  constructor(init: HandshakesInit) {
    this.#init = init
  }

  get size(): number {
    return this.#all.size
  }

  /** Takes a place for a connection, if need be that of one that stalls. */
  begin(raw: MultiaddrConnection, group: string): HandshakeRefusal | undefined {
    const groupLimit = group === 'loopback' ? MAX_HANDSHAKES : MAX_HANDSHAKES / 4
    const ofGroup = this.#groups.get(group)
    if (ofGroup != null && ofGroup.size >= groupLimit && !this.#displaceOldest(ofGroup)) {
      return { reason: 'too-many-handshakes', limit: groupLimit, group }
    }
    if (this.#all.size >= MAX_HANDSHAKES && !this.#displaceOldest(this.#largestGroup())) {
      return { reason: 'too-many-handshakes', limit: MAX_HANDSHAKES }
    }
    this.#add(raw, group)
    return undefined
  }

  /** The handshake is over, one way or the other. */
  end(raw: MultiaddrConnection): void {
    const handshake = this.#all.get(raw)
    if (handshake == null) {
      return
    }
    handshake.timer.clear()
    this.#all.delete(raw)
    const ofGroup = this.#groups.get(handshake.group)
    ofGroup?.delete(handshake)
    if (ofGroup?.size === 0) {
      this.#groups.delete(handshake.group)
    }
  }

  #add(raw: MultiaddrConnection, group: string): void {
    const { clock, timeout } = this.#init
    const timer = clock.setTimeout(() => {
      this.#close(handshake, 'slow-handshake', new SlowHandshakeError(timeout))
    }, timeout)
    const handshake: Handshake = { raw, group, begun: clock.monotonic(), timer }
    this.#all.set(raw, handshake)
    const ofGroup = this.#groups.get(group) ?? new Set()
    this.#groups.set(group, ofGroup.add(handshake))
    raw.addEventListener(
      'close',
      () => {
        this.end(raw)
      },
      { once: true }
    )
  }

  /** Only asked when all places are taken; there are no more groups than places. */
  #largestGroup(): Set<Handshake> {
    let largest = new Set<Handshake>()
    for (const group of this.#groups.values()) {
      largest = group.size > largest.size ? group : largest
    }
    return largest
  }

  #displaceOldest(group: ReadonlySet<Handshake>): boolean {
    const [oldest] = group
    const age = oldest == null ? 0 : this.#init.clock.monotonic() - oldest.begun
    if (oldest == null || age < GRACE) {
      return false
    }
    this.#close(oldest, 'too-many-handshakes', new HandshakeDisplacedError(age))
    return true
  }

  #close(handshake: Handshake, reason: 'slow-handshake' | 'too-many-handshakes', error: Error): void {
    this.end(handshake.raw)
    handshake.raw.abort(error)
    this.#init.onClosed(handshake.raw, reason)
  }
}
