import type { PeerId } from '@libp2p/interface'
import type { AddressScope } from '@penin/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { FakeClock } from '@penin/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { Counters } from '../src/counters.js'
import { Intake, type Teller } from '../src/intake.js'
import { crowd, recordOf, somebody, stubSink, type RecordOptions, type Somebody, type StubSink } from './support.js'

const offence = (kind: string): unknown => expect.objectContaining({ name: 'PexMalformedError', offence: kind })

const observed = multiaddr('/ip4/198.51.100.1/tcp/4001')

let clock: FakeClock
let own: Somebody
let teller: Teller
let sink: StubSink
let counters: Counters
let intake: Intake
beforeEach(async () => {
  clock = new FakeClock()
  own = await somebody()
  sink = stubSink()
  counters = new Counters()
  intake = new Intake({ own: own.id, sink, clock, counters })
  teller = { peer: (await somebody()).id, scope: 'public', observed, sourceGroup: '198.51.100.1' }
})

const all = async (peers: readonly Somebody[], options?: RecordOptions): Promise<Uint8Array[]> =>
  Promise.all(peers.map(async (peer) => recordOf(peer, options)))
const ids = (): string[] => sink.candidates.map(({ id }) => id.toString())

/** Tells of so many peers that nobody has heard of, in full answers; says how many were taken. */
async function flood(n: number, from: (answer: number) => Teller): Promise<number> {
  let taken = 0
  for (let told = 0; told < n; told += 64) {
    taken += await intake.takeAnswer(await all(await crowd(Math.min(64, n - told))), from(told / 64))
  }
  return taken
}

describe('what is taken of an answer', () => {
  it('is handed on as candidates with the verified record and the observed source', async () => {
    const peers = await crowd(3)
    const records = await all(peers)
    expect(await intake.takeAnswer(records, teller)).toBe(3)
    expect(ids()).toEqual(peers.map(({ id }) => id.toString()))
    expect(sink.candidates[0]).toMatchObject({
      source: 'pex',
      observed,
      record: { envelope: records[0], seq: 1_800_000_000_000n }
    })
    expect(sink.candidates[0]?.multiaddrs.map(String)).toEqual(['/ip4/203.0.113.7/tcp/4001'])
    expect(counters.stats).toMatchObject({ received: 3, taken: 3 })
  })

  it('A4: is never about ourselves', async () => {
    expect(await intake.takeAnswer([await recordOf(own)], teller)).toBe(0)
    expect(counters.stats.dropped.own).toBe(1)
  })

  it('can be about the one who tells', async () => {
    const self = await somebody()
    expect(await intake.takeAnswer([await recordOf(self)], { ...teller, peer: self.id })).toBe(1)
  })

  it('A4: is nothing at all if one record of it is repeated, the same one over and over', async () => {
    const [a, b] = (await all(await crowd(2))) as [Uint8Array, Uint8Array]
    await expect(intake.takeAnswer([b, a, a], teller)).rejects.toEqual(offence('repeated'))
    await expect(intake.takeAnswer(Array<Uint8Array>(64).fill(a), teller)).rejects.toEqual(offence('repeated'))
    const peer = await somebody()
    const twice = [await recordOf(peer, { seq: 1n }), await recordOf(peer, { seq: 2n })]
    await expect(intake.takeAnswer(twice, teller)).rejects.toEqual(offence('repeated'))
    expect(sink.candidates).toEqual([])
  })

  it('A7: is nothing at all if one record of it is forged or malformed: bad signature, signer is not the peer', async () => {
    const [peer, attacker, other] = (await crowd(3)) as [Somebody, Somebody, Somebody]
    const bad = await recordOf(peer)
    bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1
    const good = await recordOf(other)
    await expect(intake.takeAnswer([good, bad], teller)).rejects.toEqual(offence('forged'))
    const foreign = await recordOf(peer, { signer: attacker.key })
    await expect(intake.takeAnswer([good, foreign], teller)).rejects.toEqual(offence('forged'))
    await expect(intake.takeAnswer([good, Uint8Array.of(1)], teller)).rejects.toEqual(offence('malformed'))
    await expect(intake.takeAnswer([good, new Uint8Array(2049)], teller)).rejects.toEqual(offence('malformed'))
    expect(sink.candidates).toEqual([])
  })

  it('A7: is no old record', async () => {
    const peer = await somebody()
    sink.seqs.set(peer.id.toString(), 100n)
    for (const seq of [0n, 99n]) {
      expect(await intake.takeAnswer([await recordOf(peer, { seq })], teller)).toBe(0)
    }
    for (const seq of [100n, 101n]) {
      expect(await intake.takeAnswer([await recordOf(peer, { seq })], teller)).toBe(1)
    }
    expect(counters.stats.dropped.old).toBe(2)
  })

  it('A7: is no record that nothing could ever replace, seq 2^64-1', async () => {
    expect(await intake.takeAnswer(await all(await crowd(1), { seq: 2n ** 64n - 1n }), teller)).toBe(0)
    expect(counters.stats.dropped.seq).toBe(1)
  })

  it.each<[AddressScope, string[]]>([
    ['public', ['/ip4/203.0.113.7/tcp/1']],
    ['private', ['/ip4/203.0.113.7/tcp/1', '/ip4/192.168.1.5/tcp/1']],
    ['loopback', ['/ip4/203.0.113.7/tcp/1', '/ip4/192.168.1.5/tcp/1', '/ip4/127.0.0.1/tcp/1']]
  ])('has only addresses that a %s peer can know of', async (scope, expected) => {
    const addresses = ['/ip4/203.0.113.7/tcp/1', '/ip4/192.168.1.5/tcp/1', '/ip4/127.0.0.1/tcp/1', '/ip4/0.0.0.0/tcp/1']
    for (const address of addresses) {
      await intake.takeAnswer(await all(await crowd(1), { addresses: [address] }), { ...teller, scope })
    }
    expect(sink.candidates.flatMap(({ multiaddrs }) => multiaddrs.map(String))).toEqual(expected)
    expect(counters.stats.dropped.scope).toBe(4 - expected.length)
  })

  it('ends when its time is over', async () => {
    const aborted = AbortSignal.abort(new RangeError('late'))
    await expect(intake.takeAnswer(await all(await crowd(2)), teller, aborted)).rejects.toThrow('late')
    expect(sink.candidates).toEqual([])
  })
})

