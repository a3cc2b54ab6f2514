import { hostsOf } from './host-index.js'
import {
  MAX_ADDRESSES,
  MAX_ANCHORS,
  MAX_BANS,
  MAX_IDS_PER_HOST,
  MAX_MARKS,
  MAX_NEW_PLACES,
  MAX_PENDING_TESTS,
  MAX_RECORD_BYTES,
  NEW_BUCKETS_PER_SOURCE,
  TRIED_BUCKETS_PER_GROUP
} from './parameters.js'
import { reachesOf, DIRECT_SCOPES } from './scope-mask.js'
import type { Entry } from './entry.js'
import type { PendingTest } from './pending-tests.js'
import type { Tables } from './tables.js'

/** Something in a book that can't be; the numbers are those of the list in {@link findViolations}. */
export interface Violation {
  invariant: number
  what: string
}

/** What there is to check. */
export interface BookState {
  tables: Tables
  selfId: string
  maxSize: number
  tests: readonly PendingTest[]
  anchors: readonly string[]
  bans: number
  marks: number
  isPinned: (id: string) => boolean
  isOwn: (endpoint: string) => boolean
}

type Check = (invariant: number, holds: boolean, what: () => string) => void

/**
 * Every rule that a book must keep:
 *
 *  1. an entry is listed under its own id, and never this node's
 *  2. the counts of the tables are those of the entries
 *  3. there are at most `maxSize` entries
 *  4. a tried entry has one place, a new one 1 to 4 different ones, a pinned one none
 *  5. each filled place holds an entry that knows it stands there, and the other way round
 *  6. a place is the one that key, group and id give
 *  7. the lists beside the places match them; a bucket never holds more than its size
 *  8. a pinned entry is marked as persistent or unconditional, and exactly the marked ones are exempt from host quotas
 *  9. at most 4 ids, not counting exempt ones, for a public host, and the index says the same
 * 10. one source group stands in at most 16 new buckets
 * 11. one address group stands in at most 4 tried buckets
 * 12. an entry has 1 to 8 different addresses, none of them our own
 * 13. the lists by scope match the addresses
 * 14. a tried entry was reached, and has an address of the group it is placed under
 * 15. times and counts are whole numbers that are not negative
 * 16. only entries with a sequence number have certified addresses and a record, which is not too long
 * 17. tests are at most 10, of a tried incumbent that stands where the challenger, which is not tried, would go
 * 18. anchors, bans and marks are within their bounds
 * 19. the proven address is one of the entry's
 */
export function findViolations(state: BookState): Violation[] {
  const violations: Violation[] = []
  const check: Check = (invariant, holds, what) => {
    if (!holds) {
      violations.push({ invariant, what: what() })
    }
  }
  for (const [id, entry] of state.tables.index) {
    check(1, entry.id === id && id !== state.selfId, () => `${id} lists ${entry.id}`)
    checkPlaces(check, entry, state)
    checkContents(check, entry, state)
  }
  checkTables(check, state)
  checkShares(check, state)
  checkRest(check, state)
  return violations
}

function checkPlaces(check: Check, entry: Entry, { tables, isPinned }: BookState): void {
  const { id, table, places, newGroups, group } = entry
  const counts = { tried: [1, 1], new: [1, MAX_NEW_PLACES], pinned: [0, 0] } as const
  const [least, most] = counts[table]
  const isCounted = places.length >= least && places.length <= most && new Set(places).size === places.length
  check(4, isCounted, () => `${id} is ${table} and stands at ${places.join()}`)
  const rows = table === 'tried' ? tables.tried : tables.fresh
  check(
    5,
    places.every((place) => rows.at(place) === entry),
    () => `${id} does not stand at ${places.join()}`
  )
  const allowed =
    table === 'tried'
      ? [[tables.placement.triedPlace(group, id)]]
      : newGroups.map((sourceGroup) => [...tables.placement.newPlaces(group, sourceGroup, id)])
  const isRight = allowed.length === places.length && allowed.every((some, i) => some.includes(places[i] ?? -1))
  check(6, isRight, () => `${id} stands at ${places.join()}, not at one of ${allowed.join(' and of ')}`)
  const pinned = isPinned(id)
  check(8, (table !== 'pinned' || pinned) && entry.counted !== pinned, () => `${id} is ${table}, pinned ${pinned}`)
}

