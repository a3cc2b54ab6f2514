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
    isCompared ? `${number(row.theirs)} ${unit}${row.against === 'libp2p' ? '' : ` (${row.against})`}` : '',
    isCompared ? ratio(row.ratio) : '',
    bar === undefined ? '' : `${bar.met ? '' : 'missed '}${barText(bar)}`,
    String(rounds),
    `${number(spread.ours.min)}–${number(spread.ours.max)}`,
    isCompared ? `${number(row.spread.theirs.min)}–${number(row.spread.theirs.max)}` : ''
  ]
}

/** A bar as it stands in the table. */
export function barText({ atMost, unit }: Pick<Bar, 'atMost' | 'unit'>): string {
  return unit === undefined ? `<= ${ratio(atMost)}` : `<= ${atMost} ${unit}`
}

/** A ratio far below 1 needs more digits to be told from its bar. */
function ratio(value: number): string {
  return value.toFixed(value < 0.2 ? 3 : 2)
}

/** Three significant digits are more than a bench on a shared machine can tell. */
function number(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}
