import type { PeerId } from '@libp2p/interface'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { CODE_P2P, type Multiaddr } from '@multiformats/multiaddr'
import { addressScope, fitsScope, type AddressScope } from '@penin/interface'
import type { SignedBeacon } from './beacon.js'
import type { DropReason } from './options.js'

/** Addresses of one peer that are announced and taken: as many as an address book's entry holds. */
export const MAX_ADDRESSES = 8

/** Bytes of an Ed25519 signature. */
const SIGNATURE_BYTES = 64

/** A record that its peer has signed. */
export interface VerifiedRecord {
  id: PeerId
  multiaddrs: Multiaddr[]
  /** The envelope, with nothing in it but what is signed, the key and the signature. */
  envelope: Uint8Array
  seq: bigint
}

/**
 * Checks the record of a beacon: it must be the record of the peer whose id the beacon has, with the beacon's number,
 * signed by that peer. What is cheap to check is checked before the signature. Never rejects.
 */
export async function verifyRecord(beacon: SignedBeacon): Promise<VerifiedRecord | DropReason> {
  let envelope: RecordEnvelope
  let record: PeerRecord
  try {
    envelope = RecordEnvelope.createFromProtobuf(beacon.record)
    record = PeerRecord.createFromProtobuf(envelope.payload)
  } catch {
    return 'bad-record'
  }
  const { peerId: id, multiaddrs, seqNumber: seq } = record
  if (envelope.publicKey.type !== 'Ed25519') {
    return 'key-type'
  }
  const isSealed = Buffer.compare(envelope.payloadType, PeerRecord.CODEC) === 0
  // the number in the beacon is not signed, so that it counts for nothing unless it is the one that is
  if (!isSealed || envelope.signature.byteLength !== SIGNATURE_BYTES || seq !== BigInt(beacon.seq)) {
    return 'bad-record'
  }
  if (id.publicKey == null || id.toString() !== beacon.id || !envelope.publicKey.equals(id.publicKey)) {
    return 'wrong-signer'
  }
  try {
    const isValid = await envelope.validate(PeerRecord.DOMAIN)
    return isValid ? { id, multiaddrs, envelope: envelope.marshal(), seq } : 'bad-signature'
  } catch {
    return 'bad-signature'
  }
}

/** Those addresses of a record that a peer heard from that scope may be believed to have, without its id at the end. */
export function fittingAddresses({ id, multiaddrs }: VerifiedRecord, scope: AddressScope): Multiaddr[] {
  const bare = multiaddrs.flatMap((address) => withoutPeer(address, id) ?? [])
  return distinct(bare.filter((address) => fitsScope(addressScope(address), scope))).slice(0, MAX_ADDRESSES)
}

/** The address without a `/p2p/<peer>` at its end; undefined if it ends in somebody else. */
export function withoutPeer(address: Multiaddr, peer: PeerId): Multiaddr | undefined {
  const last = address.getComponents().at(-1)
  if (last?.code !== CODE_P2P) {
    return address
  }
  return last.value === peer.toString() ? address.decapsulateCode(CODE_P2P) : undefined
}

/** Each address once. */
export function distinct(addresses: readonly Multiaddr[]): Multiaddr[] {
  return addresses.filter((address, index) => addresses.findIndex((other) => other.equals(address)) === index)
}
