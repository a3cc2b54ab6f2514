import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { settingsTable } from '@penin/node'
import { root } from './workspace.js'

/** What stands around the configuration table in a Markdown file. */
export const BEGIN = '<!-- config:begin -->'

/** See {@link BEGIN}. */
export const END = '<!-- config:end -->'

/** The README, which holds the table. */
export const readme = join(root, 'README.md')

/**
 * `markdown` with the table between {@link BEGIN} and {@link END}; what stood there before goes. Prettier is told to leave
 * it alone, so that a new row changes one line of the file and not all of them.
 *
 * @returns undefined if the markers are not there, once each and in order
 */
export function withConfigTable(markdown: string, table: string = settingsTable()): string | undefined {
  const [head, inside, ...more] = markdown.split(BEGIN)
  const [, tail, ...rest] = (inside ?? '').split(END)
  if (head == null || tail == null || more.length > 0 || rest.length > 0 || head.includes(END)) {
    return undefined
  }
  const body = ['<!-- prettier-ignore-start -->', '', table, '', '<!-- prettier-ignore-end -->']
  return [`${head}${BEGIN}`, ...body, `${END}${tail}`].join('\n')
}

/** Writes the table into the README, or with `--check` says whether it is up to date. Returns the exit code. */
function main(args: readonly string[]): number {
  const before = readFileSync(readme, 'utf8')
  const after = withConfigTable(before)
  if (after === undefined) {
    console.error(`README.md: ${BEGIN} and ${END} must stand in it once each, in this order`)
    return 1
  }
  if (after === before) {
    console.log('README.md: the configuration table is up to date')
    return 0
  }
  if (args.includes('--check')) {
    console.error('README.md: the configuration table is out of date; run: npx -y pnpm@12 run docs')
    return 1
  }
  writeFileSync(readme, after)
  console.log('README.md: the configuration table was renewed')
  return 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv.slice(2))
}
