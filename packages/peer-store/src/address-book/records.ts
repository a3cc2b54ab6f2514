import { crc32 } from 'node:zlib'
import {
  BookAnchorsRecord,
  BookBanRecord,
  BookEntryRecord,
  BookKeyRecord,
  BookMarksRecord
} from '../pb/address-book.js'
import { EntryReader } from './entry-reader.js'
import { MAX_ADDRESSES, MAX_ANCHORS, MAX_NEW_PLACES, MAX_RECORD_BYTES } from './parameters.js'
import { SIPHASH_KEY_BYTES } from './siphash.js'
import type { PeerMarks, StoredEntry } from './entry.js'
import type { PeerSource } from '@penin/interface'

/** The layout of the records; a record that begins with another byte is not read. */
export const RECORD_VERSION = 1

/** Field 15, fixed32: the checksum is written behind the message, and is a field of it. */
const CHECKSUM_TAG = 0x7d

const CHECKSUM_BYTES = 5

/** More bytes than any record of ours has: one with 8 addresses of 512 bytes and a signed record. */
const MAX_BYTES = 16_384

interface Codec<T> {
  encode: (value: T) => Uint8Array
  decode: (bytes: Uint8Array, options?: object) => T
}

/** A version byte, the message and its checksum, which also says under which name the record must lie. */
function seal<T>(name: string, codec: Codec<T>, value: T): Uint8Array {
  const message = codec.encode(value)
  const record = new Uint8Array(1 + message.byteLength + CHECKSUM_BYTES)
  record[0] = RECORD_VERSION
  record.set(message, 1)
  const at = 1 + message.byteLength
  record[at] = CHECKSUM_TAG
  new DataView(record.buffer).setUint32(at + 1, crc32(message, crc32(name)), true)
  return record
}

/** Where the message of a record ends; 0 when as much as one bit of it is not as it was written. Never throws. */
function endOfMessage(nameChecksum: number, record: Uint8Array): number {
  const end = record.byteLength - CHECKSUM_BYTES
  if (record[0] !== RECORD_VERSION || end < 1 || record.byteLength > MAX_BYTES || record[end] !== CHECKSUM_TAG) {
    return 0
  }
  const message = new Uint8Array(record.buffer, record.byteOffset + 1, end - 1)
  return checksumAt(record, end + 1) === crc32(message, nameChecksum) ? end : 0
}

/** Little-endian, as fixed32 fields are. */
function checksumAt(record: Uint8Array, at: number): number {
  let value = 0
  for (let i = 3; i >= 0; i--) {
    value = (value << 8) | (record[at + i] as number)
  }
  return value >>> 0
}

/** What a record says; undefined for a damaged one. Never throws. */
function open<T>(name: string, codec: Codec<T>, record: Uint8Array, limits: object = {}): T | undefined {
  const end = endOfMessage(crc32(name), record)
  return end === 0 ? undefined : decode(codec, record.subarray(1, end), limits)
}

function decode<T>(codec: Codec<T>, message: Uint8Array, limits: object): T | undefined {
  try {
    return codec.decode(message, { limits })
  } catch {
    return undefined
  }
}

const ENTRY_LIMITS = { addresses: MAX_ADDRESSES, sources: 16, newGroups: MAX_NEW_PLACES, places: MAX_NEW_PLACES }

export function encodeEntry(entry: StoredEntry): Uint8Array {
  const { id, addresses, seq, record, proven, places = [], placement = 0, ...rest } = entry
  return seal(`entry/${id}`, BookEntryRecord, {
    ...rest,
    addresses: addresses.map(({ text }) => text),
    certified: addresses.reduce((bits, { certified }, i) => bits | (certified ? 1 << i : 0), 0),
    proven: proven == null ? 0 : 1 + addresses.findIndex(({ text }) => text === proven),
    record: new Uint8Array(record ?? []),
    places,
    placement,
    checksum: 0,
    ...(seq == null ? {} : { seq })
  })
}

