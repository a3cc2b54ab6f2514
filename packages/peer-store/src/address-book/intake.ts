import { appended } from './appended.js'
import { newEntry } from './entry.js'
import { append, certify, examineOffer, ranked, type Offer } from './merge-addresses.js'
import { MAX_IDS_PER_HOST, MAX_NEW_PLACES, MAX_RECORD_BYTES, SEEN_STEP } from './parameters.js'
import type { Entry, StoredAddress } from './entry.js'
import type { PendingTests } from './pending-tests.js'
import type { MayDisplace, Tables } from './tables.js'
import type { AddResult, BookCandidate } from './types.js'
import type { PeerSource, Rng } from '@penin/interface'

/** What {@link Intake} works with. */
export interface IntakeInit {
  tables: Tables
  tests: PendingTests
  rng: Rng
  maxSize: number
  isPinned: (id: string) => boolean
  isOwn: (endpoint: string) => boolean
  /** Whether any address is this node's own. */
  hasOwn: () => boolean
  mayDisplace: MayDisplace
}

/** What the program or its user has named themselves. Others can't use it to crowd somebody out. */
const TRUSTED: ReadonlySet<PeerSource> = new Set(['bootstrap', 'persistent', 'seed', 'manual'])

/** Random places looked at for somebody who may go when the book is full because of its `maxSize`. */
const ROOM_PROBES = 16

/** How candidates become entries and entries get other addresses. It keeps quotas; {@link Tables} keeps the indexes. */
export class Intake {
  readonly tables: Tables
  readonly isOwn: (endpoint: string) => boolean
  readonly hasOwn: () => boolean
  readonly isPinned: (id: string) => boolean
  readonly #init: IntakeInit

  constructor(init: IntakeInit) {
    this.#init = init
    this.tables = init.tables
    this.isOwn = init.isOwn
    this.hasOwn = init.hasOwn
    this.isPinned = init.isPinned
  }

  /** Takes in a candidate whose id, group and sequence number are sound. */
  take(id: string, candidate: BookCandidate, now: number): AddResult {
    const { record, multiaddrs } = candidate
    const certified = record?.certified === true
    const known = this.tables.get(id)
    if (known != null && certified && known.seq != null && record.seq < known.seq) {
      return { status: 'refused', reason: 'old-record', refusedAddresses: [] }
    }
    const offer = examineOffer(id, multiaddrs, certified, this.isOwn)
    return known == null ? this.#admit(id, candidate, offer, now) : this.#update(known, candidate, offer, now)
  }

  /** Whether one that is not trusted may have an address at this public host; somebody terrible may have to go. */
  hasRoomAt(host: string, id: string): boolean {
    return this.isPinned(id) || this.#makeRoomAt(host, id, false)
  }

  /** Leaves those addresses out whose public host has four ids already, all of them better than terrible. */
  withRoom(id: string, offer: Offer, isTrusted = false): StoredAddress[] {
    if (this.isPinned(id)) {
      return offer.addresses
    }
    let full: string[] = []
    for (const { host, text } of offer.addresses) {
      if (host != null && !this.#makeRoomAt(host, id, isTrusted)) {
        full = appended(full, text)
        offer.refused.push({ address: text, reason: 'host-full' })
      }
    }
    return full.length === 0 ? offer.addresses : offer.addresses.filter(({ text }) => !full.includes(text))
  }

  /** Takes the mark off or puts it on: marked entries are exempt from host quotas and from losing their place. */
  setPinned(entry: Entry, pinned: boolean): void {
    if (pinned) {
      this.tables.setCounted(entry, false)
      return
    }
    const addresses = this.withRoom(entry.id, { addresses: [...entry.addresses], refused: [], scopes: 0 })
    if (addresses.length === 0) {
      this.tables.remove(entry)
      return
    }
    this.tables.setCounted(entry, true)
    if (this.#relocate(entry, addresses, entry.sourceGroup) || this.demote(entry, addresses)) {
      this.tables.setAddresses(entry, addresses)
    }
    if (entry.table === 'pinned' && this.tables.index.has(entry.id) && !this.#place(entry, entry.sourceGroup)) {
      this.tables.remove(entry)
    }
  }

  /** Gives an entry fewer addresses; without any it is removed. */
  reduce(entry: Entry, addresses: readonly StoredAddress[]): void {
    if (addresses.length === 0) {
      this.tables.remove(entry)
    } else if (this.#relocate(entry, addresses, entry.sourceGroup) || this.demote(entry, addresses)) {
      this.tables.setAddresses(entry, addresses)
      entry.proven = addresses.some(({ text }) => text === entry.proven) ? entry.proven : undefined
    }
  }

  /** Moves a tried entry back among the new; false if there is no place for it and it had to be removed. */
  demote(entry: Entry, addresses: readonly StoredAddress[] = entry.addresses): boolean {
    if (entry.table === 'tried') {
      const group = addresses[0]?.group ?? entry.group
      this.tables.unplace(entry)
      entry.group = group
      this.#init.tests.drop(entry.id)
      if (!this.#place(entry, entry.sourceGroup) && !this.isPinned(entry.id)) {
        this.tables.remove(entry)
        return false
      }
    }
    return true
  }

