import type { Startable } from '@libp2p/interface'
import type { Timer } from '@penin/interface'
import { describe, expect, it } from 'vitest'
import { lifecycleCompliance, type FakeClock, type LifecycleFactory } from '../src/index.js'

class Good implements Startable {
  #timer?: Timer
  constructor(private readonly clock: FakeClock) {}
  start(): void {
    this.#timer ??= this.clock.setInterval(() => {}, 10)
  }
  stop(): void {
    this.#timer?.clear()
    this.#timer = undefined
  }
}

lifecycleCompliance('a good service', (clock) => new Good(clock), { describe, it })

/** Runs the suite as if it were a test framework, and returns the titles of the tests that fail. */
async function failures(factory: LifecycleFactory): Promise<string[]> {
  const tests: Array<[string, () => Promise<void>]> = []
  lifecycleCompliance('subject', factory, {
    describe: (_name, fn) => {
      fn()
    },
    it: (title, fn) => tests.push([title, fn])
  })
  const failed: string[] = []
  for (const [title, fn] of tests) {
    await fn().catch(() => failed.push(title))
  }
  return failed
}

describe('lifecycleCompliance', () => {
  it('finds a service that sets a timer at each start', async () => {
    const found = await failures((clock) => {
      const timers: Timer[] = []
      return { start: () => void timers.push(clock.setInterval(() => {}, 1)), stop: () => timers.pop()?.clear() }
    })
    expect(found).toContain('starting twice, one after the other or at once, is starting once')
  })

  it('finds a service whose start goes on after a stop', async () => {
    const found = await failures((clock) => ({
      start: async () => {
        await Promise.resolve()
        clock.setTimeout(() => {}, 1_000)
      },
      stop: () => {}
    }))
    expect(found).toContain('stopping during the start leaves it stopped')
  })

  it('finds a service that leaves a listener behind', async () => {
    let listeners = 0
    const found = await failures(() => ({
      service: { start: () => void listeners++, stop: () => {} },
      held: () => listeners
    }))
    expect(found).toContain('stopping twice, one after the other or at once, is stopping once')
  })

  it('finds a service that works only once', async () => {
    const found = await failures((clock) => {
      let timer: Timer | undefined
      return {
        start: () => {
          timer ??= clock.setInterval(() => {}, 1)
        },
        stop: () => timer?.clear()
      }
    })
    expect(found).toContain('it starts again after a stop')
  })
})