/**
 * The entry of `id`, or undefined for anything that is not just that.
 *
 * @param mayPack leave addresses as they are where they are as usual; see packed-addresses.ts
 */
export function decodeEntry(id: string, bytes: Uint8Array, mayPack = false): StoredEntry | undefined {
  const end = endOfMessage(crc32(id, ENTRY_CHECKSUM), bytes)
  const entry =
    end === 0 ? undefined : (reader.read(id, bytes, 1, end, mayPack) ?? decodeUnusual(id, bytes.subarray(1, end)))
  return entry?.record == null || entry.record.byteLength <= MAX_RECORD_BYTES ? entry : undefined
}

const reader = new EntryReader()

/** The checksum goes on from there over the id. */
const ENTRY_CHECKSUM = crc32('entry/')

/** The same by the generated decoder, which takes its time. */
function decodeUnusual(id: string, message: Uint8Array): StoredEntry | undefined {
  const found = decode(BookEntryRecord, message, ENTRY_LIMITS)
  if (found == null) {
    return undefined
  }
  const { sourceGroup, group, tried, newGroups, firstSeen, lastSeen, lastSuccess, lastAttempt, attempts } = found
  const { failures, recordScopes, certified } = found
  const entry: StoredEntry = {
    id,
    addresses: found.addresses.map((text, i) => ({ text, certified: (certified & (1 << i)) !== 0 })),
    sources: found.sources as PeerSource[],
    sourceGroup,
    group,
    tried,
    newGroups,
    firstSeen,
    lastSeen,
    lastSuccess,
    lastAttempt,
    attempts,
    failures,
    recordScopes
  }
  const proven = found.addresses[found.proven - 1]
  if (found.seq != null) {
    entry.seq = found.seq
  }
  if (found.record.byteLength > 0) {
    entry.record = found.record.slice()
  }
  if (proven != null) {
    entry.proven = proven
  }
  if (found.places.length > 0) {
    entry.places = found.places
    entry.placement = found.placement
  }
  return entry
}

export function encodeBan(id: string, until: number): Uint8Array {
  return seal(`ban/${id}`, BookBanRecord, { until: until === Infinity ? 0 : Math.ceil(until), checksum: 0 })
}

export function decodeBan(id: string, bytes: Uint8Array): number | undefined {
  const until = open(`ban/${id}`, BookBanRecord, bytes)?.until
  return until === 0 ? Infinity : until
}

export function encodeMarks(
  id: string,
  { persistent = false, private: isPrivate = false, unconditional = false }: PeerMarks
): Uint8Array {
  return seal(`marks/${id}`, BookMarksRecord, { persistent, private: isPrivate, unconditional, checksum: 0 })
}

export function decodeMarks(id: string, bytes: Uint8Array): PeerMarks | undefined {
  const { persistent, private: isPrivate, unconditional } = open(`marks/${id}`, BookMarksRecord, bytes) ?? {}
  return persistent == null || isPrivate == null || unconditional == null
    ? undefined
    : { persistent, private: isPrivate, unconditional }
}

export function encodeAnchors(ids: string[]): Uint8Array {
  return seal('anchors', BookAnchorsRecord, { ids, checksum: 0 })
}

export function decodeAnchors(bytes: Uint8Array): string[] | undefined {
  return open('anchors', BookAnchorsRecord, bytes, { ids: MAX_ANCHORS })?.ids
}

export function encodeKey(secret: Uint8Array): Uint8Array {
  return seal('key', BookKeyRecord, { secret: new Uint8Array(secret), checksum: 0 })
}

export function decodeKey(bytes: Uint8Array): Uint8Array | undefined {
  const secret = open('key', BookKeyRecord, bytes)?.secret
  return secret?.byteLength === SIPHASH_KEY_BYTES ? Uint8Array.from(secret) : undefined
}
