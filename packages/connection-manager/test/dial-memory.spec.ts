import { seededRng } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { CANDIDATE_BACKOFF } from '../src/index.js'
import { DialMemory } from '../src/dial-memory.js'

/** Chance at its worst: every wait is as long as it can be. */
const longest = { float: () => 1 - 1e-9, bytes: (n: number) => new Uint8Array(n) }

describe('DialMemory', () => {
  it('waits longer after each failure, up to ten minutes', () => {
    const memory = new DialMemory(longest)
    const waits = Array.from({ length: 12 }, () => {
      memory.failed('a', 0, 'refused')
      return Math.round(memory.get('a')?.nextAttemptAt ?? 0)
    })
    expect(waits.slice(0, 4)).toEqual([5_000, 10_000, 20_000, 40_000])
    expect(waits.at(-1)).toBe(CANDIDATE_BACKOFF.cap)
    expect(memory.get('a')).toMatchObject({ failures: 12, lastError: 'refused' })
    expect([memory.isDue('a', 599_000), memory.isDue('a', 600_000), memory.isDue('b', 0)]).toEqual([false, true, true])
  })

  it('forgives every failure once a link was of use, but does not redial at once', () => {
    const memory = new DialMemory(longest)
    memory.failed('a', 0, 'refused')
    memory.wasUseful('a', 100_000)
    expect(memory.get('a')?.failures).toBe(0)
    expect(memory.isDue('a', 100_001)).toBe(false)
    expect(memory.isDue('a', 105_000)).toBe(true)
  })

  it('lets the world’s change clear waits, and not what it knows of failures', () => {
    const memory = new DialMemory(longest)
    memory.failed('a', 0)
    memory.failed('a', 0)
    memory.postpone('b', 1_000_000)
    expect(memory.isDue('b', 999_999)).toBe(false)
    memory.clearBackoffs()
    expect(memory.isDue('a', 0) && memory.isDue('b', 0)).toBe(true)
    expect(memory.get('a')?.failures).toBe(2)
  })

  it('is bounded: of a million peers the latest 4096 are remembered', () => {
    const memory = new DialMemory(seededRng(1))
    for (let i = 0; i < 20_000; i++) {
      memory.failed(String(i), 0)
    }
    expect(memory.size).toBe(4096)
    expect([memory.get('19999')?.failures, memory.get('0')]).toEqual([1, undefined])
  })
})
