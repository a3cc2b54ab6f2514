export * from './errors.js'
export * from './types.js'
export { AddressBook } from './address-book.js'
export { addressGroup, scopeOf } from './address-facts.js'
export { isTerrible } from './quality.js'
export { BOOK_JSON_SCHEMA, fromJSON, toJSON } from './book-json.js'
export { openAddressBook, BOOK_PREFIX, FLUSH_DELAY } from './storage.js'
export { DEFAULT_MAX_SIZE, MAX_ADDRESSES, MAX_EXCHANGE, MAX_IDS_PER_HOST, MAX_OFFERED } from './parameters.js'
export type { AddressRefusal, BookScope, DirectScope } from './address-facts.js'
export type {
  BookAddress,
  BookBan,
  BookEntry,
  BookSnapshot,
  BookTable,
  PeerMarks,
  Restorable,
  StoredEntry
} from './entry.js'
export type { Violation } from './invariants.js'
export type { RefusedAddress } from './merge-addresses.js'
export type { PendingTest } from './pending-tests.js'
export type { TrackRecord } from './quality.js'
export type { BookJson } from './book-json.js'
export type { BookStorageStats, LoadReport, OpenAddressBookOptions, StoredAddressBook } from './storage.js'
