import type { Rng } from '@penin/interface'

/** How the waiting time between attempts grows. */
export interface BackoffPolicy {
  /** Upper bound of the first wait, in milliseconds. */
  base: number
  /** Upper bound of every wait, in milliseconds. */
  cap: number
}

/**
 * Bootstrap and persistent peers: tried for ever, never further apart than a minute, so that a server that comes back is
 * found within a minute even after days, and by a handful of dials an hour per client.
 */
export const PERSISTENT_BACKOFF: BackoffPolicy = { base: 1_000, cap: 60_000 }

/** Everybody else: most addresses that strangers hand out never answer, so waiting grows to ten minutes. */
export const CANDIDATE_BACKOFF: BackoffPolicy = { base: 5_000, cap: 600_000 }

/**
 * "Full jitter": a uniformly random wait between 0 and `base * 2^failures`, capped. Of the usual schemes it spreads a
 * crowd that lost the same server most evenly (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param failures failed attempts so far; 1 after the first failure
 * @returns milliseconds
 */
export function backoff(policy: BackoffPolicy, failures: number, rng: Rng): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 30)
  return rng.float() * Math.min(policy.cap, policy.base * 2 ** exponent)
}
