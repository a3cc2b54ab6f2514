import { cut } from './format.js'

/** A column: its heading, and on which side its values stand. */
export interface Column {
  title: string
  align?: 'left' | 'right'
}

/**
 * A table as lines, columns two blanks apart. With a width, lines are cut to it.
 *
 * Cells must be safe to print already.
 */
export function renderTable(
  columns: readonly Column[],
  rows: ReadonlyArray<readonly string[]>,
  width = Number.POSITIVE_INFINITY
): string[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => [...(row[index] ?? '')].length))
  )
  const line = (cells: readonly string[]): string => {
    const padded = columns.map(({ align }, index) => pad(cells[index] ?? '', widths[index] ?? 0, align))
    return cut(padded.join('  ').trimEnd(), width)
  }
  return [line(columns.map(({ title }) => title)), ...rows.map(line)]
}

function pad(text: string, width: number, align: Column['align']): string {
  const missing = ' '.repeat(Math.max(0, width - [...text].length))
  return align === 'right' ? missing + text : text + missing
}
