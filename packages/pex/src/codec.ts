import { printable } from '@penin/interface'
import { PexInvalidError, PexMalformedError } from './errors.js'
import { Answer as AnswerMessage, Request as RequestMessage } from './pb/pex.js'

/** A request or an answer is at most this many bytes on the wire, its length prefix not counted. */
export const MAX_PEX_BYTES = 65_536

/** Records in one answer, at most; nobody may want more either. */
export const MAX_RECORDS = 64

/**
 * Bytes of one signed record, at most. A record of 16 addresses takes about 500: an Ed25519 key and id, a signature, and
 * some 20 bytes an address. 64 of the largest would not fit into one answer, whose own limit then decides.
 */
export const MAX_RECORD_BYTES = 2048

/** What is asked. */
export interface Request {
  /** The asker's own signed record, or nothing. */
  record?: Uint8Array
  /** How many records are wanted: 1 to {@link MAX_RECORDS}. */
  want: number
}

/** @throws PexInvalidError naming the field that breaks a limit */
export function encodeRequest({ record, want }: Request): Uint8Array {
  if (!isWant(want)) {
    throw new PexInvalidError('want', `got ${want}, expected 1 to ${MAX_RECORDS}`)
  }
  if (record != null && record.byteLength > MAX_RECORD_BYTES) {
    throw new PexInvalidError('record', `${record.byteLength} bytes, at most ${MAX_RECORD_BYTES} fit`)
  }
  return RequestMessage.encode({ record: plain(record ?? new Uint8Array()), want })
}

/** @throws PexMalformedError for anything that is not a request within its limits */
export function decodeRequest(bytes: Uint8Array): Request {
  const { record, want } = decode(bytes, () => RequestMessage.decode(bytes))
  if (!isWant(want)) {
    throw new PexMalformedError('malformed', `it wants ${want} records`)
  }
  if (record.byteLength > MAX_RECORD_BYTES) {
    throw new PexMalformedError('malformed', `a record of ${record.byteLength} bytes`)
  }
  return record.byteLength === 0 ? { want } : { record: copyOf(record), want }
}

/** @throws PexInvalidError naming the limit that is broken */
export function encodeAnswer(records: readonly Uint8Array[]): Uint8Array {
  if (records.length > MAX_RECORDS) {
    throw new PexInvalidError('records', `${records.length}, at most ${MAX_RECORDS}`)
  }
  if (records.some((record) => !isRecordSize(record))) {
    throw new PexInvalidError('records', `each has 1 to ${MAX_RECORD_BYTES} bytes`)
  }
  const bytes = AnswerMessage.encode({ records: records.map(plain) })
  if (bytes.byteLength > MAX_PEX_BYTES) {
    throw new PexInvalidError('records', `${bytes.byteLength} bytes in all, at most ${MAX_PEX_BYTES} fit`)
  }
  return bytes
}

/** @throws PexMalformedError for anything that is not an answer within its limits */
export function decodeAnswer(bytes: Uint8Array): Uint8Array[] {
  const { records } = decode(bytes, () => AnswerMessage.decode(bytes, { limits: { records: MAX_RECORDS } }))
  if (records.some((record) => !isRecordSize(record))) {
    throw new PexMalformedError('malformed', 'a record that is empty or too long')
  }
  return records.map(copyOf)
}

/** Bytes that a record takes in an answer: itself, its field number and its length. */
export function bytesInAnswer(record: Uint8Array): number {
  return record.byteLength + (record.byteLength < 128 ? 2 : 3)
}

/** What is kept of a message must not keep the whole message in memory. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

/** For the generated code, which rules shared memory out by type. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>
}

function isWant(want: number): boolean {
  return Number.isInteger(want) && want >= 1 && want <= MAX_RECORDS
}

function isRecordSize(record: Uint8Array): boolean {
  return record.byteLength > 0 && record.byteLength <= MAX_RECORD_BYTES
}

function decode<T>(bytes: Uint8Array, fn: () => T): T {
  if (bytes.byteLength > MAX_PEX_BYTES) {
    throw new PexMalformedError('malformed', `${bytes.byteLength} bytes`)
  }
  try {
    return fn()
  } catch (error) {
    throw new PexMalformedError('malformed', printable((error as Error).message), { cause: error })
  }
}
