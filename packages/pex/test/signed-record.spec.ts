import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_RECORD_BYTES, MAX_SEQ } from '../src/index.js'
import { addressesFor, peerOf, readRecord, verifyRecord, type ReadRecord } from '../src/signed-record.js'
import { recordOf, somebody } from './support.js'

const offence = (kind: string): unknown => expect.objectContaining({ name: 'PexMalformedError', offence: kind })

function read(bytes: Uint8Array): ReadRecord {
  const record = readRecord(bytes)
  if (typeof record === 'string') {
    throw new TypeError(record)
  }
  return record
}

describe('a signed record', () => {
  it('is read, and known to be its peer’s, from its bytes alone', async () => {
    const peer = await somebody()
    const bytes = await recordOf(peer, { addresses: ['/ip4/203.0.113.7/tcp/1', '/dns4/example.com/tcp/2'], seq: 5n })
    const record = read(bytes)
    expect(peerOf(record).equals(peer.id)).toBe(true)
    expect(record.seq).toBe(5n)
    expect(await verifyRecord(record)).toEqual(bytes)
    expect(addressesFor(record, peer.id, 'public')).toHaveLength(2)
  })

  it('A7: with a bad signature is kept out, whichever byte of it is wrong', async () => {
    const peer = await somebody()
    const bytes = await recordOf(peer)
    for (let at = bytes.length - 64; at < bytes.length; at += 9) {
      const bad = new Uint8Array(bytes)
      bad[at] = (bad[at] ?? 0) ^ 1
      await expect(verifyRecord(read(bad))).rejects.toEqual(offence('forged'))
    }
  })

  it('A7: that another peer has signed is kept out before its signature is looked at', async () => {
    const [peer, attacker] = [await somebody(), await somebody()]
    const bytes = await recordOf(peer, { signer: attacker.key })
    expect(() => readRecord(bytes)).toThrow(offence('forged'))
  })

  it('A7: with seq 2^64-1 is kept out, and so is all that no clock says before the year 2100', async () => {
    const peer = await somebody()
    for (const seq of [MAX_SEQ + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      expect(readRecord(await recordOf(peer, { seq }))).toBe('seq')
    }
    // small counters, seconds, milliseconds, nanoseconds, and clocks that are years ahead or behind
    for (const seq of [0n, 1n, 1_800_000_000n, 3_000_000_000_000n, 1_800_000_000_000_000_000n, MAX_SEQ]) {
      expect(read(await recordOf(peer, { seq })).seq).toBe(seq)
    }
  })

  it('of a key that is not Ed25519 is left alone', async () => {
    for (const type of ['RSA', 'secp256k1'] as const) {
      const key = type === 'RSA' ? await generateKeyPair('RSA', 2048) : await generateKeyPair('secp256k1')
      const record = new PeerRecord({ peerId: peerIdFromPrivateKey(key), multiaddrs: [], seqNumber: 1n })
      expect(readRecord((await RecordEnvelope.seal(record, key)).marshal())).toBe('key-type')
    }
  })

  it('A7: that is oversized, empty, or holds something else is malformed', async () => {
    const peer = await somebody()
    const addresses = Array.from({ length: 60 }, (_, i) => `/dns4/${'x'.repeat(60)}.example.com/tcp/${i + 1}`)
    const big = await recordOf(peer, { addresses })
    expect(big.byteLength).toBeGreaterThan(MAX_RECORD_BYTES)
    const other = {
      domain: 'libp2p-peer-record',
      codec: Uint8Array.of(9, 9),
      marshal: () => new PeerRecord({ peerId: peer.id, multiaddrs: [], seqNumber: 1n }).marshal(),
      equals: () => false
    }
    const alien = (await RecordEnvelope.seal(other, peer.key)).marshal()
    for (const bytes of [big, new Uint8Array(), alien]) {
      expect(() => readRecord(bytes)).toThrow(offence('malformed'))
    }
  })

  it('A4: with 10^4 addresses for one id does not get through: it is too long, or has too many', async () => {
    const peer = await somebody()
    const addresses = (n: number): string[] => Array.from({ length: n }, (_, i) => `/ip4/203.0.113.7/tcp/${i + 1}`)
    expect(readRecord(await recordOf(peer, { addresses: addresses(65) }))).toBe('too-many-addresses')
    const all = await recordOf(peer, { addresses: addresses(10_000) })
    expect(() => readRecord(all)).toThrow(offence('malformed'))
    const most = read(await recordOf(peer, { addresses: addresses(64) }))
    expect(addressesFor(most, peer.id, 'public')).toHaveLength(16)
  })

  it('is only of use if all its addresses are', async () => {
    const peer = await somebody()
    const other = await somebody()
    const judged = async (...addresses: string[]): Promise<unknown> => {
      const found = addressesFor(read(await recordOf(peer, { addresses })), peer.id, 'public')
      return typeof found === 'string' ? found : found.map((address) => address.toString())
    }
    expect(await judged()).toBe('no-address')
    expect(await judged('/ip4/203.0.113.7/tcp/1', '/ip4/10.0.0.1/tcp/1')).toBe('scope')
    expect(await judged('/ip4/203.0.113.7/tcp/0')).toBe('scope')
    expect(await judged('/ip6/::ffff:203.0.113.7/tcp/1')).toBe('scope')
    expect(await judged(`/ip4/203.0.113.7/tcp/1/p2p/${other.id.toString()}`)).toBe('address')
    expect(await judged(`/ip4/203.0.113.7/tcp/1/p2p/${peer.id.toString()}`)).toEqual(['/ip4/203.0.113.7/tcp/1'])
    const unknown = new PeerRecord({
      peerId: peer.id,
      multiaddrs: [multiaddr('/ip4/203.0.113.7/tcp/1')],
      seqNumber: 1n
    })
    const bytes = unknown.marshal()
    bytes[bytes.length - 3] = 0x7f // a transport that nobody knows yet
    const sealed = await RecordEnvelope.seal(Object.assign(unknown, { marshal: () => bytes }), peer.key)
    expect(addressesFor(read(sealed.marshal()), peer.id, 'public')).toBe('address')
  })

  it('is passed on without what somebody has added around the signature', async () => {
    const peer = await somebody()
    const bytes = await recordOf(peer)
    const padded = Buffer.concat([bytes, Buffer.from([0x7a, 100]), Buffer.alloc(100)])
    expect(await verifyRecord(read(padded))).toEqual(bytes)
  })

  it('survives nothing that is random or damaged, and never with another error than its own', async () => {
    const peer = await somebody()
    const good = await recordOf(peer)
    const damaged = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((edits) => {
        const bytes = new Uint8Array(good)
        for (const [at, value] of edits) {
          bytes[at] = value
        }
        return bytes
      })
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), damaged), async (bytes) => {
        try {
          const record = readRecord(bytes)
          if (typeof record !== 'string') {
            addressesFor(record, peerOf(record), 'loopback')
            expect(await verifyRecord(record)).toEqual(good) // nothing that is signed has been changed
          }
        } catch (error) {
          expect(error).toMatchObject({ name: 'PexMalformedError' })
        }
      }),
      { numRuns: 300 }
    )
  })
})
