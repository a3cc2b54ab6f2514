import { accessSync, constants, renameSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Row } from './bench.js'

/** What `--json` writes. */
export interface Report {
  /** When it ended: ISO 8601, UTC. */
  date: string
  /** Version of Node.js. */
  node: string
  /** Logical processors of the machine. */
  cpus: number
  rows: readonly Row[]
}

export function createReport(rows: readonly Row[], now: Date = new Date()): Report {
  return { date: now.toISOString(), node: process.version, cpus: cpus().length, rows }
}

/** Why `file` can't be written, told before minutes of measuring; undefined if it can. */
export function whyNotWritable(file: string): string | undefined {
  try {
    accessSync(dirname(resolve(file)), constants.W_OK)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Writes the report beside `file` first: whoever reads `file` sees all of it or what was there before. */
export function writeReport(file: string, report: Report): void {
  const target = resolve(file)
  const draft = `${target}.${process.pid}.tmp`
  try {
    writeFileSync(draft, `${JSON.stringify(report, undefined, 2)}\n`)
    renameSync(draft, target)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}
