import type { Lab } from './lab.js'
import type { Spread } from './statistics.js'

/** Who is measured: `ours` is `createNode()`, `theirs` is plain libp2p. */
export type Side = 'ours' | 'theirs'

/** One line of the result: what a number means and, if there is one, the bar its ratio has to stay under. */
export interface RowSpec {
  name: string
  unit: 'ms' | 'KiB'
  /** One line for `--list`. */
  what: string
  /** The ratio ours/theirs must not be above it; only `--check` makes it count. */
  atMost?: number
}

/** Something to measure. One run can yield several rows: what two of them share is not done twice. */
export interface Bench {
  rows: readonly RowSpec[]
  /** Rounds unless the command line says otherwise. */
  rounds: number
  /** Measures one side once; one number for each row, by name. */
  measure(side: Side, lab: Lab): Promise<Readonly<Record<string, number>>>
}

/** A row of the result. */
export interface Row {
  name: string
  /** Ours: the median of the rounds. */
  value: number
  unit: RowSpec['unit']
  /** What ours is compared with. */
  against: 'libp2p'
  /** Ours divided by theirs, of the medians. */
  ratio: number
  rounds: number
  /** Theirs: the median of the rounds. */
  theirs: number
  spread: Record<Side, Spread>
  /** The bar, and whether it was met. */
  bar?: { atMost: number; met: boolean }
}
