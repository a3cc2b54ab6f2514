import type { Lab } from './lab.js'
import type { Spread } from './statistics.js'

/** Who is measured: `ours` is `createNode()`, `theirs` is plain libp2p. */
export type Side = 'ours' | 'theirs'

/** One line of the result: what a number means and, if there is one, the bar that it or its ratio has to stay under. */
export interface RowSpec {
  name: string
  unit: 'µs' | 'ms' | 'KiB'
  /** One line for `--list`. */
  what: string
  /** The ratio ours/theirs must not be above it; only `--check` makes it count. */
  atMost?: number
  /** Who `theirs` is in this row, if it isn't plain libp2p. */
  against?: string
  /** Without a ratio: our own number, in its unit, must not be above it; only `--check` makes it count. */
  limit?: number
}

/** Something to measure. One run can yield several rows: what two of them share is not done twice. */
export interface Bench {
  rows: readonly RowSpec[]
  /** Rounds unless the command line says otherwise. */
  rounds: number
  /** Only ours is measured: libp2p has nothing of the kind. */
  alone?: true
  /** It takes many minutes: run only when it is asked for by name. */
  long?: true
  /** Measures one side once; one number for each row, by name. */
  measure?(side: Side, lab: Lab): Promise<Numbers>
  /** Instead of it: measures both at once, in turns of its own that are shorter than a round. */
  measureBoth?(lab: Lab): Promise<Record<Side, Numbers>>
}

/** The numbers of one side and one round, by row. */
export type Numbers = Readonly<Record<string, number>>

/** A bar, and whether it was met. */
export interface Bar {
  atMost: number
  /** Absent when the bar is one for the ratio. */
  unit?: RowSpec['unit']
  met: boolean
}

/** What all rows of the result have. */
interface MeasuredRow {
  name: string
  /** Ours: the median of the rounds. */
  value: number
  unit: RowSpec['unit']
  rounds: number
  bar?: Bar
}

/** A row of the result in which ours is compared. */
export interface ComparedRow extends MeasuredRow {
  /** What ours is compared with. */
  against: string
  /** Ours divided by theirs, of the medians. */
  ratio: number
  /** Theirs: the median of the rounds. */
  theirs: number
  spread: Record<Side, Spread>
}

/** A row of the result in which ours stands alone. */
export interface LoneRow extends MeasuredRow {
  against?: never
  spread: { ours: Spread }
}

/** A row of the result. */
export type Row = ComparedRow | LoneRow
