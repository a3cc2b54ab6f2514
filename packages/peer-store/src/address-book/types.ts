import type { BookEntry } from './entry.js'
import type { BookScope } from './address-facts.js'
import type { RefusedAddress } from './merge-addresses.js'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock, PeerSource, Rng } from '@penin/interface'

/** What changed, for whoever keeps the book on a disk; the id is empty for `anchors`. */
export type BookPart = 'entry' | 'ban' | 'marks' | 'anchors'

/** What an {@link AddressBook} is made of. */
export interface AddressBookInit {
  /** This node: never stored. */
  selfId: PeerId | string
  /** 16 random bytes, kept for the life of the book: with another secret every entry stands somewhere else. */
  secret: Uint8Array
  /** @default systemClock */
  clock?: Clock | undefined
  /** @default systemRng */
  rng?: Rng | undefined
  /**
   * Entries at most. Lowering it makes every bucket smaller, so that the shares of source and address groups stay what
   * they are.
   *
   * @default 20480
   */
  maxSize?: number | undefined
  /** Called after each change of what is to be stored. It must not throw. */
  onChange?: ((part: BookPart, id: string) => void) | undefined
  /** Called when an entry leaves the book: displaced, expired or removed. It must not throw. */
  onRemoved?: ((id: string) => void) | undefined
}

/** A peer that somebody has named. */
export interface BookCandidate {
  id: PeerId | string
  /** For a certified record: all of its addresses and no others. */
  multiaddrs: readonly (Multiaddr | string)[]
  source: PeerSource
  /**
   * `addressGroup()` of the address from which the word came, as observed on the connection or datagram; for the
   * configuration a constant. Never anything that a peer says of itself.
   */
  sourceGroup: string
  /** The signed peer record that the addresses come from. */
  record?: {
    seq: bigint
    /** The signature was checked, and it is by this peer. */
    certified: boolean
    /** The signed envelope, to be handed on. */
    bytes?: Uint8Array
  }
}

/** Why a candidate was not taken. */
export type AddRefusal =
  | 'own-id'
  | 'malformed-id'
  | 'malformed-group'
  | 'malformed-seq'
  | 'banned'
  | 'no-usable-address'
  | 'host-full'
  | 'old-record'
  | 'slot-taken'
  | 'book-full'

/** What became of a candidate. `refusedAddresses` are those of its addresses that were not taken, with reasons. */
export type AddResult =
  | { status: 'added'; refusedAddresses: readonly RefusedAddress[] }
  | { status: 'updated'; changed: boolean; refusedAddresses: readonly RefusedAddress[] }
  | { status: 'refused'; reason: AddRefusal; refusedAddresses: readonly RefusedAddress[] }

/** What became of a peer that was reached. */
export type GoodResult =
  /** It stands among the tried. */
  | { status: 'tried' }
  /** It was not this node that opened the connection: the peer was seen, no more. */
  | { status: 'seen' }
  /** Its place is taken; it stays among the new. `queued`: the incumbent is to be tested. */
  | { status: 'collision'; incumbent: string; queued: boolean }
  | { status: 'unknown' }

/** Options of {@link AddressBook.good}. */
export interface GoodOptions {
  /**
   * Who opened the connection. An inbound connection proves nothing about the addresses, and attackers can make as many
   * as they like.
   *
   * @default 'outbound'
   */
  direction?: 'outbound' | 'inbound'
  /** The address that answered. It is kept before others, and its group decides the place. */
  address?: Multiaddr | string
}

/** Ids, however they are kept. */
export type IdSet = Pick<ReadonlySet<string>, 'has'>

/** Ids to be left out: a set, or anything that can say whether it has one. */
export type IdFilter = Pick<ReadonlySet<string>, 'has'>

/** Options of {@link AddressBook.select}. */
export interface SelectOptions {
  /** @default 1 */
  count?: number
  /** Ids not to be chosen: those connected, being dialled or in backoff. */
  exclude?: IdSet
  /** Scopes that can be dialled from here; `relay` and the relay's scope for relayed addresses. @default all */
  scopeFilter?: readonly BookScope[]
  /** @default the clock's */
  now?: number
}

/** Options of {@link AddressBook.sampleForExchange}. */
export interface ExchangeOptions {
  /**
   * The scope of the asker's observed address. Give several to tell more: a peer of the same LAN may be told public
   * addresses too, if that is wanted.
   */
  scope: BookScope | readonly BookScope[]
  /** @default 64 */
  max?: number
  /** Whether a peer is worth telling of, beside the rules that always hold. @default all are */
  isWanted?: (entry: Pick<BookEntry, 'id' | 'table'>) => boolean
  /** The asker's own id, for instance. */
  exclude?: IdSet
}

/** A peer that may be named to others. */
export interface ExchangeEntry {
  id: string
  seq: bigint
  /** The signed envelope as it came. */
  record: Uint8Array
  addresses: string[]
}

/** Counters of a book. */
export interface BookStats {
  size: number
  new: number
  tried: number
  /** Marked peers without a place in a bucket. */
  pinned: number
  maxSize: number
  /** Filled places among the new; an entry may have four. */
  newPlaces: number
  newCapacity: number
  triedCapacity: number
  /** Public hosts claimed by entries. */
  hosts: number
  bans: number
  marks: number
  pendingTests: number
  /** Entries looked at by all operations so far. */
  touched: number
}
