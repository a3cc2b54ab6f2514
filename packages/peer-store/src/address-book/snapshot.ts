import { PEER_SOURCES, type PeerSource } from '@penin/interface'
import { examineAddress } from './address-facts.js'
import { appended } from './appended.js'
import { newEntry } from './entry.js'
import { storedAddress } from './merge-addresses.js'
import { MAX_ADDRESSES, MAX_GROUP, MAX_NEW_PLACES, MAX_RECORD_BYTES, MAX_SEQ } from './parameters.js'
import { MAX_MASK } from './scope-mask.js'

import { isGroupOf, unpacked, type PackedAddresses } from './packed-addresses.js'
import type { Entry, StoredAddress, StoredEntry } from './entry.js'
import type { Intake } from './intake.js'

/** An entry as it is to be stored. */
export function storedEntry(entry: Entry): StoredEntry {
  const { id, addresses, sources, sourceGroup, group, table, newGroups, firstSeen, lastSeen } = entry
  const { lastSuccess, lastAttempt, attempts, failures, seq, record, recordScopes, proven } = entry
  return {
    id,
    addresses: addresses.map(({ text, certified }) => ({ text, certified })),
    sources: [...sources],
    sourceGroup,
    group,
    tried: table === 'tried',
    newGroups: [...newGroups],
    ...{ firstSeen, lastSeen, lastSuccess, lastAttempt, attempts, failures },
    ...(seq == null ? {} : { seq }),
    ...(record == null ? {} : { record }),
    recordScopes,
    ...(proven == null ? {} : { proven })
  }
}

/** The same with where it stands, for the book with the same key: wherever it is placed first, it is at home there. */
export function placedEntry(entry: Entry, placement: number): StoredEntry {
  return { ...storedEntry(entry), places: [...entry.places], placement }
}

/** Whether a stored entry is in the book now just as it was stored, or with less than that, or not at all. */
export type Restored = 'same' | 'changed' | 'dropped'

/** Places a stored entry without pushing anybody out. */
export function restoreEntry(stored: StoredEntry, intake: Intake): Restored {
  const { tables, isPinned } = intake
  const packed = restorePacked(stored, intake)
  const addresses = packed == null ? restoreAddresses(stored, intake) : []
  const count = packed?.count ?? addresses.length
  const source = stored.sources[0]
  if (tables.get(stored.id) != null || count === 0 || source == null || !isPlausible(stored)) {
    return 'dropped'
  }
  const { id, sourceGroup } = stored
  const first = addresses[0]?.group
  const group = first === stored.group ? first : stored.group
  const entry = newEntry({ id, addresses, packed, source, sourceGroup, group }, stored.firstSeen, !isPinned(id))
  entry.sources = stored.sources.length === 1 ? stored.sources : [...new Set(stored.sources)]
  entry.lastSeen = stored.lastSeen
  entry.lastSuccess = stored.lastSuccess
  entry.lastAttempt = stored.lastAttempt
  entry.attempts = stored.attempts
  entry.failures = stored.failures
  entry.seq = stored.seq
  restoreRecord(entry, stored)
  if (stored.proven != null) {
    entry.proven = packed == null ? addresses.find(({ text }) => text === stored.proven)?.text : stored.proven
  }
  return settle(entry, stored, intake, count)
}

/** Gives a restored entry its places. */
function settle(entry: Entry, stored: StoredEntry, intake: Intake, addresses: number): Restored {
  const { tables } = intake
  tables.insert(entry)
  const isPlaced =
    restorePlaces(entry, stored, intake) ||
    (stored.tried && restoreTried(entry, intake)) ||
    restoreNew(entry, stored, intake)
  if (!isPlaced && entry.counted) {
    tables.takeBack(entry)
    return 'dropped'
  }
  const isSame =
    stored.tried === (entry.table === 'tried') &&
    stored.newGroups.length === entry.newGroups.length &&
    (stored.packed?.count ?? stored.addresses.length) === addresses
  return isSame ? 'same' : 'changed'
}

function restoreRecord(entry: Entry, { seq, record, recordScopes }: StoredEntry): void {
  if (seq != null && record != null && record.byteLength > 0 && record.byteLength <= MAX_RECORD_BYTES) {
    entry.record = record
    entry.recordScopes = recordScopes & MAX_MASK
  }
}

