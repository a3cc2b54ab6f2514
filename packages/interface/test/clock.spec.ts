import { getEventListeners } from 'node:events'
import { FakeClock, processExits } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { deadline, systemClock, systemRng, wait } from '../src/index.js'

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

describe('wait', () => {
  it('resolves at its time and not before, and leaves no listener', async () => {
    const clock = new FakeClock()
    const { signal } = new AbortController()
    let done = false
    const waiting = wait(clock, 100, signal).then(() => (done = true))
    await clock.tickAsync(99)
    expect(done).toBe(false)
    await clock.tickAsync(1)
    await waiting
    expect([listeners(signal), clock.pending()]).toEqual([0, 0])
  })

  it('rejects with the reason of the signal, and clears its timer', async () => {
    const clock = new FakeClock()
    const aborter = new AbortController()
    const waiting = wait(clock, 100, aborter.signal)
    const reason = new RangeError('enough')
    aborter.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(clock.pending()).toBe(0)
  })

  it('does not even begin when the signal has been aborted', async () => {
    const clock = new FakeClock()
    await expect(wait(clock, 1, AbortSignal.abort(new RangeError('x')))).rejects.toThrow('x')
    expect(clock.pending()).toBe(0)
  })
})

describe('deadline', () => {
  it('aborts with a TimeoutError at its time', () => {
    const clock = new FakeClock()
    const { signal } = deadline(clock, 50)
    clock.tick(49)
    expect(signal.aborted).toBe(false)
    clock.tick(1)
    expect(signal.reason).toMatchObject({ name: 'TimeoutError', message: 'timed out after 50 ms' })
  })

  it('aborts with the reason of whichever signal is first, present or future', () => {
    const clock = new FakeClock()
    const [one, two] = [new AbortController(), new AbortController()]
    const limit = deadline(clock, 50, undefined, one.signal, two.signal)
    two.abort('second')
    one.abort('first')
    expect(limit.signal.reason).toBe('second')
    expect(deadline(clock, 50, AbortSignal.abort('before')).signal.reason).toBe('before')
  })

  it('leaves neither timer nor listener once cleared, however often it is used on one signal', () => {
    const clock = new FakeClock()
    const { signal } = new AbortController()
    for (let i = 0; i < 100; i++) {
      const limit = deadline(clock, 50, signal)
      expect(listeners(signal)).toBe(1)
      limit.clear()
      limit.clear()
      expect([clock.pending(), listeners(signal)]).toEqual([0, 0])
    }
  })

  it('does not abort any more once cleared', () => {
    const clock = new FakeClock()
    const aborter = new AbortController()
    const limit = deadline(clock, 50, aborter.signal)
    limit.clear()
    clock.tick(100)
    aborter.abort()
    expect(limit.signal.aborted).toBe(false)
  })
})

describe('the system clock', () => {
  it('runs timers and intervals until they are cleared', async () => {
    const began = systemClock.monotonic()
    let beats = 0
    await new Promise<void>((resolve) => {
      const interval = systemClock.setInterval(() => {
        if (++beats === 2) {
          interval.clear()
          resolve()
        }
      }, 1)
    })
    await new Promise<void>((resolve) => {
      systemClock.setTimeout(() => {}, 1).clear()
      systemClock.setTimeout(resolve, 2)
    })
    expect(beats).toBe(2)
    expect(systemClock.monotonic()).toBeGreaterThan(began)
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000)
  })

  it('keeps no process alive', async () => {
    // The file imports nothing, so Node.js runs its TypeScript as it is.
    const url = new URL('../src/clock.ts', import.meta.url)
    await processExits(
      `const { systemClock: clock } = await import(${JSON.stringify(url)})
       clock.setTimeout(() => {}, 1e6); clock.setInterval(() => {}, 1e6)`
    )
  })

  it('has a companion that is random', () => {
    expect(systemRng.bytes(32)).not.toEqual(systemRng.bytes(32))
    const numbers = Array.from({ length: 100 }, () => systemRng.float())
    expect(numbers.every((n) => n >= 0 && n < 1)).toBe(true)
    expect(new Set(numbers).size).toBe(100)
  })
})
