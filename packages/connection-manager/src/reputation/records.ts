import { crc32 } from 'node:zlib'
import { SentenceRecord, StandingRecord } from '../pb/reputation.js'
import { MAX_HISTORY } from './parameters.js'
import { readBan, readPeer, type StoredBan, type StoredPeer } from './snapshot.js'

/** The layout of the records; a record that begins with another byte is not read. */
const RECORD_VERSION = 1

/** The version and the checksum. */
const HEADER_BYTES = 5

/** More bytes than any record of ours has: 16 changes with a reason of 64 escaped characters each. */
const MAX_BYTES = 16_384

/** Health is stored in tenths, plus one: 0 is for none. */
const NO_HEALTH = 0

/** A version byte, a checksum that also says under which name the record must lie, and the message. */
function seal(name: string, message: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEADER_BYTES + message.byteLength)
  record[0] = RECORD_VERSION
  new DataView(record.buffer).setUint32(1, crc32(message, crc32(name)), true)
  record.set(message, HEADER_BYTES)
  return record
}

/** What `read` makes of a record's message; undefined when as much as one bit of it is not as written. Never throws. */
function open<T>(name: string, record: Uint8Array, read: (message: Uint8Array) => T | undefined): T | undefined {
  if (record.byteLength < HEADER_BYTES || record.byteLength > MAX_BYTES || record[0] !== RECORD_VERSION) {
    return undefined
  }
  const message = record.subarray(HEADER_BYTES)
  const stored = new DataView(record.buffer, record.byteOffset, record.byteLength).getUint32(1, true)
  if (stored !== crc32(message, crc32(name))) {
    return undefined
  }
  try {
    return read(message)
  } catch {
    return undefined
  }
}

export function encodePeer(name: string, { health, ...peer }: StoredPeer): Uint8Array {
  const tenths = health == null ? NO_HEALTH : Math.round(health * 10) + 1
  return seal(name, StandingRecord.encode({ ...peer, health: tenths }))
}

export function decodePeer(name: string, record: Uint8Array): StoredPeer | undefined {
  return open(name, record, (message) => {
    const { health, ...peer } = StandingRecord.decode(message, { limits: { history: MAX_HISTORY } })
    return readPeer({ ...peer, ...(health === NO_HEALTH ? {} : { health: (health - 1) / 10 }) })
  })
}

export function encodeBan(name: string, ban: StoredBan): Uint8Array {
  return seal(name, SentenceRecord.encode({ ...ban, until: ban.until ?? 0 }))
}

export function decodeBan(name: string, record: Uint8Array): StoredBan | undefined {
  return open(name, record, (message) => {
    const { until, ...ban } = SentenceRecord.decode(message, { limits: { offences: 8 } })
    const stored = { ...ban, until: until === 0 ? null : until }
    return readBan(stored) == null ? undefined : stored
  })
}
