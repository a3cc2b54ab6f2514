import { printable } from '@penin/interface'
import { MAX_HISTORY } from './parameters.js'

/** What changed a peer's standing. `spared`: the line to a ban was crossed, but the peer is trusted. */
export type ChangeKind = 'report' | 'observed' | 'banned' | 'unbanned' | 'spared' | 'trusted' | 'distrusted'

/** One change, or several of the same kind and reason in a row. */
export interface Change {
  /** Wall-clock time of the first of them. */
  at: number
  what: ChangeKind
  /** The name of the misbehaviour, or why somebody banned or unbanned. */
  reason: string
  /** Score before the first of them. */
  before: number
  /** Score after the last of them. */
  after: number
  times: number
}

export const CHANGE_KINDS: readonly ChangeKind[] = [
  'report',
  'observed',
  'banned',
  'unbanned',
  'spared',
  'trusted',
  'distrusted'
]

/** Characters of a reason that are kept in a history. */
const MAX_REASON = 64

/** Adds a change; beyond {@link MAX_HISTORY} the oldest goes. Repetitions share one entry, or a flood would flush the rest. */
export function remember(history: Change[], change: Omit<Change, 'times'>): void {
  const reason = printable(change.reason, MAX_REASON)
  const last = history.at(-1)
  const after = rounded(change.after)
  if (last?.what === change.what && last.reason === reason) {
    last.after = after
    last.times = Math.min(last.times + 1, 0xffff_ffff)
    return
  }
  history.push({ ...change, reason, before: rounded(change.before), after, times: 1 })
  if (history.length > MAX_HISTORY) {
    history.shift()
  }
}

function rounded(score: number): number {
  return Math.round(score * 100) / 100
}
