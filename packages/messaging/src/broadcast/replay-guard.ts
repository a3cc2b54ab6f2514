import type { Clock } from '@penin/interface'
import { SEEN_TTL } from './limits.js'

/** Two of them, and GossipSub has forgotten an id: what is older must then be known by its number. */
const PERIOD = SEEN_TTL / 2

interface Author {
  /** Number of the period in which `latest` counts. */
  period: number
  latest: bigint
  /** Highest number up to the end of the period before. */
  before: bigint
  /** Highest number up to the end of the period before that: nothing up to it is taken any more. */
  floor: bigint
}

/**
 * Refuses messages that GossipSub no longer remembers, so that nobody can have them delivered a second time.
 *
 * Authors number their messages upwards. Whatever is at most as high as an author's highest number of between one and
 * two minutes ago is either older, or so late that the mesh has given up on it. Memory is bounded: the author of which
 * nothing was heard for longest is forgotten first, and an old message of that one would be taken once more.
 */
export class ReplayGuard {
  readonly #authors = new Map<string, Author>()

  constructor(
    private readonly maxAuthors: number,
    private readonly clock: Clock
  ) {}

  get size(): number {
    return this.#authors.size
  }

  /** Notes a message; false if it must be an old one. */
  admit(author: string, number: bigint): boolean {
    const period = Math.floor(this.clock.monotonic() / PERIOD)
    const known = this.#authors.get(author) ?? { period, latest: -1n, before: -1n, floor: -1n }
    this.#authors.delete(author)
    this.#authors.set(author, known)
    if (this.#authors.size > this.maxAuthors) {
      for (const oldest of this.#authors.keys()) {
        this.#authors.delete(oldest)
        break
      }
    }
    if (period > known.period) {
      known.floor = period > known.period + 1 ? known.latest : known.before
      known.before = known.latest
      known.period = period
    }
    if (number <= known.floor) {
      return false
    }
    if (number > known.latest) {
      known.latest = number
    }
    return true
  }
}
