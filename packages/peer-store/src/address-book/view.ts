import type { BookEntry, Entry, PeerMarks } from './entry.js'

/** An entry as the world sees it. */
export function viewOf(entry: Entry, marks: PeerMarks, bannedUntil: number | undefined): BookEntry {
  const { id, addresses, source, sources, sourceGroup, group, table, firstSeen, lastSeen, attempts, failures } = entry
  const view: BookEntry = {
    id,
    addresses,
    source,
    sources: [...sources],
    sourceGroup,
    group,
    table,
    firstSeen,
    lastSeen,
    attempts,
    failures,
    marks
  }
  if (entry.lastSuccess > 0) {
    view.lastSuccess = entry.lastSuccess
  }
  if (entry.lastAttempt > 0) {
    view.lastAttempt = entry.lastAttempt
  }
  if (entry.seq != null) {
    view.seq = entry.seq
  }
  if (entry.proven != null) {
    view.proven = entry.proven
  }
  if (bannedUntil != null) {
    view.bannedUntil = bannedUntil
  }
  return view
}
