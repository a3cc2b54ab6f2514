/** Where the parts of a signed peer record lie that is written as libp2p writes it. */
export interface PlainRecord {
  /** Where the Ed25519 key of 32 bytes begins. */
  key: number
  seq: bigint
  /** Where the payload begins and ends. */
  payload: number
  payloadEnd: number
  /** Where the first address begins; they go on to the end of the payload. */
  addresses: number
  count: number
}

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64

/** Field 1, 36 bytes: key type 1, then 32 bytes. */
const PUBLIC_KEY = Uint8Array.of(0x0a, 0x24, 0x08, 0x01, 0x12, 0x20)

/** Field 2: the codec of peer records; then field 3, the payload, of which the length follows. */
const PAYLOAD_TYPE = Uint8Array.of(0x12, 0x02, 0x03, 0x01, 0x1a)

/** Field 1 of the payload, 38 bytes: a peer id that contains its key. */
const PEER_ID = Uint8Array.of(0x0a, 0x26, 0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

const SEQ_TAG = 0x10
const LIST_TAG = 0x1a
const BYTES_TAG = 0x0a

/** Field 5, 64 bytes. */
const SIGNATURE = Uint8Array.of(0x2a, SIGNATURE_BYTES)

/**
 * Reads a signed peer record of the usual form: every field once, in the order of their numbers, lengths as short as they
 * can be, a peer id that is the signer's. Undefined for any other, sound or not, which the generated decoder judges: this
 * here is several times as fast, and never reads anything else than that one would.
 */
export function readPlain(bytes: Uint8Array, maxAddresses: number): PlainRecord | undefined {
  const key = PUBLIC_KEY.byteLength
  const typeAt = key + KEY_BYTES
  if (!isAt(bytes, 0, PUBLIC_KEY) || !isAt(bytes, typeAt, PAYLOAD_TYPE)) {
    return undefined
  }
  const lengthAt = typeAt + PAYLOAD_TYPE.byteLength
  const length = shortVarint(bytes, lengthAt)
  const payload = lengthAt + (length < 128 ? 1 : 2)
  const payloadEnd = payload + length
  const isWhole = payloadEnd + SIGNATURE.byteLength + SIGNATURE_BYTES === bytes.byteLength
  if (length < 0 || !isWhole || !isAt(bytes, payloadEnd, SIGNATURE)) {
    return undefined
  }
  const idAt = payload + PEER_ID.byteLength
  const seqAt = idAt + KEY_BYTES + 1
  if (seqAt > payloadEnd || !isAt(bytes, payload, PEER_ID) || bytes[seqAt - 1] !== SEQ_TAG) {
    return undefined
  }
  for (let i = 0; i < KEY_BYTES; i++) {
    if (bytes[idAt + i] !== bytes[key + i]) {
      return undefined
    }
  }
  const addresses = endOfVarint(bytes, seqAt, payloadEnd)
  const count = addresses < 0 ? -1 : countAddresses(bytes, addresses, payloadEnd, maxAddresses)
  return count < 0 ? undefined : { key, seq: readLong(bytes, seqAt, addresses), payload, payloadEnd, addresses, count }
}

/** The addresses of a plain record, as views. */
export function plainAddresses(bytes: Uint8Array, { addresses, payloadEnd }: PlainRecord): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let at = addresses; at < payloadEnd;) {
    const inner = at + 1 + lengthBytes(bytes, at + 1)
    const from = inner + 1 + lengthBytes(bytes, inner + 1)
    const end = from + shortVarint(bytes, inner + 1)
    found.push(bytes.subarray(from, end))
    at = end
  }
  return found
}

/** How many addresses lie there; -1 if something else does, or too many. */
function countAddresses(bytes: Uint8Array, start: number, end: number, max: number): number {
  let count = 0
  let at = start
  for (; at < end; count++) {
    const outer = shortVarint(bytes, at + 1)
    const from = at + 1 + lengthBytes(bytes, at + 1)
    const inner = shortVarint(bytes, from + 1)
    const last = from + 1 + lengthBytes(bytes, from + 1) + inner
    if (bytes[at] !== LIST_TAG || bytes[from] !== BYTES_TAG || outer < 0 || inner < 0 || last !== from + outer) {
      return -1
    }
    at = last
  }
  return at === end && count <= max ? count : -1
}

/** A number below 2^14, written as short as it can be; -1 for any other. */
function shortVarint(bytes: Uint8Array, at: number): number {
  const low = bytes[at] ?? 255
  if (low < 128) {
    return low
  }
  const high = bytes[at + 1] ?? 0
  return high === 0 || high > 127 ? -1 : (low & 127) | (high << 7)
}

const lengthBytes = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) < 128 ? 1 : 2)

/** Where a number below 2^63 ends that is written as short as it can be; -1 for any other. */
function endOfVarint(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end && at < start + 9; at++) {
    const byte = bytes[at] as number
    if (byte < 128) {
      return byte === 0 ? -1 : at + 1
    }
  }
  return -1
}

function readLong(bytes: Uint8Array, start: number, end: number): bigint {
  let low = 0
  let high = 0
  let factor = 1
  for (let i = 0; i < end - start; i++) {
    const bits = (bytes[start + i] as number) & 127
    if (i < 7) {
      low += bits * factor
      factor *= 128
    } else {
      high |= bits << (7 * (i - 7))
    }
  }
  return high === 0 ? BigInt(low) : (BigInt(high) << 49n) | BigInt(low)
}

function isAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.byteLength; i++) {
    if (bytes[at + i] !== expected[i]) {
      return false
    }
  }
  return true
}