function checkContents(check: Check, entry: Entry, { tables, isOwn }: BookState): void {
  const { id, addresses, seq, record } = entry
  const texts = new Set(addresses.map(({ text }) => text))
  const isSound = addresses.length >= 1 && addresses.length <= MAX_ADDRESSES && texts.size === addresses.length
  check(12, isSound && !addresses.some(({ endpoint }) => isOwn(endpoint)), () => `${id} has ${[...texts].join()}`)
  const mask = addresses.reduce((all, { bit }) => all | bit, 0)
  const reaches = reachesOf(mask)
  const isListed = DIRECT_SCOPES.every((scope) => tables.scopes[scope].has(entry) === reaches.includes(scope))
  check(13, isListed && mask === entry.mask, () => `${id} is listed under other scopes than ${reaches.join()}`)
  if (entry.table === 'tried') {
    const hasGroup = addresses.some(({ group }) => group === entry.group)
    check(14, hasGroup && entry.lastSuccess > 0, () => `${id} is tried for ${entry.group}`)
  }
  const numbers = [
    entry.firstSeen,
    entry.lastSeen,
    entry.lastSuccess,
    entry.lastAttempt,
    entry.attempts,
    entry.failures
  ]
  check(
    15,
    numbers.every((n) => Number.isSafeInteger(n) && n >= 0),
    () => `${id} has ${numbers.join()}`
  )
  const isUncertified = record == null && entry.recordScopes === 0 && !addresses.some(({ certified }) => certified)
  const isRecord = record == null || (record.byteLength > 0 && record.byteLength <= MAX_RECORD_BYTES)
  check(16, isRecord && (seq != null || isUncertified), () => `${id} has a record of ${record?.byteLength ?? 0} bytes`)
  check(19, entry.proven == null || texts.has(entry.proven), () => `${id} was proven at ${entry.proven ?? ''}`)
}

function checkTables(check: Check, { tables, maxSize }: BookState): void {
  const counts = { new: 0, tried: 0, pinned: 0 }
  for (const entry of tables.index.values()) {
    counts[entry.table]++
  }
  const found = JSON.stringify(counts)
  check(2, found === JSON.stringify(tables.counts), () => `counts ${JSON.stringify(tables.counts)}, found ${found}`)
  check(3, tables.index.size <= maxSize, () => `${tables.index.size} entries`)
  for (const [rows, table] of [[tables.fresh, 'new'] as const, [tables.tried, 'tried'] as const]) {
    for (const [place, entry] of rows.places.entries()) {
      const isKnown = entry == null || (tables.index.get(entry.id) === entry && entry.table === table)
      check(5, isKnown && (entry?.places.includes(place) ?? true), () => `${entry?.id ?? ''} stands at ${place}`)
    }
    for (const problem of rows.problems()) {
      check(7, false, () => problem)
    }
  }
}

function checkShares(check: Check, { tables }: BookState): void {
  const hosts = new Map<string, Set<Entry>>()
  const sources = new Map<string, Set<number>>()
  const groups = new Map<string, Set<number>>()
  const note = <T>(map: Map<string, Set<T>>, key: string, value: T): void => {
    map.set(key, (map.get(key) ?? new Set()).add(value))
  }
  for (const entry of tables.index.values()) {
    const buckets = entry.places.map((place) => Math.floor(place / tables.placement.bucketSize))
    for (const host of entry.counted ? hostsOf(entry) : []) {
      note(hosts, host, entry)
    }
    for (const [i, bucket] of buckets.entries()) {
      note(entry.table === 'tried' ? groups : sources, entry.newGroups[i] ?? entry.group, bucket)
    }
  }
  check(9, hosts.size === tables.hosts.size, () => `${tables.hosts.size} hosts listed, ${hosts.size} found`)
  for (const [host, entries] of hosts) {
    const listed = tables.hosts.of(host)
    const isListed = listed.length === entries.size && listed.every((entry) => entries.has(entry))
    check(9, isListed && entries.size <= MAX_IDS_PER_HOST, () => `${host} has ${entries.size} ids`)
  }
  for (const [group, { size }] of sources) {
    check(10, size <= NEW_BUCKETS_PER_SOURCE, () => `source group ${group} stands in ${size} buckets`)
  }
  for (const [group, { size }] of groups) {
    check(11, size <= TRIED_BUCKETS_PER_GROUP, () => `group ${group} stands in ${size} buckets`)
  }
}

function checkRest(check: Check, { tables, tests, anchors, bans, marks }: BookState): void {
  check(17, tests.length <= MAX_PENDING_TESTS, () => `${tests.length} tests`)
  for (const test of tests) {
    const incumbent = tables.index.get(test.incumbent)
    const challenger = tables.index.get(test.challenger)
    const isSound = incumbent?.table === 'tried' && challenger != null && challenger.table !== 'tried'
    check(17, isSound, () => `${test.challenger} challenges ${test.incumbent}`)
  }
  const isBounded = anchors.length <= MAX_ANCHORS && bans <= MAX_BANS && marks <= MAX_MARKS
  check(18, isBounded, () => `${anchors.length} anchors, ${bans} bans, ${marks} marks`)
}
