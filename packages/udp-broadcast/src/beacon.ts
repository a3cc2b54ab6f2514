import type { DropReason } from './options.js'

/** Bytes of a beacon, sent or taken: the Python node reads no more (`recvfrom(1024)`). */
export const MAX_BEACON_BYTES = 1024

/** Characters of a legacy id. */
const MAX_ID_LENGTH = 128

/** What stands in a beacon of ours. */
export interface BeaconFields {
  id: string
  port: number
  /** Unix time in seconds, as the Python node writes it. */
  timestamp: number
  net: string
  /** The number of the record. */
  seq: number
  /** The signed envelope. */
  record: Uint8Array
  bye?: boolean
}

/** A beacon with a record. Nothing of it is proven yet. */
export interface SignedBeacon {
  kind: 'signed'
  id: string
  net: string
  seq: number
  record: Uint8Array
  bye: boolean
}

/** A beacon without a record: what a Python node sends. */
export interface LegacyBeacon {
  kind: 'legacy'
  id: string
  /** Absent: the sender's is the same as ours, as Python nodes assume. */
  port: number | undefined
  /** Unix time in seconds, as the sender says. */
  timestamp: number | undefined
  bye: boolean
}

/** Not a beacon, and why not. */
export interface NoBeacon {
  kind: 'drop'
  reason: DropReason
}

/**
 * The bytes of a beacon: the three keys of the Python node first, then those that it ignores.
 */
export function encodeBeacon({ id, port, timestamp, net, seq, record, bye }: BeaconFields): Buffer {
  const text = Buffer.from(record).toString('base64url')
  return Buffer.from(
    JSON.stringify({ id, port, timestamp, v: 2, net, seq, record: text, ...(bye === true ? { bye } : {}) })
  )
}

/** A byte order mark stays in the text and so makes it malformed, as it does in Python; bad UTF-8 throws. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a datagram; throws nothing. Only what is an own property is looked at, so that `__proto__` is a key like any
 * other, and the last of equal keys counts, as in Python. The size is what bounds nesting.
 */
export function readBeacon(datagram: Uint8Array): SignedBeacon | LegacyBeacon | NoBeacon {
  if (datagram.byteLength > MAX_BEACON_BYTES) {
    return drop('too-big')
  }
  const fields = readObject(datagram)
  if (fields == null) {
    return drop('malformed')
  }
  const id = fields.get('id')
  if (!isId(id)) {
    return drop('bad-id')
  }
  const bye = fields.get('bye') === true
  // whoever has the key wants to be believed: what can't be read is dropped, and not taken for a Python node's
  if (fields.has('record')) {
    return readSigned(id, fields, bye)
  }
  const port = fields.get('port')
  if (port !== undefined && !isPort(port)) {
    return drop('bad-port')
  }
  const timestamp = fields.get('timestamp')
  return {
    kind: 'legacy',
    id,
    port,
    timestamp: typeof timestamp === 'number' && Number.isFinite(timestamp) ? timestamp : undefined,
    bye
  }
}

function readSigned(id: string, fields: Map<string, unknown>, bye: boolean): SignedBeacon | NoBeacon {
  const net = fields.get('net')
  const seq = fields.get('seq')
  const record = fields.get('record')
  if (typeof net !== 'string' || typeof record !== 'string' || !/^[\w-]+$/.test(record)) {
    return drop('bad-record')
  }
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 0) {
    return drop('bad-record')
  }
  return { kind: 'signed', id, net, seq, record: new Uint8Array(Buffer.from(record, 'base64url')), bye }
}

function readObject(datagram: Uint8Array): Map<string, unknown> | undefined {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(datagram))
  } catch {
    return undefined
  }
  const isObject = typeof value === 'object' && value != null && !Array.isArray(value)
  return isObject ? new Map(Object.entries(value as object)) : undefined
}

/** Control characters and halves of surrogate pairs have no business in a name. */
function isId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && [...id].length <= MAX_ID_LENGTH && !/[\p{Cc}\p{Cs}]/u.test(id)
}

function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535
}

function drop(reason: DropReason): NoBeacon {
  return { kind: 'drop', reason }
}
