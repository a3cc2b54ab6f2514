import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLimits, PREDECESSOR_LIMITS, PROFILE_LIMITS, type ConnectionLimits } from '../src/index.js'

describe('hard connection limits', () => {
  it.each([
    ['inbound', { inbound: 49, outbound: 10 }, undefined],
    ['inbound', { inbound: 50, outbound: 10 }, { reason: 'too-many-inbound', limit: 50, count: 50 }],
    ['outbound', { inbound: 0, outbound: 50 }, { reason: 'too-many-outbound', limit: 50, count: 50 }],
    ['outbound', { inbound: 0, outbound: 49 }, undefined],
    ['inbound', { inbound: 50, outbound: 50 }, { reason: 'too-many-inbound', limit: 50, count: 50 }]
  ] as const)('of the predecessors: one more %s with %j is answered %j', (direction, counts, refusal) => {
    expect(checkLimits(direction, counts, PREDECESSOR_LIMITS)).toEqual(refusal)
  })

  it('the total has a refusal of its own', () => {
    const limits = { inbound: 50, outbound: 50, total: 60, minOutbound: 10 }
    expect(checkLimits('outbound', { inbound: 30, outbound: 30 }, limits)).toEqual({
      reason: 'too-many-connections',
      limit: 60,
      count: 60
    })
  })

  it('exempt peers are let in whatever the limits', () => {
    const full = { inbound: 50, outbound: 50 }
    expect(checkLimits('inbound', full, PREDECESSOR_LIMITS, { exempt: true })).toBeUndefined()
    expect(checkLimits('outbound', full, PREDECESSOR_LIMITS, { exempt: true })).toBeUndefined()
  })

  it.each(Object.entries({ predecessors: PREDECESSOR_LIMITS, ...PROFILE_LIMITS }))(
    'of %s: all inbound places taken by strangers leave the minimum of outbound ones, and that total',
    (_, limits) => {
      expect(limits.inbound + limits.minOutbound).toBeLessThanOrEqual(limits.total)
      expect(flood(limits, 1_000)).toEqual({ inbound: limits.inbound, outbound: limits.minOutbound })
    }
  )

  it('whatever the limits and the order, the outbound minimum is to be had and no limit is passed', () => {
    const size = fc.integer({ min: 1, max: 60 })
    const arbitrary = fc.record({ inbound: size, outbound: size, total: size, minOutbound: size })
    fc.assert(
      fc.property(arbitrary, fc.array(fc.boolean(), { maxLength: 200 }), (limits, order) => {
        const counts = { inbound: 0, outbound: 0 }
        for (const isInbound of [...order, ...Array<boolean>(60).fill(false)]) {
          const direction = isInbound ? 'inbound' : 'outbound'
          counts[direction] += Number(checkLimits(direction, counts, limits) == null)
        }
        expect(counts.inbound).toBeLessThanOrEqual(limits.inbound)
        expect(counts.outbound).toBeLessThanOrEqual(limits.outbound)
        expect(counts.inbound + counts.outbound).toBeLessThanOrEqual(limits.total)
        expect(counts.outbound).toBeGreaterThanOrEqual(Math.min(limits.minOutbound, limits.outbound, limits.total))
      })
    )
  })
})

/** As many strangers as can come in, then dials until the minimum is reached. */
function flood(limits: ConnectionLimits, strangers: number): { inbound: number; outbound: number } {
  const counts = { inbound: 0, outbound: 0 }
  for (let i = 0; i < strangers; i++) {
    counts.inbound += Number(checkLimits('inbound', counts, limits) == null)
  }
  while (counts.outbound < limits.minOutbound && checkLimits('outbound', counts, limits) == null) {
    counts.outbound++
  }
  return counts
}
