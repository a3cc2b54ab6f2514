import { wait } from '@penin/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeClock, seededRng } from '../src/index.js'

describe('FakeClock', () => {
  it('runs timers at their moment, in order of time and then of setting', () => {
    const clock = new FakeClock()
    const ran: string[] = []
    const note = (name: string) => () => {
      ran.push(`${name}@${clock.monotonic()}`)
    }
    clock.setTimeout(note('b'), 20)
    clock.setTimeout(note('a'), 10)
    clock.setTimeout(note('c'), 20)
    clock.setInterval(note('i'), 15)
    clock.tick(30)
    expect(ran).toEqual(['a@10', 'i@15', 'b@20', 'c@20', 'i@30'])
    expect(clock.pending()).toBe(1)
    expect(clock.monotonic()).toBe(30)
  })

  it('runs timers that are set or cleared by other timers within the same tick', () => {
    const clock = new FakeClock()
    const ran: number[] = []
    const never = clock.setTimeout(() => ran.push(-1), 12)
    clock.setTimeout(() => {
      never.clear()
      clock.setTimeout(() => ran.push(clock.monotonic()), 5)
    }, 10)
    clock.tick(100)
    expect(ran).toEqual([15])
    expect(clock.pending()).toBe(0)
  })

  it('takes a delay of 0, as Node.js does, for 1 ms, so that a timer which sets itself anew ends', () => {
    const clock = new FakeClock()
    let runs = 0
    const again = (): void => {
      runs++
      clock.setTimeout(again, 0)
    }
    again()
    clock.tick(10)
    expect(runs).toBe(11)
  })

  it('refuses delays that Node.js would turn into 1 ms', () => {
    const clock = new FakeClock()
    expect(() => clock.setTimeout(() => {}, 2 ** 31)).toThrow(expect.objectContaining({ name: 'UnusableDelayError' }))
    expect(() => clock.setTimeout(() => {}, Number.NaN)).toThrow(/1 ms/)
    expect(() => {
      clock.tick(-1)
    }).toThrow(expect.objectContaining({ name: 'InvalidArgumentError' }))
  })

  it('lets chains of promises and timers settle in tickAsync', async () => {
    const clock = new FakeClock()
    const at: number[] = []
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await wait(clock, 100)
        await new Promise((resolve) => setImmediate(resolve))
        at.push(clock.monotonic())
      }
    }
    const done = chain()
    await clock.tickAsync(300)
    expect(at).toEqual([100, 200, 300])
    await done
  })

  it('moves only the wall clock in a jump or while the machine sleeps', () => {
    const clock = new FakeClock({ now: 5_000_000, monotonic: 7 })
    let fired = false
    clock.setTimeout(() => (fired = true), 1_000)
    clock.jump(-60_000)
    clock.suspend(3_600_000)
    expect([clock.now(), clock.monotonic(), fired]).toEqual([5_000_000 + 3_540_000, 7, false])
    clock.tick(1_000)
    expect([clock.now(), clock.monotonic(), fired]).toEqual([5_000_000 + 3_541_000, 1_007, true])
  })
})

describe('seededRng', () => {
  it('gives the same for the same seed and something else for another', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (seed) => {
        const [a, b, c] = [seededRng(seed), seededRng(seed), seededRng(seed + 1)]
        const bytes = a.bytes(16)
        expect(b.bytes(16)).toEqual(bytes)
        expect(c.bytes(16)).not.toEqual(bytes)
        expect(a.float()).toBe(b.float())
      })
    )
  })

  it('is evenly spread over [0, 1)', () => {
    const rng = seededRng(1)
    const slots = Array<number>(16).fill(0)
    for (let i = 0; i < 16_000; i++) {
      const slot = Math.floor(rng.float() * 16)
      slots[slot] = (slots[slot] ?? NaN) + 1
    }
    for (const count of slots) {
      expect(count).toBeGreaterThan(800)
      expect(count).toBeLessThan(1_200)
    }
  })
})
