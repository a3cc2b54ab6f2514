import { describe, expect, it } from 'vitest'
import type { Bench, Side } from '../src/bench/bench.js'
import { runBench } from '../src/bench/runner.js'
import { formatTable } from '../src/bench/table.js'

const bench: Bench = {
  rows: [
    { name: 'a', unit: 'ms', what: 'a', atMost: 1.1 },
    { name: 'b', unit: 'KiB', what: 'b' }
  ],
  rounds: 1,
  measure: async () => ({})
}

/** Measures what the lists say, first number first. */
function scripted(numbers: Record<Side, number[]>): (side: Side) => Promise<Record<string, number>> {
  return async (side) => {
    const value = numbers[side].shift() ?? Number.NaN
    return { a: value, b: value * 2 }
  }
}

describe('a run of a bench', () => {
  it('takes turns, and swaps who is first in every other round', async () => {
    const order: string[] = []
    await runBench(bench, {
      rounds: 3,
      measure: async (side) => {
        order.push(side)
        return { a: 1, b: 1 }
      }
    })
    expect(order).toEqual(['ours', 'theirs', 'theirs', 'ours', 'ours', 'theirs'])
  })

  it('compares the medians of the rounds', async () => {
    const rows = await runBench(bench, {
      rounds: 3,
      measure: scripted({ ours: [5, 6, 100], theirs: [4, 1, 4] })
    })
    expect(rows[0]).toMatchObject({
      name: 'a',
      value: 6,
      unit: 'ms',
      against: 'libp2p',
      theirs: 4,
      ratio: 1.5,
      rounds: 3
    })
    expect(rows[1]).toMatchObject({ name: 'b', value: 12, theirs: 8, ratio: 1.5 })
    expect(rows[0]?.spread.ours).toEqual({ min: 5, max: 100, mad: 1 })
  })

  it.for([
    [11, 10, true],
    [11.01, 10, false],
    [1, 0, false],
    [Number.NaN, 10, false]
  ] as const)('holds %d against %d to the bar: met is %s', async ([ours, theirs, met]) => {
    const rows = await runBench(bench, { rounds: 1, measure: scripted({ ours: [ours], theirs: [theirs] }) })
    expect(rows[0]?.bar).toEqual({ atMost: 1.1, met })
    expect(rows[1]?.bar).toBeUndefined()
  })

  it.for([
    [5, true],
    [5.01, false]
  ] as const)('of ours alone holds the median itself to a bar: %d µs, met is %s', async ([value, met]) => {
    const lone: Bench = { ...bench, alone: true, rows: [{ name: 'a', unit: 'µs', what: 'a', limit: 5 }] }
    const order: string[] = []
    const rows = await runBench(lone, {
      rounds: 3,
      measure: async (side) => {
        order.push(side)
        return { a: value }
      }
    })
    expect(order).toEqual(['ours', 'ours', 'ours'])
    expect(rows).toEqual([
      {
        name: 'a',
        value,
        unit: 'µs',
        rounds: 3,
        spread: { ours: { min: value, max: value, mad: 0 } },
        bar: { atMost: 5, unit: 'µs', met }
      }
    ])
    expect(
      formatTable(rows)
        .split('\n')[1]
        ?.split(/\s{2,}/)
    ).toEqual([
      'a',
      `${value.toFixed(2)} µs`,
      met ? '<= 5 µs' : 'missed <= 5 µs',
      '3',
      `${value.toFixed(2)}–${value.toFixed(2)}`
    ])
  })

  it('says before each measurement how many rounds are over', async () => {
    const seen: unknown[] = []
    await runBench(bench, {
      rounds: 2,
      measure: async () => ({ a: 1, b: 1 }),
      onProgress: (at) => seen.push(at)
    })
    expect(seen).toEqual([
      { done: 0, rounds: 2, side: 'ours' },
      { done: 0, rounds: 2, side: 'theirs' },
      { done: 1, rounds: 2, side: 'theirs' },
      { done: 1, rounds: 2, side: 'ours' }
    ])
  })

  it('shows every row with its ratio, and which bar was missed', async () => {
    const rows = await runBench(bench, { rounds: 1, measure: scripted({ ours: [12.5], theirs: [10] }) })
    const [, a, b] = formatTable(rows).split('\n')
    expect(a?.split(/\s{2,}/)).toEqual([
      'a',
      '12.5 ms',
      '10.0 ms',
      '1.25',
      'missed <= 1.10',
      '1',
      '12.5–12.5',
      '10.0–10.0'
    ])
    expect(b).toMatch(/^b .*25\.0 KiB .*20\.0 KiB .* 1\.25 /)
  })
})
