import { FakeClock } from '@penin/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../src/index.js'

const limits = fc.record({
  burst: fc.integer({ min: 1, max: 50 }),
  perSecond: fc.double({ min: 0.1, max: 50, noNaN: true })
})

describe('RateLimiter', () => {
  it('grants no more than burst + rate x time in any window, however an attacker spaces its tries', () => {
    fc.assert(
      fc.property(limits, fc.array(fc.nat(2_000), { maxLength: 200 }), (limit, gaps) => {
        const clock = new FakeClock()
        const limiter = new RateLimiter(limit, clock)
        const granted: number[] = []
        for (const gap of gaps) {
          clock.tick(gap)
          if (limiter.take('attacker')) {
            granted.push(clock.monotonic())
          }
        }
        granted.forEach((from, first) => {
          granted.slice(first).forEach((to, more) => {
            expect(more + 1).toBeLessThanOrEqual(limit.burst + ((to - from) / 1000) * limit.perSecond + 1e-6)
          })
        })
      })
    )
  })

  it('never refuses a source that stays below the rate, whatever others do', () => {
    fc.assert(
      fc.property(limits, fc.nat(20), fc.integer({ min: 1, max: 100 }), (limit, noise, n) => {
        const clock = new FakeClock()
        const limiter = new RateLimiter(limit, clock)
        for (let i = 0; i < n; i++) {
          expect(limiter.take('honest')).toBe(true)
          for (let other = 0; other < noise; other++) {
            limiter.take(`other ${other}`)
          }
          clock.tick(1_001 / limit.perSecond)
        }
      })
    )
  })

  it('grants a whole burst at once, and a new one when the time for it has passed', () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ burst: 5, perSecond: 2 }, clock)
    const take = (n: number): number => Array.from({ length: n }, () => limiter.take('a')).filter(Boolean).length
    expect(take(10)).toBe(5)
    clock.tick(1_000)
    expect(take(10)).toBe(2)
    clock.tick(3_600_000)
    expect(take(10)).toBe(5)
  })

  it('is not fooled by a wall clock that jumps', () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ burst: 1, perSecond: 1 }, clock)
    limiter.take('a')
    clock.jump(86_400_000)
    expect(limiter.take('a')).toBe(false)
  })

  it('remembers a bounded number of sources, under a flood of them too', () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ burst: 2, perSecond: 0.001 }, clock)
    for (let i = 0; i < 20_000; i++) {
      limiter.take(`source ${i}`)
      expect(limiter.size).toBeLessThanOrEqual(limiter.maxKeys)
    }
    expect(limiter.size).toBe(4_096)
  })

  it('forgets full buckets first, so that somebody who has used up a burst cannot wash it off by using others', () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ burst: 1, perSecond: 1 }, clock, 3)
    limiter.take('a')
    limiter.take('b')
    clock.tick(900)
    limiter.take('spent')
    clock.tick(200)
    limiter.take('c')
    limiter.take('d')
    expect(limiter.size).toBeLessThanOrEqual(3)
    expect(limiter.take('spent')).toBe(false)
  })
})