  #admit(id: string, candidate: BookCandidate, offer: Offer, now: number): AddResult {
    const { source, sourceGroup, record } = candidate
    const addresses = ranked(this.withRoom(id, offer, TRUSTED.has(source)))
    const refusedAddresses = offer.refused
    const [first] = addresses
    if (first == null) {
      return { status: 'refused', reason: reasonOf(offer), refusedAddresses }
    }
    const isPinned = this.isPinned(id)
    const place = this.tables.findNew(id, first.group, sourceGroup, this.#init.mayDisplace)
    if (place == null && !isPinned) {
      return { status: 'refused', reason: 'slot-taken', refusedAddresses }
    }
    if (place != null) {
      this.tables.evictNew(place)
    }
    if (!this.#makeRoom()) {
      return { status: 'refused', reason: 'book-full', refusedAddresses }
    }
    const entry = newEntry({ id, addresses, source, sourceGroup, group: first.group }, now, !isPinned)
    setRecord(entry, record, offer.scopes)
    this.tables.insert(entry)
    if (place != null) {
      this.tables.placeNew(entry, place, sourceGroup)
    }
    return { status: 'added', refusedAddresses }
  }

  #update(entry: Entry, candidate: BookCandidate, offer: Offer, now: number): AddResult {
    const { source, sourceGroup, record } = candidate
    const isCertified = record?.certified === true
    const isNewer = isCertified && (entry.seq == null || record.seq > entry.seq)
    const refusedAddresses = offer.refused
    let changed = false
    if (isNewer || !isCertified) {
      const room = this.withRoom(entry.id, offer, TRUSTED.has(source))
      if (room.length === 0 && (isNewer || offer.refused.length > 0)) {
        return { status: 'refused', reason: reasonOf(offer), refusedAddresses }
      }
      const addresses = isNewer ? certify(entry, room) : append(entry, room, refusedAddresses)
      if (!this.#relocate(entry, addresses, sourceGroup)) {
        return { status: 'refused', reason: 'slot-taken', refusedAddresses }
      }
      changed =
        isNewer || addresses.length !== entry.addresses.length || addresses.some((a, i) => a !== entry.addresses[i])
      if (changed) {
        this.tables.setAddresses(entry, addresses)
        entry.proven = addresses.some(({ text }) => text === entry.proven) ? entry.proven : undefined
      }
      if (isNewer) {
        setRecord(entry, record, offer.scopes)
      }
    }
    if (Math.abs(now - entry.lastSeen) >= SEEN_STEP) {
      entry.lastSeen = now
      changed = true
    }
    if (!entry.sources.includes(source)) {
      entry.sources = appended(entry.sources, source)
      changed = true
    }
    changed = this.#addPlace(entry, sourceGroup) || changed
    return { status: 'updated', changed, refusedAddresses }
  }

  /** One more place among the new for an entry that another source group has named too: harder each time. */
  #addPlace(entry: Entry, sourceGroup: string): boolean {
    const { length } = entry.places
    if (entry.table === 'tried' || length >= MAX_NEW_PLACES || entry.newGroups.includes(sourceGroup)) {
      return false
    }
    return (length === 0 || this.#init.rng.float() < 0.5 ** length) && this.#place(entry, sourceGroup)
  }

  #place(entry: Entry, sourceGroup: string): boolean {
    const place = this.tables.findNew(entry.id, entry.group, sourceGroup, this.#init.mayDisplace)
    if (place != null) {
      this.tables.placeNew(entry, place, sourceGroup)
    }
    return place != null
  }

  /**
   * A tried entry stands there for the group it was reached in. When none of its addresses will be of that group it goes
   * back among the new, for its new whereabouts are unproven. False, and nothing is done, if there is no place.
   */
  #relocate(entry: Entry, addresses: readonly StoredAddress[], sourceGroup: string): boolean {
    const [first] = addresses
    if (first == null || entry.table !== 'tried' || addresses.some(({ group }) => group === entry.group)) {
      return true
    }
    for (const group of new Set([sourceGroup, entry.sourceGroup])) {
      const place = this.tables.findNew(entry.id, first.group, group, this.#init.mayDisplace)
      if (place != null) {
        this.tables.unplace(entry)
        entry.group = first.group
        this.#init.tests.drop(entry.id)
        this.tables.placeNew(entry, place, group)
        return true
      }
    }
    return false
  }

  #makeRoomAt(host: string, id: string, isTrusted: boolean): boolean {
    const entries = this.tables.hosts.of(host)
    this.tables.touched += entries.length
    if (entries.length < MAX_IDS_PER_HOST || entries.some((entry) => entry.id === id)) {
      return true
    }
    const holder =
      entries.find(this.#init.mayDisplace) ??
      (isTrusted ? entries.find(({ table, lastSuccess }) => table !== 'tried' && lastSuccess === 0) : undefined)
    if (holder != null) {
      this.tables.remove(holder)
    }
    return holder != null
  }

  /** Makes sure that one more entry may be inserted. */
  #makeRoom(): boolean {
    const { tables, rng, maxSize, mayDisplace } = this.#init
    for (let i = 0; tables.index.size >= maxSize && i < ROOM_PROBES; i++) {
      const entry = tables.fresh.pick(rng.float())
      tables.touched++
      if (entry != null && mayDisplace(entry)) {
        tables.remove(entry)
      }
    }
    return tables.index.size < maxSize
  }
}

function reasonOf({ refused }: Offer): 'host-full' | 'no-usable-address' {
  return refused.some(({ reason }) => reason === 'host-full') ? 'host-full' : 'no-usable-address'
}

function setRecord(entry: Entry, record: BookCandidate['record'], scopes: number): void {
  if (record?.certified === true) {
    const bytes = record.bytes ?? new Uint8Array()
    const isKept = bytes.byteLength > 0 && bytes.byteLength <= MAX_RECORD_BYTES
    entry.seq = record.seq
    entry.record = isKept ? Uint8Array.from(bytes) : undefined
    entry.recordScopes = isKept ? scopes : 0
  }
}
