import type { Clock } from '@penin/interface'

/** Peers whose last beacon is remembered; about 300 bytes each. */
export const MAX_KNOWN_PEERS = 1024

/** A peer heard again with the same addresses within this many milliseconds isn't news. */
export const NEWS_INTERVAL = 30_000

/**
 * Milliseconds without a valid beacon after which a peer's number is forgotten. A host whose clock was set back (one
 * without a battery starts in 1970) is heard again after that; a replay is taken again after that, too, and leads to
 * addresses at which the dial then finds the peer or doesn't.
 */
export const NUMBER_LIFETIME = 600_000

interface Known {
  seq: number
  heard: number
  /** When it was last reported; undefined after a goodbye. */
  reported: number | undefined
  addresses: string
}

/** Remembers the number of each peer's last beacon, and when what was last reported of it. */
export class KnownPeers {
  /** In order of the last beacon. */
  readonly #known = new Map<string, Known>()

  constructor(private readonly clock: Clock) {}

  /** Never above {@link MAX_KNOWN_PEERS}. */
  get size(): number {
    return this.#known.size
  }

  /**
   * Whether a beacon with this number may say more than the last one taken from that peer. One beacon has the same number
   * on all links, and on the first of them that is heard there may be no address to tell of.
   */
  mayBeNews(id: string, seq: number): boolean {
    const known = this.#get(id)
    return known == null || seq > known.seq || (seq === known.seq && known.addresses === '')
  }

  /** Takes note of a verified beacon; true if it is news. */
  take(id: string, seq: number, addresses: string): boolean {
    const now = this.clock.monotonic()
    const before = this.#get(id)
    const isKnown = before?.reported != null && before.addresses === addresses
    const isNews = !isKnown || now - (before.reported ?? 0) >= NEWS_INTERVAL
    this.#set(id, { seq, heard: now, reported: isNews ? now : before.reported, addresses })
    return isNews
  }

  /** Takes note of a verified beacon that tells of nothing to report; what comes next is news. False for a copy of it. */
  takeWithout(id: string, seq: number): boolean {
    if (this.#get(id)?.seq === seq) {
      return false
    }
    this.#set(id, { seq, heard: this.clock.monotonic(), reported: undefined, addresses: '' })
    return true
  }

  clear(): void {
    this.#known.clear()
  }

  #get(id: string): Known | undefined {
    const known = this.#known.get(id)
    return known != null && this.clock.monotonic() - known.heard < NUMBER_LIFETIME ? known : undefined
  }

  #set(id: string, known: Known): void {
    this.#known.delete(id)
    this.#known.set(id, known)
    if (this.#known.size > MAX_KNOWN_PEERS) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest)
        break
      }
    }
  }
}
