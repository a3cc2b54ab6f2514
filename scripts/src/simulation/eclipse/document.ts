import { join } from 'node:path'
import { root } from '../../workspace.js'
import { markdownTable } from '../text-table.js'
import { ATTACKERS } from './scenario.js'
import type { EclipseCell, EclipseRow, Estimate } from './table.js'

/** What stands around the table. */
export const BEGIN = '<!-- eclipse:begin -->'

/** See {@link BEGIN}. */
export const END = '<!-- eclipse:end -->'

/** Where the table stands. */
export const threatModel = join(root, 'docs/THREAT_MODEL.md')

/** The table in Markdown: for each attacker the share of picks, its eighth power, and what was counted. */
export function eclipseTable(rows: readonly EclipseRow[]): string {
  const attackers = ATTACKERS.flatMap(({ groups, perGroup, days }) => {
    const name = `${groups} /16, ${(groups * perGroup).toLocaleString('en')} addresses, ${days} ${days === 1 ? 'day' : 'days'}`
    return [`${name}: q`, 'q^8', 'eclipsed']
  })
  const lines = rows.map(({ defences, cells }) => {
    const texts = cells.flatMap(cellTexts)
    return [defences, ...texts, ...Array<string>(attackers.length - texts.length).fill('')]
  })
  return markdownTable([['Defences', ...attackers], ...lines])
}

/**
 * `markdown` with the table between {@link BEGIN} and {@link END}; what stood there before goes.
 *
 * @returns undefined if the markers are not there, once each and in order
 */
export function withEclipseTable(markdown: string, table: string): string | undefined {
  const [head, inside, ...more] = markdown.split(BEGIN)
  const [, tail, ...rest] = (inside ?? '').split(END)
  if (head == null || tail == null || more.length > 0 || rest.length > 0 || head.includes(END)) {
    return undefined
  }
  const body = ['<!-- prettier-ignore-start -->', '', table, '', '<!-- prettier-ignore-end -->']
  return [`${head}${BEGIN}`, ...body, `${END}${tail}`].join('\n')
}

function cellTexts({ share, eclipsed }: EclipseCell): string[] {
  return [share.mean.toFixed(share.error === 0 ? 4 : 2), (share.mean ** 8).toFixed(4), estimateText(eclipsed)]
}

/** Where nothing happened the interval says nothing; the number of restarts does, in the text. */
function estimateText({ mean, error }: Estimate): string {
  return mean === 0 ? '0' : `${mean.toFixed(4)} ± ${error.toFixed(4)}`
}