/** Packed addresses stay packed when all of them are taken and nothing need be known of them. */
function restorePacked({ id, packed, group, seq }: StoredEntry, intake: Intake): PackedAddresses | undefined {
  const isKept =
    packed != null &&
    isGroupOf(group, packed) &&
    (seq != null || packed.certified === 0) &&
    !intake.hasOwn() &&
    intake.hasRoomAt(packed.host, id)
  return isKept ? packed : undefined
}

function restoreAddresses(stored: StoredEntry, intake: Intake): StoredAddress[] {
  let addresses: StoredAddress[] = []
  for (const { text, certified } of stored.packed == null ? stored.addresses : unpacked(stored.packed)) {
    if (addresses.length >= MAX_ADDRESSES) {
      break
    }
    const facts = examineAddress(text, stored.id)
    const isUsable = typeof facts === 'object' && !intake.isOwn(facts.endpoint)
    if (isUsable && (addresses.length === 0 || !addresses.some((address) => address.text === facts.text))) {
      addresses = appended(addresses, storedAddress(facts, certified && stored.seq != null))
    }
  }
  return intake.withRoom(stored.id, { addresses, refused: [], scopes: 0 })
}

/** No hash need be computed for what this book itself has placed, and no two entries want one place. */
function restorePlaces(entry: Entry, stored: StoredEntry, { tables }: Intake): boolean {
  const { places, placement, tried, newGroups } = stored
  if (places == null || placement !== tables.placement.fingerprint || places.length === 0) {
    return false
  }
  return tried
    ? places.length === 1 && mayBeTried(entry) && tables.placeAgain(entry, 'tried', places, [])
    : places.length === newGroups.length && tables.placeAgain(entry, 'new', places, newGroups)
}

/** Packed addresses are of the group that the entry is placed under. */
function mayBeTried(entry: Entry): boolean {
  const { lastSuccess, packed, group } = entry
  return lastSuccess > 0 && (packed != null || entry.addresses.some((address) => address.group === group))
}

function restoreTried(entry: Entry, { tables }: Intake): boolean {
  if (!mayBeTried(entry)) {
    return false
  }
  const { place, incumbent } = tables.triedPlace(entry.id, entry.group)
  if (incumbent != null) {
    return false
  }
  tables.placeTried(entry, place, entry.group)
  return true
}

function restoreNew(entry: Entry, stored: StoredEntry, { tables }: Intake): boolean {
  const groups = stored.newGroups.length === 0 ? [entry.sourceGroup] : stored.newGroups
  for (const sourceGroup of groups) {
    const place = tables.findNew(entry.id, entry.group, sourceGroup, never, true)
    if (place != null) {
      tables.placeNew(entry, place, sourceGroup)
    }
  }
  return entry.places.length > 0
}

/** Whoever stands at a place keeps it. */
const never = (): boolean => false

function isPlausible(stored: StoredEntry): boolean {
  const { firstSeen, lastSeen, lastSuccess, lastAttempt, attempts, failures, seq } = stored
  return (
    isTime(firstSeen) &&
    isTime(lastSeen) &&
    isTime(lastSuccess) &&
    isTime(lastAttempt) &&
    isTime(attempts) &&
    isTime(failures) &&
    stored.sources.every(isSource) &&
    isGroup(stored.group) &&
    isGroup(stored.sourceGroup) &&
    stored.newGroups.length <= MAX_NEW_PLACES &&
    stored.newGroups.every(isFirstGroup) &&
    (seq == null || (seq >= 0n && seq <= MAX_SEQ))
  )
}

/** Times beyond what a Date can hold, and the like, can only come from damage. It will do for counts too. */
function isTime(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 8.64e15
}

const isSource = (source: PeerSource): boolean => PEER_SOURCES.includes(source)

const isFirstGroup = (group: string, i: number, all: readonly string[]): boolean =>
  isGroup(group) && all.indexOf(group) === i

function isGroup(group: string): boolean {
  return group.length > 0 && group.length <= MAX_GROUP
}
