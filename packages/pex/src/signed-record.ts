import type { AbortOptions, PeerId } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { CODE_P2P, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { addressScope, fitsScope, type AddressScope } from '@penin/interface'
import { MAX_RECORD_BYTES } from './codec.js'
import { PexMalformedError } from './errors.js'
import { Envelope, Record as RecordMessage } from './pb/record.js'
import { peerIdText } from './peer-id-text.js'
import { plainAddresses, readPlain } from './plain-record.js'

/** Addresses in a record that is looked at; a host with more has a mistake in its configuration. */
const MAX_ADDRESSES_READ = 64

/** Addresses of one peer that are taken; the others are cut off, never an error. */
export const MAX_ADDRESSES_TAKEN = 16

/**
 * The highest sequence number that is believed: the year 2100 in nanoseconds, the finest unit in use (go-libp2p's; ours
 * are milliseconds). It does not depend on anybody's clock, since clocks are often wrong; it is there so that nobody can
 * hand round records which no later one of the same peer could ever replace.
 */
export const MAX_SEQ = 4_102_444_800_000_000_000n

/** An Ed25519 public key as libp2p's protobuf: key type 1, then 32 bytes. */
const ED25519_PREFIX = Uint8Array.of(0x08, 0x01, 0x12, 0x20)
const RAW_KEY_BYTES = 32
const ED25519_KEY_BYTES = ED25519_PREFIX.byteLength + RAW_KEY_BYTES

/** The multihash prefix of a peer id that contains its whole key: identity, 36 bytes. */
const IDENTITY_PREFIX = Uint8Array.of(0x00, ED25519_KEY_BYTES)

/** What a record says, its signature not checked yet. */
export interface ReadRecord {
  /** Names the peer: its id as text. */
  key: string
  seq: bigint
  bytes: Uint8Array
  /** The rest is taken out of it when asked for: most records are thrown away before. */
  publicKey: () => Uint8Array
  payload: () => Uint8Array
  addresses: () => Uint8Array[]
}

/**
 * Why a record is left alone though nobody has done wrong.
 *
 * - `key-type`: its peer has no Ed25519 key
 * - `seq`: its number is beyond {@link MAX_SEQ}
 * - `too-many-addresses`: more than 64
 */
export type Unfit = 'key-type' | 'seq' | 'too-many-addresses'

/**
 * A first look, without any cryptography: what can be thrown away is thrown away before a signature is checked.
 *
 * @throws PexMalformedError for bytes that are no signed peer record, or one whose signer is not the peer it names
 */
export function readRecord(bytes: Uint8Array): ReadRecord | Unfit {
  if (bytes.byteLength === 0 || bytes.byteLength > MAX_RECORD_BYTES) {
    throw new PexMalformedError('malformed', `a record of ${bytes.byteLength} bytes`)
  }
  const plain = readPlain(bytes, MAX_ADDRESSES_READ)
  if (plain == null) {
    return readUnusual(bytes)
  }
  const { key, seq, payload, payloadEnd } = plain
  if (seq > MAX_SEQ) {
    return 'seq'
  }
  return {
    key: peerIdText(bytes, key),
    seq,
    bytes,
    publicKey: () => bytes.subarray(key - ED25519_PREFIX.byteLength, key + RAW_KEY_BYTES),
    payload: () => bytes.subarray(payload, payloadEnd),
    addresses: () => plainAddresses(bytes, plain)
  }
}

/** The same with the generated decoder, which takes its time. */
function readUnusual(bytes: Uint8Array): ReadRecord | Unfit {
  const { publicKey, payload, payloadType } = decode(() => Envelope.decode(bytes))
  if (!isEqual(payloadType, PeerRecord.CODEC)) {
    throw new PexMalformedError('malformed', 'an envelope that holds no peer record')
  }
  if (publicKey.byteLength !== ED25519_KEY_BYTES || !startsWith(publicKey, ED25519_PREFIX)) {
    return 'key-type'
  }
  let record: RecordMessage
  try {
    record = RecordMessage.decode(payload, { limits: { addresses: MAX_ADDRESSES_READ } })
  } catch (error) {
    if ((error as Error).name === 'MaxLengthError') {
      return 'too-many-addresses'
    }
    throw new PexMalformedError('malformed', 'a record that cannot be read', { cause: error })
  }
  const { peerId, seq } = record
  if (!startsWith(peerId, IDENTITY_PREFIX) || !isEqual(peerId.subarray(IDENTITY_PREFIX.byteLength), publicKey)) {
    throw new PexMalformedError('forged', 'a record that another peer has signed')
  }
  if (seq > MAX_SEQ) {
    return 'seq'
  }
  return {
    key: peerIdText(publicKey, ED25519_PREFIX.byteLength),
    seq,
    bytes,
    publicKey: () => publicKey,
    payload: () => payload,
    addresses: () => record.addresses.map((address) => address.multiaddr)
  }
}

/** The name of a peer as in {@link ReadRecord.key}; undefined for a peer without an Ed25519 key. */
export function recordKey(peer: PeerId): string | undefined {
  return peer.type === 'Ed25519' ? peer.toString() : undefined
}

/** Whose record it is. */
export function peerOf(record: ReadRecord): PeerId {
  const bytes = new Uint8Array(IDENTITY_PREFIX.byteLength + ED25519_KEY_BYTES)
  bytes.set(IDENTITY_PREFIX)
  bytes.set(record.publicKey(), IDENTITY_PREFIX.byteLength)
  const digest = bytes.subarray(IDENTITY_PREFIX.byteLength)
  return peerIdFromMultihash({ code: 0, size: ED25519_KEY_BYTES, digest, bytes })
}

/**
 * The addresses of a record, without the peer's id at the end, or why the record is of no use to or from a peer of that
 * scope. A signed record can't be shortened without breaking the signature, so it is passed on, and taken, as a whole or
 * not at all.
 *
 * - `no-address`: there is none
 * - `address`: one can't be read, or ends in another peer's id
 * - `scope`: one does not fit
 */
export function addressesFor(
  record: ReadRecord,
  peer: PeerId,
  scope: AddressScope
): Multiaddr[] | 'no-address' | 'address' | 'scope' {
  const all = record.addresses()
  if (all.length === 0) {
    return 'no-address'
  }
  const addresses: Multiaddr[] = []
  for (const bytes of all) {
    const address = readAddress(bytes, peer)
    if (address == null) {
      return 'address'
    }
    if (!fitsScope(addressScope(address), scope)) {
      return 'scope'
    }
    addresses.push(address)
  }
  return addresses.slice(0, MAX_ADDRESSES_TAKEN)
}

function readAddress(bytes: Uint8Array, peer: PeerId): Multiaddr | undefined {
  try {
    return withoutPeer(multiaddr(bytes), peer)
  } catch {
    return undefined
  }
}

/** The address without a `/p2p/<peer>` at its end; undefined if it ends in somebody else. */
export function withoutPeer(address: Multiaddr, peer: PeerId): Multiaddr | undefined {
  const last = address.getComponents().at(-1)
  if (last?.code !== CODE_P2P) {
    return address
  }
  return last.value === peer.toString() ? address.decapsulateCode(CODE_P2P) : undefined
}

/**
 * Checks the signature.
 *
 * @returns the envelope with nothing in it but what is signed, the key and the signature: what may be passed on
 * @throws PexMalformedError if it is not the peer's
 */
export async function verifyRecord(record: ReadRecord, options?: AbortOptions): Promise<Uint8Array> {
  try {
    const envelope = await RecordEnvelope.openAndCertify(record.bytes, PeerRecord.DOMAIN, options)
    if (isEqual(envelope.payload, record.payload())) {
      return envelope.marshal()
    }
  } catch (error) {
    options?.signal?.throwIfAborted()
    throw new PexMalformedError('forged', 'a signature that is not its peer’s', { cause: error })
  }
  throw new PexMalformedError('malformed', 'a record that can be read in two ways')
}

function decode<T>(fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    throw new PexMalformedError('malformed', 'a record that cannot be read', { cause: error })
  }
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return isEqual(bytes.subarray(0, prefix.byteLength), prefix)
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
