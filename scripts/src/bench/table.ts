import type { Row } from './bench.js'

const headings = ['row', 'PENIN', 'libp2p', 'ratio', 'bar', 'rounds', 'PENIN min–max', 'libp2p min–max']

/** The result for a terminal: one line for each row, numbers to the right. */
export function formatTable(rows: readonly Row[]): string {
  const cells = [headings, ...rows.map(cellsOf)]
  const widths = headings.map((_, column) => Math.max(...cells.map((line) => (line[column] ?? '').length)))
  return cells
    .map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))))
    .map((line) => `${line.join('  ').trimEnd()}\n`)
    .join('')
}

function cellsOf({ name, value, theirs, unit, ratio, rounds, spread, bar }: Row): string[] {
  return [
    name,
    `${number(value)} ${unit}`,
    `${number(theirs)} ${unit}`,
    ratio.toFixed(2),
    bar === undefined ? '' : `${bar.met ? '' : 'missed '}<= ${bar.atMost.toFixed(2)}`,
    String(rounds),
    `${number(spread.ours.min)}–${number(spread.ours.max)}`,
    `${number(spread.theirs.min)}–${number(spread.theirs.max)}`
  ]
}

/** Three significant digits are more than a bench on a shared machine can tell. */
function number(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}
