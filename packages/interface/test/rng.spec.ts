import { seededRng } from '@penin/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomInt, shuffled, type Rng } from '../src/index.js'

/** The largest number that `float()` may give. */
const EXTREMES: Rng[] = [0, 1 - 2 ** -53].map((value) => ({ float: () => value, bytes: (n) => new Uint8Array(n) }))

describe('randomInt', () => {
  it('stays within its range, at the extremes too', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 31 }), (seed, below) => {
        for (const rng of [seededRng(seed), ...EXTREMES]) {
          const value = randomInt(rng, below)
          expect(Number.isInteger(value) && value >= 0 && value < below).toBe(true)
        }
      })
    )
  })

  it('is 0 where there is no choice', () => {
    expect([1, 0, -5, Number.NaN].map((below) => randomInt(EXTREMES[1] as Rng, below))).toEqual([0, 0, 0, 0])
  })
})

describe('shuffled', () => {
  it('has the same items, leaves the original alone, and is the same for the same seed', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.integer()), (seed, items) => {
        const before = [...items]
        const out = shuffled(seededRng(seed), items)
        expect(items).toEqual(before)
        expect(out.toSorted((a, b) => a - b)).toEqual(before.toSorted((a, b) => a - b))
        expect(shuffled(seededRng(seed), new Set(items))).toEqual(shuffled(seededRng(seed), new Set(items)))
      })
    )
  })

  it('puts every item everywhere about equally often', () => {
    const rng = seededRng(5)
    const seen = new Map<string, number>()
    for (let i = 0; i < 6_000; i++) {
      const order = shuffled(rng, ['a', 'b', 'c']).join('')
      seen.set(order, (seen.get(order) ?? 0) + 1)
    }
    expect(seen.size).toBe(6)
    for (const count of seen.values()) {
      expect(Math.abs(count - 1_000)).toBeLessThan(150)
    }
  })
})
