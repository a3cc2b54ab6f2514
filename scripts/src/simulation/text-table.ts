/** Lines of a table for a terminal: the first column to the left, the others to the right. */
export function formatTable(lines: ReadonlyArray<readonly string[]>): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  return lines
    .map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))))
    .map((line) => `${line.join('  ').trimEnd()}\n`)
    .join('')
}

/** The same as Markdown. */
export function markdownTable([headings = [], ...lines]: ReadonlyArray<readonly string[]>): string {
  const rule = headings.map((_, i) => (i === 0 ? '---' : '--:'))
  return [headings, rule, ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n')
}
