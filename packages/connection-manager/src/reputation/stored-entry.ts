import { newStanding, scoreOf } from './standing.js'
import { wholeTime, type StoredPeer } from './snapshot.js'
import type { Entry, PeerTable } from './peer-table.js'
import type { Clock } from '@penin/interface'

/** A peer as it is stored, as of now. */
export function storeEntry(entry: Entry, clock: Clock): StoredPeer {
  const { standing, health, trusted, group, firstSeen, lastSeen, history } = entry
  const { uptime, messages, latency, exchange, penalty, strikes } = standing
  return {
    savedAt: wholeTime(clock.now()),
    firstSeen: wholeTime(firstSeen),
    lastSeen: wholeTime(lastSeen),
    uptime,
    messages,
    latency,
    exchange,
    penalty,
    strikes,
    ...(health == null ? {} : { health }),
    trusted,
    group,
    history: history.map((change) => ({ ...change, at: wholeTime(change.at) }))
  }
}

/**
 * Puts a stored peer into a table. It has decayed since it was saved by as much time as the wall clock says has passed; by
 * none if that has been set back.
 */
export function restoreEntry(table: PeerTable, id: string, stored: StoredPeer, clock: Clock): Entry {
  const { savedAt, uptime, messages, latency, exchange, penalty, strikes, ...rest } = stored
  const [now, at] = [clock.now(), clock.monotonic()]
  const since = (then: number): number => Math.max(0, now - then)
  const entry = table.restore(id, {
    ...rest,
    standing: { ...newStanding(at - since(savedAt)), uptime, messages, latency, exchange, penalty, strikes },
    knownSince: at - since(rest.firstSeen),
    seenAt: at - since(rest.lastSeen)
  })
  table.get(id)
  entry.notedScore = scoreOf(entry.standing)
  return entry
}
