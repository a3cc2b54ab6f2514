import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromMultihash, peerIdFromPrivateKey } from '@libp2p/peer-id'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Envelope, Record as RecordMessage } from '../src/pb/record.js'
import { peerIdText } from '../src/peer-id-text.js'
import { plainAddresses, readPlain } from '../src/plain-record.js'
import { recordOf, somebody } from './support.js'

const MAX = 64

/** What both ways of reading say of the same bytes; undefined where the fast one leaves it to the other. */
function bothWays(bytes: Uint8Array): { fast: unknown; generated: unknown } | undefined {
  const plain = readPlain(bytes, MAX)
  if (plain == null) {
    return undefined
  }
  const { publicKey, payload } = Envelope.decode(bytes)
  const { peerId, seq, addresses } = RecordMessage.decode(payload)
  const key = bytes.subarray(plain.key, plain.key + 32)
  return {
    fast: {
      key: Buffer.from(key).toString('hex'),
      id: Buffer.from(key).toString('hex'),
      payload: Buffer.from(bytes.subarray(plain.payload, plain.payloadEnd)).toString('hex'),
      seq: plain.seq,
      count: plain.count,
      addresses: plainAddresses(bytes, plain).map((address) => Buffer.from(address).toString('hex'))
    },
    generated: {
      key: Buffer.from(publicKey.subarray(4)).toString('hex'),
      id: Buffer.from(peerId.subarray(6)).toString('hex'),
      payload: Buffer.from(payload).toString('hex'),
      seq,
      count: addresses.length,
      addresses: addresses.map(({ multiaddr }) => Buffer.from(multiaddr).toString('hex'))
    }
  }
}

describe('the fast reader of records', () => {
  it('reads what libp2p writes, whatever numbers and addresses are in it', async () => {
    for (const seq of [1n, 127n, 128n, 1_800_000_000_000n, 2n ** 49n, 2n ** 56n - 1n, 2n ** 63n - 1n]) {
      const told = ['/ip4/203.0.113.7/tcp/1', `/dns4/${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.org/tcp/2`]
      for (const addresses of [[], told]) {
        const ways = bothWays(await recordOf(await somebody(), { addresses, seq }))
        expect(ways).toBeDefined()
        expect(ways?.fast).toEqual(ways?.generated)
      }
    }
  })

  it('reads nothing else than the generated decoder does in what is damaged, doubled, cut off or made up', async () => {
    const good = await recordOf(await somebody(), { addresses: ['/ip4/203.0.113.7/tcp/1', '/ip4/203.0.113.7/tcp/2'] })
    const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 3 })
    const cuts = fc.tuple(fc.nat(good.length), fc.nat(good.length))
    const bytes = fc.tuple(edits, fc.option(cuts)).map(([changes, cut]) => {
      const damaged = new Uint8Array(good)
      for (const [at, value] of changes) {
        damaged[at] = value
      }
      return cut == null ? damaged : Buffer.concat([damaged.subarray(0, cut[0]), damaged.subarray(cut[1])])
    })
    fc.assert(
      fc.property(bytes, (damaged) => {
        const ways = bothWays(damaged)
        expect(ways?.fast).toEqual(ways?.generated)
      }),
      { numRuns: 2000 }
    )
  })
})

describe('the text of an id', () => {
  it('is that of its PeerId', async () => {
    const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    expect(peerIdText(id.publicKey?.raw ?? new Uint8Array(), 0)).toBe(id.toString())
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        const digest = Uint8Array.of(8, 1, 18, 32, ...key)
        const bytes = Uint8Array.of(0, 36, ...digest)
        expect(peerIdText(key, 0)).toBe(peerIdFromMultihash({ code: 0, size: 36, digest, bytes }).toString())
      })
    )
  })
})
