import type { BookEntry, Entry, PeerMarks } from './entry.js'

/** An entry as the world sees it. */
export function viewOf(entry: Entry, marks: PeerMarks, bannedUntil: number | undefined): BookEntry {
  const { id, addresses, source, sourceGroup, group, table, firstSeen, lastSeen, attempts, failures } = entry
  const { lastSuccess, lastAttempt, seq, proven } = entry
  return {
    ...{ id, addresses, source, sources: [...entry.sources], sourceGroup, group, table },
    ...{ firstSeen, lastSeen, attempts, failures, marks },
    ...(lastSuccess === 0 ? {} : { lastSuccess }),
    ...(lastAttempt === 0 ? {} : { lastAttempt }),
    ...(seq == null ? {} : { seq }),
    ...(proven == null ? {} : { proven }),
    ...(bannedUntil == null ? {} : { bannedUntil })
  }
}