describe('news from one source group', () => {
  it('A4: is at most 128 records at once and then one in ten seconds, however many ids are told of', async () => {
    expect(await flood(1_000, () => teller)).toBe(128)
    clock.tick(600_000)
    expect(await flood(128, () => teller)).toBe(60)
    expect(counters.stats.dropped['rate-limited']).toBe(1_000 - 128 + 128 - 60)
  })

  it('A5, CometBFT hole a: is limited across reconnects and fresh ids', async () => {
    const peers = await crowd(8)
    const fresh = (answer: number): Teller => ({ ...teller, peer: (peers[answer % 8] as Somebody).id })
    expect(await flood(512, fresh)).toBe(128)
  })

  it('CometBFT hole g: is limited all the same when the wall clock jumps by years', async () => {
    expect(await flood(128, () => teller)).toBe(128)
    for (const years of [10, -20, 10]) {
      clock.jump(years * 31_557_600_000)
      expect(await flood(64, () => teller)).toBe(0)
    }
  })

  it('leaves news from others alone', async () => {
    await flood(256, () => teller)
    expect(await flood(64, () => ({ ...teller, sourceGroup: '198.51.100.2' }))).toBe(64)
  })

  it('is remembered for a bounded number of groups', async () => {
    const records = await all(await crowd(1))
    for (let i = 0; i < 4_200; i++) {
      sink.seqs.clear()
      await intake.takeAnswer(records, { ...teller, sourceGroup: String(i), scope: 'public' })
    }
    expect(intake.size).toBe(4_096)
  })

  it('is no news if it is known, and then costs nothing', async () => {
    const peers = await crowd(64)
    for (const { id } of peers) {
      sink.seqs.set(id.toString(), 5n)
    }
    const records = await all(peers, { seq: 5n })
    for (let answer = 0; answer < 4; answer++) {
      expect(await intake.takeAnswer(records, teller)).toBe(64)
    }
    expect(await flood(128, () => teller)).toBe(128)
  })

  it('is not paid for with signatures: none is checked beyond the limit', async () => {
    await flood(128, () => teller)
    const bad = await all(await crowd(64))
    for (const bytes of bad) {
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    }
    expect(await intake.takeAnswer(bad, teller)).toBe(0) // a forgery that nobody has looked at
  })
})

describe('an asker’s own record', () => {
  const asked = async (bytes: Uint8Array, peer: PeerId): Promise<void> => intake.takeOwn(bytes, { ...teller, peer })

  it('is taken if it is its own', async () => {
    const asker = await somebody()
    await asked(await recordOf(asker), asker.id)
    expect(ids()).toEqual([asker.id.toString()])
  })

  it('is not taken if it is somebody else’s, forged or malformed', async () => {
    const [asker, other] = await crowd(2)
    const bad = await recordOf(asker as Somebody)
    bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1
    const id = (asker as Somebody).id
    await expect(asked(await recordOf(other as Somebody), id)).rejects.toEqual(offence('forged'))
    await expect(asked(bad, id)).rejects.toEqual(offence('forged'))
    await expect(asked(Uint8Array.of(1), id)).rejects.toEqual(offence('malformed'))
    expect(sink.candidates).toEqual([])
  })

  it('A5, A14: counts as news of its source group: any number of ids behind one address bring 128 records', async () => {
    for (const asker of await crowd(300)) {
      await asked(await recordOf(asker), asker.id)
    }
    expect(sink.candidates).toHaveLength(128)
  })
})
