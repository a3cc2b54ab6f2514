import { PEER_SOURCES } from '@penin/interface'
import { examineAddress } from './address-facts.js'
import { storedAddress } from './merge-addresses.js'
import { MAX_ADDRESSES, MAX_NEW_PLACES, MAX_RECORD_BYTES } from './parameters.js'
import { MAX_MASK } from './scope-mask.js'
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

/** Places a stored entry without pushing anybody out; false if nothing of it can be used. */
export function restoreEntry(stored: StoredEntry, intake: Intake): boolean {
  const { tables, isPinned } = intake
  const addresses = restoreAddresses(stored, intake)
  const [source] = stored.sources
  if (tables.get(stored.id) != null || addresses.length === 0 || source == null || !isPlausible(stored)) {
    return false
  }
  const { id, sourceGroup, group, firstSeen, lastSeen, lastSuccess, lastAttempt, attempts, failures } = stored
  const isCertified = stored.seq != null
  const isShown = isCertified && stored.record != null && stored.record.byteLength <= MAX_RECORD_BYTES
  const entry: Entry = {
    ...{ id, addresses, mask: 0, source, sourceGroup, group, table: 'pinned', places: [], newGroups: [] },
    sources: stored.sources.filter((name, i, all) => PEER_SOURCES.includes(name) && all.indexOf(name) === i),
    counted: !isPinned(id),
    ...{ firstSeen, lastSeen, lastSuccess, lastAttempt, attempts, failures },
    seq: stored.seq,
    record: isShown ? stored.record : undefined,
    recordScopes: isShown ? stored.recordScopes & MAX_MASK : 0,
    proven: addresses.some(({ text }) => text === stored.proven) ? stored.proven : undefined
  }
  tables.insert(entry)
  const isPlaced = (stored.tried && restoreTried(entry, intake)) || restoreNew(entry, stored, intake)
  if (!isPlaced && entry.counted) {
    tables.remove(entry)
  }
  return isPlaced || !entry.counted
}

function restoreAddresses(stored: StoredEntry, intake: Intake): StoredAddress[] {
  const addresses: StoredAddress[] = []
  for (const { text, certified } of stored.addresses.slice(0, MAX_ADDRESSES)) {
    const facts = examineAddress(text, stored.id)
    const isUsable = typeof facts === 'object' && !intake.isOwn(facts.endpoint)
    if (isUsable && !addresses.some((address) => address.text === facts.text)) {
      addresses.push(storedAddress(facts, certified && stored.seq != null))
    }
  }
  return intake.withRoom(stored.id, { addresses, refused: [], scopes: 0 })
}

function restoreTried(entry: Entry, { tables }: Intake): boolean {
  if (entry.lastSuccess === 0 || !entry.addresses.some(({ group }) => group === entry.group)) {
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
  const groups = stored.newGroups.length === 0 ? [entry.sourceGroup] : stored.newGroups.slice(0, MAX_NEW_PLACES)
  for (const sourceGroup of groups) {
    const place = tables.findNew(entry.id, entry.group, sourceGroup, () => false)
    if (place != null) {
      tables.placeNew(entry, place, sourceGroup)
    }
  }
  return entry.places.length > 0
}

/** Times beyond what a Date can hold, and the like, can only come from a damaged record. */
function isPlausible(stored: StoredEntry): boolean {
  const { firstSeen, lastSeen, lastSuccess, lastAttempt, attempts, failures } = stored
  return (
    [firstSeen, lastSeen, lastSuccess, lastAttempt].every((t) => Number.isInteger(t) && t >= 0 && t <= 8.64e15) &&
    [attempts, failures].every((count) => Number.isInteger(count) && count >= 0) &&
    stored.sources.every((source) => PEER_SOURCES.includes(source)) &&
    isGroup(stored.group) &&
    isGroup(stored.sourceGroup) &&
    stored.newGroups.every((group, i, all) => isGroup(group) && all.indexOf(group) === i) &&
    (stored.seq == null || (stored.seq >= 0n && stored.seq < 2n ** 64n))
  )
}

function isGroup(group: string): boolean {
  return group.length > 0 && group.length <= 260
}
