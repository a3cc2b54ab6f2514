import type { RPC } from '@libp2p/gossipsub/message'

/** What the multihash of an Ed25519 peer id begins with: identity, 36 bytes, key type 1, 32 bytes. */
const AUTHOR_PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20]
const AUTHOR_BYTES = AUTHOR_PREFIX.length + 32
const NUMBER_BYTES = 8
const SIGNATURE_BYTES = 64

/** Bytes of a message's id: its author and number, as other GossipSub implementations have it by default. */
export const ID_BYTES = AUTHOR_BYTES + NUMBER_BYTES

/** The id of a message from its author's multihash and its number. */
export function messageId(author: Uint8Array, number: bigint): Uint8Array {
  const id = new Uint8Array(ID_BYTES)
  id.set(author)
  new DataView(id.buffer).setBigUint64(AUTHOR_BYTES, number)
  return id
}

/** An id as a key of maps. */
export function idKey(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1')
}

/** The same key, of a message that has passed {@link isSigned} and whose signature need not be true. */
export function claimedKey({ from, seqno }: RPC.Message): string {
  return idKey(from ?? new Uint8Array(0)) + idKey(seqno ?? new Uint8Array(0))
}

/**
 * Whether a message has all that a signature takes, of an Ed25519 key: others can be made so that checking them takes
 * seconds (CVE-2023-39533).
 */
export function isSigned({ from, seqno, signature, key }: RPC.Message): boolean {
  return (
    from?.length === AUTHOR_BYTES &&
    AUTHOR_PREFIX.every((byte, index) => from[index] === byte) &&
    seqno?.length === NUMBER_BYTES &&
    signature?.length === SIGNATURE_BYTES &&
    (key === undefined || key.length === 0 || isSame(key, from.subarray(2)))
  )
}

/** Whether two byte strings are the same. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
