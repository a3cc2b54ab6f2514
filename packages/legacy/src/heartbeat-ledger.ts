import type { Clock } from '@penin/interface'

/** How long a heartbeat of ours may wait for its answer, in milliseconds. */
const ANSWER_TIME = 30_000

/** At most one answer to a peer in so many milliseconds; an honest one beats every 30 s. */
const ANSWER_INTERVAL = 5_000

/** Peers to remember; more than a node has connections. */
const MAX_PEERS = 1024

interface Entry {
  /** When we sent one that has not been answered. */
  askedAt?: number | undefined
  answeredAt?: number | undefined
}

/**
 * Tells a heartbeat that wants an answer from one that is an answer. On the wire both look the same, and two nodes that
 * answer everything would never stop: the Python node's handler, wired to a transport as it stands, does just that.
 */
export class HeartbeatLedger {
  readonly #entries = new Map<string, Entry>()

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.#entries.size
  }

  /** We have sent one, unasked. */
  sent(peer: string): void {
    this.#entry(peer).askedAt = this.clock.monotonic()
  }

  /**
   * One has come. It is no question if it came on a stream that we had opened, if we wait for one, or if we have
   * answered this peer just now, for that may be the answer of one that answers everything.
   */
  isQuestion(peer: string, onOurStream: boolean): boolean {
    const entry = this.#entry(peer)
    const now = this.clock.monotonic()
    const isAwaited = now - (entry.askedAt ?? -Infinity) < ANSWER_TIME
    entry.askedAt = undefined
    if (onOurStream || isAwaited || now - (entry.answeredAt ?? -Infinity) < ANSWER_INTERVAL) {
      return false
    }
    entry.answeredAt = now
    return true
  }

  #entry(peer: string): Entry {
    const entry = this.#entries.get(peer) ?? {}
    this.#entries.delete(peer) // re-inserted at the end: the map is in order of use
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < MAX_PEERS) {
        break
      }
      this.#entries.delete(oldest)
    }
    this.#entries.set(peer, entry)
    return entry
  }
}
