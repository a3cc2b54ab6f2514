import type { Clock } from './clock.js'

/** A token bucket's shape. */
export interface RateLimit {
  /** How many at once, from a full bucket. */
  burst: number
  /** Tokens that come back each second. */
  perSecond: number
}

interface Bucket {
  tokens: number
  at: number
}

/**
 * Token buckets by key, in bounded memory.
 *
 * A bucket that has filled up again is forgotten; when the table is full of others, the one that was used longest ago
 * goes. An attacker with more sources than `maxKeys` thus gets fresh buckets, which is why there is a limit in total
 * beside the one by source wherever that matters.
 */
export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>()

  constructor(
    readonly limit: RateLimit,
    private readonly clock: Clock,
    readonly maxKeys = 4096
  ) {}

  get size(): number {
    return this.#buckets.size
  }

  /** Takes a token; false if there is none. */
  take(key: string): boolean {
    const at = this.clock.monotonic()
    const tokens = this.#refilled(key, at)
    this.#buckets.delete(key) // re-inserted at the end: the map is in order of use
    if (this.#buckets.size >= this.maxKeys) {
      this.#makeRoom(at)
    }
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at })
    return tokens >= 1
  }

  #refilled(key: string, at: number): number {
    const bucket = this.#buckets.get(key)
    if (bucket == null) {
      return this.limit.burst
    }
    const elapsed = Math.max(0, at - bucket.at) / 1000
    return Math.min(this.limit.burst, bucket.tokens + elapsed * this.limit.perSecond)
  }

  #makeRoom(at: number): void {
    const fillTime = (this.limit.burst / this.limit.perSecond) * 1000
    let oldest: string | undefined
    for (const [key, bucket] of this.#buckets) {
      oldest ??= key
      if (at - bucket.at < fillTime) {
        break // in order of use: everything behind it is younger
      }
      this.#buckets.delete(key)
    }
    if (this.#buckets.size >= this.maxKeys && oldest != null) {
      this.#buckets.delete(oldest)
    }
  }
}
