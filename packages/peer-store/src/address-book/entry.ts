import { unpacked, type PackedAddresses } from './packed-addresses.js'
import type { BookScope, DirectScope } from './address-facts.js'
import type { PeerSource } from '@penin/interface'

/** One address of a peer in the book. */
export interface BookAddress {
  /** A multiaddr as text, without the peer's id at its end. */
  readonly text: string
  readonly scope: BookScope
  /** The scope of the host that is dialled; differs from `scope` for relayed addresses only. */
  readonly reach: DirectScope
  readonly group: string
  /** From a signed peer record whose signature the caller has checked. */
  readonly certified: boolean
}

/** What the program said of a peer. */
export interface PeerMarks {
  /** It is to be connected always; its entry is never displaced. */
  persistent?: boolean
  /** It is never named to others. */
  private?: boolean
  /** It bypasses limits; its entry is never displaced. */
  unconditional?: boolean
}

/** Where an entry stands; `pinned` is outside of the buckets, for marked peers whose place was taken. */
export type BookTable = 'new' | 'tried' | 'pinned'

/** A peer in the book, as it is at the moment of asking. Times are wall-clock milliseconds. */
export interface BookEntry {
  id: string
  addresses: readonly BookAddress[]
  /** Who named it first. */
  source: PeerSource
  sources: PeerSource[]
  /** The observed group of who named it first. */
  sourceGroup: string
  /** The address group it is placed under. */
  group: string
  table: BookTable
  firstSeen: number
  lastSeen: number
  lastSuccess?: number
  lastAttempt?: number
  /** Since the last success. */
  attempts: number
  /** Since the last success. */
  failures: number
  /** The sequence number of its newest signed peer record. */
  seq?: bigint
  /** The address that answered last. */
  proven?: string
  marks: PeerMarks
  /** Until when it is banned; `Infinity` for ever. */
  bannedUntil?: number
}

/** An address with what only the book's indexes need. */
export interface StoredAddress extends BookAddress {
  readonly host?: string
  readonly endpoint: string
  readonly bit: number
}

/** The living entry; only the book's own modules see it. */
export interface Entry {
  readonly id: string
  addresses: readonly StoredAddress[]
  /** The addresses, as long as nobody has looked at them since the book was opened. */
  readonly packed: PackedAddresses | undefined
  /** All bits of its addresses, for filters. */
  mask: number
  source: PeerSource
  sources: PeerSource[]
  sourceGroup: string
  group: string
  table: BookTable
  /** Places in its table: 1 to 4 among the new, 1 among the tried, none when pinned. */
  places: number[]
  /** For each place among the new the source group that leads there. */
  newGroups: string[]
  /** Its public hosts are counted; not so for marked peers, which are exempt. */
  counted: boolean
  firstSeen: number
  lastSeen: number
  /** 0: never. */
  lastSuccess: number
  /** 0: never. */
  lastAttempt: number
  attempts: number
  failures: number
  seq: bigint | undefined
  record: Uint8Array | undefined
  recordScopes: number
  proven: string | undefined
}

/** What a new entry begins with: its addresses taken apart, or packed. */
export interface EntryInit extends Pick<Entry, 'id' | 'source' | 'sourceGroup' | 'group'> {
  addresses: readonly StoredAddress[]
  packed?: PackedAddresses | undefined
}

/** An entry that stands nowhere yet. */
export function newEntry(init: EntryInit, now: number, counted: boolean): Entry {
  return new LiveEntry(init, now, counted)
}

class LiveEntry implements Entry {
  readonly id: string
  packed: PackedAddresses | undefined
  mask = 0
  source: PeerSource
  sources: PeerSource[]
  sourceGroup: string
  group: string
  table: BookTable = 'pinned'
  places: number[] = []
  newGroups: string[] = []
  counted: boolean
  firstSeen: number
  lastSeen: number
  lastSuccess = 0
  lastAttempt = 0
  attempts = 0
  failures = 0
  seq: bigint | undefined = undefined
  record: Uint8Array | undefined = undefined
  recordScopes = 0
  proven: string | undefined = undefined
  private known: readonly StoredAddress[]

  constructor({ id, addresses, packed, source, sourceGroup, group }: EntryInit, now: number, counted: boolean) {
    this.id = id
    this.known = addresses
    this.packed = packed
    this.source = source
    this.sources = [source]
    this.sourceGroup = sourceGroup
    this.group = group
    this.counted = counted
    this.firstSeen = now
    this.lastSeen = now
  }

  get addresses(): readonly StoredAddress[] {
    if (this.packed != null) {
      this.addresses = unpacked(this.packed)
    }
    return this.known
  }

  set addresses(addresses: readonly StoredAddress[]) {
    this.known = addresses
    this.packed = undefined
  }
}

/** A stored ban. */
export interface BookBan {
  id: string
  /** `Infinity`: for ever. */
  until: number
}

/** An entry as it is stored. */
export interface StoredEntry {
  id: string
  addresses: Array<{ text: string; certified: boolean }>
  /** Instead of `addresses`, which are empty then; only on the way from the disk. */
  packed?: PackedAddresses
  /** The first source first. */
  sources: PeerSource[]
  sourceGroup: string
  group: string
  tried: boolean
  newGroups: string[]
  firstSeen: number
  lastSeen: number
  lastSuccess: number
  lastAttempt: number
  attempts: number
  failures: number
  seq?: bigint
  record?: Uint8Array
  recordScopes: number
  proven?: string
  /** Where it stood under the key that `placement` tells; placed anew under another one, or when absent. */
  places?: number[]
  placement?: number
}

/** All that a book remembers, apart from its secret key. */
export interface BookSnapshot {
  entries: StoredEntry[]
  bans: BookBan[]
  marks: Array<{ id: string; marks: PeerMarks }>
  anchors: string[]
}

/** What a book takes in again; the entries one by one, so that not all of them need be in memory twice. */
export interface Restorable extends Omit<BookSnapshot, 'entries'> {
  entries: Iterable<StoredEntry>
}
