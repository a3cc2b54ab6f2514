import type { Clock } from '@penin/interface'

/** How fast a bucket fills (tokens per second) and how many tokens it holds. */
export interface BucketRate {
  perSecond: number
  burst: number
}

/**
 * Packets a second from one address. A peer sends one query in 10 s and at most one answer a second, so 10 is an
 * order of magnitude above what an honest one needs, even next to a printer or a media server on the same host.
 */
export const SOURCE_RATE: BucketRate = { perSecond: 10, burst: 20 }

/** Packets a second from everybody together: what is parsed at most, whoever sends. */
export const GLOBAL_RATE: BucketRate = { perSecond: 200, burst: 200 }

/** Addresses that are told apart at a time; about 100 bytes each. */
export const MAX_SOURCES = 256

/** A token bucket over the monotonic time of a {@link Clock}. */
export class TokenBucket {
  #tokens: number
  #at: number

  constructor(
    private readonly clock: Clock,
    private readonly rate: BucketRate
  ) {
    this.#tokens = rate.burst
    this.#at = clock.monotonic()
  }

  /** Takes one token; false if there is none. */
  take(): boolean {
    const now = this.clock.monotonic()
    const gained = (Math.max(0, now - this.#at) / 1000) * this.rate.perSecond
    this.#tokens = Math.min(this.rate.burst, this.#tokens + gained)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}

/**
 * One bucket per source address and one for all of them. The common one is only asked when the source's own has let
 * the packet through, so that a single flooder can't spend everybody's share.
 */
export class PacketLimiter {
  readonly #sources = new Map<string, TokenBucket>()
  readonly #global: TokenBucket

  constructor(private readonly clock: Clock) {
    this.#global = new TokenBucket(clock, GLOBAL_RATE)
  }

  /** Number of addresses that have a bucket of their own right now; never above {@link MAX_SOURCES}. */
  get size(): number {
    return this.#sources.size
  }

  /**
   * Whether a packet may be parsed. Processes on this host share an address, so their packets (`ownHost`) count
   * against the common bucket only.
   */
  allow(source: string, ownHost: boolean): boolean {
    return (ownHost || this.#bucket(source).take()) && this.#global.take()
  }

  #bucket(source: string): TokenBucket {
    const bucket = this.#sources.get(source) ?? new TokenBucket(this.clock, SOURCE_RATE)
    // delete and set: the least recently heard address comes first and is the one to go
    this.#sources.delete(source)
    this.#sources.set(source, bucket)
    if (this.#sources.size > MAX_SOURCES) {
      for (const oldest of this.#sources.keys()) {
        this.#sources.delete(oldest)
        break
      }
    }
    return bucket
  }
}
