import type { Bar, Row } from './bench.js'

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

function cellsOf(row: Row): string[] {
  const { name, value, unit, rounds, spread, bar } = row
  const isCompared = row.against !== undefined
  return [
    name,
    `${number(value)} ${unit}`,
    isCompared ? `${number(row.theirs)} ${unit}` : '',
    isCompared ? row.ratio.toFixed(2) : '',
    bar === undefined ? '' : `${bar.met ? '' : 'missed '}${barText(bar)}`,
    String(rounds),
    `${number(spread.ours.min)}–${number(spread.ours.max)}`,
    isCompared ? `${number(row.spread.theirs.min)}–${number(row.spread.theirs.max)}` : ''
  ]
}

/** A bar as it stands in the table. */
export function barText({ atMost, unit }: Pick<Bar, 'atMost' | 'unit'>): string {
  return unit === undefined ? `<= ${atMost.toFixed(2)}` : `<= ${atMost} ${unit}`
}

/** Three significant digits are more than a bench on a shared machine can tell. */
function number(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}
