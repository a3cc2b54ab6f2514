import { seededRng } from '@penin/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoff, CANDIDATE_BACKOFF, PERSISTENT_BACKOFF } from '../src/index.js'

const policies = fc.constantFrom(PERSISTENT_BACKOFF, CANDIDATE_BACKOFF)
const last = { float: () => 1 - 2 ** -53, bytes: (n: number) => new Uint8Array(n) }

describe('backoff', () => {
  it('is never negative, never beyond the cap, and never beyond the doubled base', () => {
    fc.assert(
      fc.property(policies, fc.nat(10_000), fc.nat(), (policy, failures, seed) => {
        const ms = backoff(policy, failures, seededRng(seed))
        expect(ms).toBeGreaterThanOrEqual(0)
        expect(ms).toBeLessThan(policy.cap)
        expect(ms).toBeLessThanOrEqual(policy.base * 2 ** Math.max(0, failures - 1))
      })
    )
  })

  it('grows up to the cap and stays there, after any number of failures', () => {
    const bounds = [0, 1, 2, 3, 6, 7, 8, 1e6].map((failures) => Math.round(backoff(PERSISTENT_BACKOFF, failures, last)))
    expect(bounds).toEqual([1_000, 1_000, 2_000, 4_000, 32_000, 60_000, 60_000, 60_000])
  })

  it('spreads a crowd that lost the same server over the whole interval', () => {
    const rng = seededRng(3)
    const waits = Array.from({ length: 1_000 }, () => backoff(PERSISTENT_BACKOFF, 7, rng))
    for (const quarter of [0, 1, 2, 3]) {
      const within = waits.filter((ms) => Math.floor(ms / 15_000) === quarter)
      expect(within.length).toBeGreaterThan(200)
    }
  })
})
