import { RateLimiter } from '@penin/interface'
import type { Clock, RateLimit } from '@penin/interface'

/**
 * Packets a second from one address. A peer sends one query in 10 s and at most one answer a second, so 10 is an
 * order of magnitude above what an honest one needs, even next to a printer or a media server on the same host.
 */
export const SOURCE_RATE: RateLimit = { perSecond: 10, burst: 20 }

/** Packets a second from everybody together: what is parsed at most, whoever sends. */
export const GLOBAL_RATE: RateLimit = { perSecond: 200, burst: 200 }

/** Addresses that are told apart at a time; about 100 bytes each. */
export const MAX_SOURCES = 256

/**
 * One limit per source address and one for all of them. The common one is only asked when the source's own has let
 * the packet through, so that a single flooder can't spend everybody's share.
 */
export class PacketLimiter {
  readonly #sources: RateLimiter
  readonly #total: RateLimiter

  constructor(clock: Clock) {
    this.#sources = new RateLimiter(SOURCE_RATE, clock, MAX_SOURCES)
    this.#total = new RateLimiter(GLOBAL_RATE, clock)
  }

  /** Number of addresses that are told apart right now; never above {@link MAX_SOURCES}. */
  get size(): number {
    return this.#sources.size
  }

  /**
   * Whether a packet may be parsed. Processes on this host share an address, so their packets (`ownHost`) count
   * against the common limit only.
   */
  allow(source: string, ownHost: boolean): boolean {
    return (ownHost || this.#sources.take(source)) && this.#total.take('')
  }
}
