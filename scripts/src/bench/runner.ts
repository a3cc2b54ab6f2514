import type { Bench, ComparedRow, LoneRow, Numbers, Row, RowSpec, Side } from './bench.js'
import { median, spread } from './statistics.js'

export interface RunOptions {
  rounds: number
  /** Measures one side once. */
  measure: (side: Side) => Promise<Numbers>
  /** Measures both, if the bench does that at once. */
  measureBoth?: (() => Promise<Record<Side, Numbers>>) | undefined
  /** Told before each half of a round; `done` counts whole rounds. */
  onProgress?: (progress: { done: number; rounds: number; side: Side }) => void
}

/**
 * Measures both sides in turns, so that whatever else the machine does hits both alike: ours, theirs, then the other way
 * round, because the second of a pair meets another machine (warm caches, a lower clock) than the first.
 */
export async function runBench(bench: Bench, { rounds, measure, measureBoth, onProgress }: RunOptions): Promise<Row[]> {
  const taken: Record<Side, Numbers[]> = { ours: [], theirs: [] }
  for (let done = 0; done < rounds; done++) {
    if (measureBoth !== undefined) {
      onProgress?.({ done, rounds, side: 'ours' })
      const both = await measureBoth()
      taken.ours.push(both.ours)
      taken.theirs.push(both.theirs)
      continue
    }
    for (const side of bench.alone === true ? (['ours'] as const) : orderOf(done)) {
      onProgress?.({ done, rounds, side })
      taken[side].push(await measure(side))
    }
  }
  return bench.rows.map((spec) => {
    const ours = valuesOf(taken.ours, spec)
    return bench.alone === true ? toLoneRow(spec, ours) : toRow(spec, ours, valuesOf(taken.theirs, spec))
  })
}

function orderOf(round: number): readonly Side[] {
  return round % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']
}

function valuesOf(taken: readonly Numbers[], { name }: RowSpec): number[] {
  return taken.map((numbers) => numbers[name] ?? Number.NaN)
}

function toLoneRow({ name, unit, limit }: RowSpec, ours: readonly number[]): LoneRow {
  const value = median(ours)
  return {
    name,
    value,
    unit,
    rounds: ours.length,
    spread: { ours: spread(ours) },
    ...(limit === undefined ? {} : { bar: { atMost: limit, unit, met: value <= limit } })
  }
}

function toRow(
  { name, unit, atMost, against = 'libp2p' }: RowSpec,
  ours: readonly number[],
  theirs: readonly number[]
): ComparedRow {
  const ratio = median(ours) / median(theirs)
  return {
    name,
    value: median(ours),
    unit,
    against,
    ratio,
    rounds: ours.length,
    theirs: median(theirs),
    spread: { ours: spread(ours), theirs: spread(theirs) },
    ...(atMost === undefined ? {} : { bar: { atMost, met: ratio <= atMost } })
  }
}
