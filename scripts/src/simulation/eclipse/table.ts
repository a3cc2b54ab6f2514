import { seededRng } from '@penin/testing'
import { confidence, meanOf } from '../statistics.js'
import { PlainBook } from './plain.js'
import { ALL, ATTACKERS, CUMULATIVE, DEFENCES, NONE, SHARES, WORLD } from './scenario.js'
import { Victim } from './victim.js'
import type { Attacker, Defences } from './scenario.js'

/** How much is simulated. */
export interface EclipseSize {
  /** Books, and for each as many attackers' shares, to show q^8. */
  plainBooks: number
  /** Restarts of a node with such a book. */
  plainRestarts: number
  /** Lives of a victim for each cell of the table. */
  lives: number
  /** Restarts at the end of each life. */
  restarts: number
}

/** What the table in `docs/THREAT_MODEL.md` was made with. */
export const FULL_SIZE: EclipseSize = { plainBooks: 30, plainRestarts: 1000, lives: 10, restarts: 300 }

/** An estimate and half the width of its 95 % confidence interval. */
export interface Estimate {
  mean: number
  error: number
}

/** What came of one attacker against one set of defences. */
export interface EclipseCell {
  /** The attacker's share of the first picks that answer. */
  share: Estimate
  /** How often all outbound connections were the attacker's. */
  eclipsed: Estimate
}

/** A line of the table: a cell for each attacker, or one for a share that was given. */
export interface EclipseRow {
  defences: string
  cells: EclipseCell[]
}

/** Plain selection from a book of which a share is the attacker's. */
export function plainCell(share: number, { plainBooks, plainRestarts }: EclipseSize, seed: number): EclipseCell {
  const eclipsed = Array.from({ length: plainBooks }, (_, i) => {
    const book = new PlainBook(share, seededRng(seed + i))
    return frequency(plainRestarts, () => book.isEclipsed(WORLD.outbound))
  })
  return { share: { mean: share, error: 0 }, eclipsed: estimate(eclipsed) }
}

/** A victim that lives through an attack, and is restarted at its end. */
export function attackCell(attacker: Attacker, defences: Defences, size: EclipseSize, seed: number): EclipseCell {
  const shares: number[] = []
  const eclipsed: number[] = []
  for (let i = 0; i < size.lives; i++) {
    const victim = new Victim({ world: WORLD, attacker, defences, rng: seededRng(seed + i) })
    victim.live()
    shares.push(frequency(size.restarts, () => victim.isFirstAttacker()))
    eclipsed.push(frequency(size.restarts, () => victim.isEclipsedAfterRestart()))
  }
  return { share: estimate(shares), eclipsed: estimate(eclipsed) }
}

/** The sets of defences, in the order of the table. */
export function defenceSets(): Array<{ name: string; defences: Defences }> {
  const sets = [{ name: 'none', defences: NONE }]
  let defences = NONE
  for (const key of CUMULATIVE) {
    defences = { ...defences, [key]: true }
    sets.push({ name: `+ ${DEFENCES[key]}`, defences })
  }
  // All but the last one is the line above all of them.
  for (const key of CUMULATIVE.slice(0, -1)) {
    sets.push({ name: `all but ${DEFENCES[key]}`, defences: { ...ALL, [key]: false } })
  }
  return sets
}

/** Simulates the whole table. */
export function eclipseRows(size: EclipseSize, seed: number, onProgress: (what: string) => void): EclipseRow[] {
  const rows = SHARES.map((share): EclipseRow => {
    onProgress(`plain selection, q = ${share}`)
    return { defences: `plain selection, q = ${share} given`, cells: [plainCell(share, size, seed)] }
  })
  for (const { name, defences } of defenceSets()) {
    const cells = ATTACKERS.map((attacker) => {
      onProgress(`${name}, ${attacker.groups} /16 in ${attacker.days} days`)
      return attackCell(attacker, defences, size, seed)
    })
    rows.push({ defences: name, cells })
  }
  return rows
}

function frequency(times: number, happens: () => boolean): number {
  let count = 0
  for (let i = 0; i < times; i++) {
    count += happens() ? 1 : 0
  }
  return count / times
}

function estimate(values: readonly number[]): Estimate {
  return { mean: meanOf(values), error: confidence(values) }
}
