import { FakeClock } from '@penin/testing'
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { RecordEnvelope } from '@libp2p/peer-record'
import { Intake, MAX_SOURCES, SOURCE_LIMIT, TOTAL_LIMIT, type Source, type Verdict } from '../src/intake.js'
import { MAX_KNOWN_PEERS, NEWS_INTERVAL, NUMBER_LIFETIME } from '../src/known-peers.js'
import { MAX_LEGACY_PEERS, MAX_PER_ADDRESS } from '../src/legacy-table.js'
import { beaconOf, bytes, makePeer, pythonBeacon, sealed, type Peer } from './support.js'

const LAN: Source = { address: '192.168.7.9', family: 4, scope: 'private' }
const HOST: Source = { address: '192.168.7.2', family: 4, scope: 'loopback' }

let alice: Peer
let bob: Peer
let own: Peer
let clock: FakeClock
let intake: Intake
beforeAll(async () => {
  ;[alice, bob, own] = await Promise.all([makePeer(), makePeer(), makePeer()])
})
beforeEach(() => {
  clock = new FakeClock()
  intake = new Intake({ ownId: own.id, networkId: 'penin', port: 51_515, clock })
})

async function take(value: unknown, source = LAN): Promise<Verdict> {
  return intake.take(Buffer.isBuffer(value) ? value : bytes(value), source)
}

const dropped = (reason: string): unknown => expect.objectContaining({ kind: 'drop', reason })

describe('a signed beacon', () => {
  it('is a candidate with the record’s addresses and the record', async () => {
    const verdict = await take(await beaconOf(alice, 5, ['/ip4/192.168.7.9/tcp/4001', '/ip4/203.0.113.5/tcp/4001']))
    if (verdict.kind !== 'peer') {
      throw new TypeError(JSON.stringify(verdict))
    }
    const { candidate, isNews } = verdict
    expect(candidate.id.toString()).toBe(alice.id)
    expect(candidate.source).toBe('udp')
    expect(candidate.multiaddrs.map(String)).toEqual(['/ip4/192.168.7.9/tcp/4001', '/ip4/203.0.113.5/tcp/4001'])
    expect(candidate.record?.seq).toBe(5n)
    const envelope = await RecordEnvelope.openAndCertify(candidate.record?.envelope as Uint8Array, 'libp2p-peer-record')
    expect(envelope.publicKey.equals(alice.privateKey.publicKey)).toBe(true)
    expect(isNews).toBe(true)
    expect(intake.legacy.held).toBe(0)
  })

  it('whose clock is in the future, in the past or no number at all is taken: clocks on a LAN are often wrong', async () => {
    let seq = 1
    for (const timestamp of [4e9, 0, -1, 'soon', null]) {
      expect((await take({ ...(await beaconOf(alice, seq++)), timestamp })).kind).toBe('peer')
    }
    const { timestamp: _timestamp, port: _port, ...bare } = await beaconOf(alice, seq)
    expect((await take(bare)).kind).toBe('peer')
  })

  it('that is replayed is dropped before its signature is checked, and so is an older one', async () => {
    const [old, recent] = [await beaconOf(alice, 1), await beaconOf(alice, 2)]
    expect((await take(recent)).kind).toBe('peer')
    const validate = vi.spyOn(RecordEnvelope.prototype, 'validate')
    expect(await take(recent)).toEqual(dropped('stale'))
    expect(await take(old)).toEqual(dropped('stale'))
    expect(validate).not.toHaveBeenCalled()
    validate.mockRestore()
  })

  it('can’t be replayed under a higher number: only the signed one counts', async () => {
    const beacon = await beaconOf(alice, 1)
    await take(beacon)
    expect(await take({ ...beacon, seq: 99 })).toEqual(dropped('bad-record'))
    expect((await take(await beaconOf(alice, 2))).kind).toBe('peer')
  })

  it('that comes twice at once, over two destinations, is taken once', async () => {
    const beacon = bytes(await beaconOf(alice))
    const verdicts = await Promise.all([intake.take(beacon, LAN), intake.take(beacon, LAN)])
    expect(verdicts.map(({ kind }) => kind).sort()).toEqual(['drop', 'peer'])
  })

  it('of another network is dropped', async () => {
    expect(await take({ ...(await beaconOf(alice)), net: 'other' })).toEqual(dropped('other-network'))
    expect(intake.known.size).toBe(0)
  })

  it('with our own id is ignored, whoever signed it', async () => {
    expect(await take(await beaconOf(own))).toEqual(dropped('own'))
    expect(await take({ id: own.id })).toEqual(dropped('own'))
  })

  it('is news once, then after 30 s, and at once when the addresses change', async () => {
    const isNews = async (seq: number, addresses?: string[]): Promise<boolean> => {
      const verdict = await take(await beaconOf(alice, seq, addresses))
      return verdict.kind === 'peer' && verdict.isNews
    }
    expect(await isNews(1)).toBe(true)
    clock.tick(10_000)
    expect(await isNews(2)).toBe(false)
    clock.tick(NEWS_INTERVAL - 10_000)
    expect(await isNews(3)).toBe(true)
    expect(await isNews(4, ['/ip4/192.168.7.9/tcp/5'])).toBe(true)
  })

  it('is taken again from a host whose clock was set back, ten minutes after its last one', async () => {
    await take(await beaconOf(alice, 1000))
    clock.tick(NUMBER_LIFETIME - 1)
    expect(await take(await beaconOf(alice, 5))).toEqual(dropped('stale'))
    clock.tick(1)
    expect((await take(await beaconOf(alice, 6))).kind).toBe('peer')
  })
})

describe('a record that is not valid is dropped, and its sender not taken for a Python node', () => {
  const forged: Array<[string, string, () => Promise<Record<string, unknown>>]> = [
    [
      'signed by another key',
      'wrong-signer',
      async () => ({
        ...(await beaconOf(alice)),
        record: (await sealed(alice, 1, ['/ip4/1.2.3.4/tcp/1'], bob)).toString('base64url')
      })
    ],
    ['another peer’s record', 'wrong-signer', async () => ({ ...(await beaconOf(bob)), id: alice.id })],
    ['an id that is no peer id', 'wrong-signer', async () => ({ ...(await beaconOf(alice)), id: 'alice' })],
    [
      'a changed signature',
      'bad-signature',
      async () => {
        const record = await sealed(alice, 1, ['/ip4/192.168.7.9/tcp/4001'])
        record[record.length - 1] = (record.at(-1) ?? 0) ^ 1
        return { ...(await beaconOf(alice)), record: record.toString('base64url') }
      }
    ],
    [
      'a changed address',
      'bad-signature',
      async () => {
        const record = await sealed(alice, 1, ['/ip4/192.168.7.9/tcp/4001'])
        record[record.indexOf(Buffer.from([192, 168, 7, 9])) + 3] = 66
        return { ...(await beaconOf(alice)), record: record.toString('base64url') }
      }
    ],
    ['no envelope', 'bad-record', async () => ({ ...(await beaconOf(alice)), record: 'AAAA' })],
    [
      'half an envelope',
      'bad-record',
      async () => ({
        ...(await beaconOf(alice)),
        record: (await sealed(alice, 1, [])).subarray(0, 60).toString('base64url')
      })
    ],
    ['null instead of a record', 'bad-record', async () => ({ ...(await beaconOf(alice)), record: null })]
  ]
  it.each(forged)('%s', async (_name, reason, make) => {
    expect(await take(await make())).toEqual(dropped(reason))
    expect(intake.legacy.held + intake.known.size).toBe(0)
  })

  it('a key that isn’t Ed25519', async () => {
    expect(await take(await beaconOf(await makePeer('secp256k1')))).toEqual(dropped('key-type'))
  })

  it('leaves what is known of the peer as it is', async () => {
    await take(await beaconOf(alice, 5))
    const high = await beaconOf(alice, 900)
    const wrong = (await sealed(alice, 900, [], bob)).toString('base64url')
    expect(await take({ ...high, record: wrong })).toEqual(dropped('wrong-signer'))
    expect((await take(await beaconOf(alice, 6))).kind).toBe('peer')
  })
})

describe('addresses', () => {
  const all = ['/ip4/127.0.0.1/tcp/1', '/ip4/192.168.7.9/tcp/1', '/ip4/203.0.113.5/tcp/1', '/ip6/fe80::1/tcp/1']
  const taken = async (source: Source): Promise<string[]> => {
    const verdict = await take(await beaconOf(alice, 1, all), source)
    if (verdict.kind !== 'peer') {
      return []
    }
    // a record as a whole only goes with all of its addresses
    expect(verdict.candidate.record).toBeUndefined()
    expect(verdict.droppedAddresses).toBe(4 - verdict.candidate.multiaddrs.length)
    return verdict.candidate.multiaddrs.map(String)
  }

  it('of loopback are only believed of a process on this host', async () => {
    expect(await taken(LAN)).toEqual(all.slice(1, 3))
    intake.clear()
    expect(await taken(HOST)).toEqual(all.slice(0, 3))
  })

  it('that are private are not believed of a public neighbour', async () => {
    expect(await taken({ address: '198.51.100.9', family: 4, scope: 'public' })).toEqual([all[2]])
  })

  it('that say whose they are lose that, and another peer’s are left out', async () => {
    const verdict = await take(
      await beaconOf(alice, 1, [`/ip4/192.168.7.9/tcp/1/p2p/${alice.id}`, `/ip4/192.168.7.9/tcp/2/p2p/${bob.id}`])
    )
    expect(verdict.kind === 'peer' && verdict.candidate.multiaddrs.map(String)).toEqual(['/ip4/192.168.7.9/tcp/1'])
  })

  it('may be absent: then nothing is reported', async () => {
    expect(await take(await beaconOf(alice, 1, []))).toEqual(dropped('no-addresses'))
    expect(await take(await beaconOf(alice, 2, ['/ip4/127.0.0.1/tcp/1']))).toEqual(dropped('no-addresses'))
    expect((await take(await beaconOf(alice, 3))).kind).toBe('peer')
  })

  it('may be absent on the first of two links that are heard: the same beacon on the other one counts', async () => {
    const [bare, full] = [await beaconOf(alice, 1, []), await beaconOf(alice, 1)]
    expect(await take(bare)).toEqual(dropped('no-addresses'))
    expect(await take(bare)).toEqual(dropped('stale'))
    expect(await take(full)).toMatchObject({ kind: 'peer', isNews: true })
    expect(await take(full)).toEqual(dropped('stale'))
    expect(await take(bare)).toEqual(dropped('stale'))
  })
})

describe('a goodbye', () => {
  it('is believed with a signed record without addresses; the next beacon is news', async () => {
    await take(await beaconOf(alice, 1))
    expect(await take({ ...(await beaconOf(alice, 2, [])), bye: true })).toMatchObject({ kind: 'goodbye' })
    expect(await take(await beaconOf(alice, 3))).toMatchObject({ kind: 'peer', isNews: true })
  })

  it('counts once, however often it is heard', async () => {
    const goodbye = { ...(await beaconOf(alice, 2, [])), bye: true }
    expect(await take(goodbye)).toMatchObject({ kind: 'goodbye' })
    expect(await take(goodbye)).toEqual(dropped('stale'))
  })

  it('can’t be made out of somebody’s beacon', async () => {
    expect((await take({ ...(await beaconOf(alice, 1)), bye: true })).kind).toBe('peer')
  })
})

describe('a legacy peer', () => {
  it('is what its datagram and its sender say', async () => {
    expect(await take(pythonBeacon('node-alpha'))).toEqual({
      kind: 'legacy',
      discovered: {
        id: 'node-alpha',
        address: '192.168.7.9',
        port: 51_515,
        timestamp: 1795204786.3879886,
        firstSeen: clock.now(),
        lastSeen: clock.now()
      }
    })
  })

  it('that names no port has ours, and one that names no time has ours', async () => {
    const verdict = await take({ id: 'b' })
    expect(verdict.kind === 'legacy' && verdict.discovered).toMatchObject({
      port: 51_515,
      timestamp: clock.now() / 1000
    })
  })

  it('that sends from 0.0.0.0 has no address', async () => {
    const verdict = await take({ id: 'b' }, { address: '0.0.0.0', family: 4, scope: 'private' })
    expect(verdict.kind === 'legacy' && verdict.discovered?.address).toBeUndefined()
  })

  it('doesn’t exist over IPv6', async () => {
    expect(await take({ id: 'b' }, { address: 'fe80::9', family: 6, scope: 'private' })).toEqual(dropped('legacy-ipv6'))
  })

  it('may call itself by a real peer’s id and still is only a legacy peer', async () => {
    await take(await beaconOf(alice, 1))
    expect((await take({ id: alice.id }, { ...LAN, address: '192.168.7.66' })).kind).toBe('legacy')
    expect(await take(await beaconOf(alice, 2))).toMatchObject({ kind: 'peer' })
  })
})

describe('floods', () => {
  const parse = vi.spyOn(JSON, 'parse')
  const parsed = async (fn: () => Promise<void>): Promise<number> => {
    parse.mockClear()
    await fn()
    return parse.mock.calls.length
  }

  it('10000 datagrams at once from one source: 20 are parsed, and others are heard', async () => {
    const data = pythonBeacon('x')
    const count = await parsed(async () => {
      for (let i = 0; i < 10_000; i++) {
        await take(data, { ...LAN, address: '192.168.7.66' })
      }
    })
    expect(count).toBe(SOURCE_LIMIT.burst)
    expect((await take(await beaconOf(alice))).kind).toBe('peer')
  })

  it('10000 a second for 10 s from one source: at most 10 a second are parsed, and each honest beacon is taken', async () => {
    const data = pythonBeacon('x')
    let honest = 0
    let seq = 0
    const beacons = await Promise.all(Array.from({ length: 10 }, async (_, i) => bytes(await beaconOf(alice, i + 1))))
    const count = await parsed(async () => {
      for (let second = 0; second < 10; second++) {
        for (let i = 0; i < 10_000; i++) {
          void intake.take(data, { ...LAN, address: '192.168.7.66' })
          if (i % 100 === 0) {
            clock.tick(10)
          }
        }
        honest += (await take(beacons[seq++])).kind === 'peer' ? 1 : 0
      }
    })
    expect(count).toBeLessThanOrEqual(SOURCE_LIMIT.burst + 10 * SOURCE_LIMIT.perSecond + 10)
    expect(honest).toBe(10)
  })

  it('from 10000 sources: 200 a second are parsed, 1024 sources remembered', async () => {
    const count = await parsed(async () => {
      for (let i = 0; i < 10_000; i++) {
        await take(pythonBeacon('x'), { ...LAN, address: `10.0.${i >> 8}.${i & 255}` })
      }
    })
    expect(count).toBe(TOTAL_LIMIT.burst)
    expect(MAX_SOURCES).toBe(1024)
  })

  it('of 10000 legacy names: 8 from one address, 256 in all', async () => {
    for (let i = 0; i < 10_000; i++) {
      clock.tick(101)
      await take(pythonBeacon(`x${i}`))
      expect(intake.legacy.held).toBeLessThanOrEqual(MAX_LEGACY_PEERS)
    }
    expect(intake.legacy.size).toBeLessThanOrEqual(MAX_PER_ADDRESS)
    for (let i = 0; i < 10_000; i++) {
      clock.tick(6)
      await take(pythonBeacon(`y${i}`), { ...LAN, address: `10.0.${i >> 8}.${i & 255}` })
    }
    expect(intake.legacy.held).toBe(MAX_LEGACY_PEERS)
  })

  it('of more real identities than are remembered', async () => {
    const [first, ...others] = await Promise.all(Array.from({ length: MAX_KNOWN_PEERS + 20 }, async () => makePeer()))
    for (const [i, peer] of [first as Peer, ...others].entries()) {
      clock.tick(10)
      await take(await beaconOf(peer), { ...LAN, address: `10.0.${i >> 8}.${i & 255}` })
    }
    expect(intake.known.size).toBe(MAX_KNOWN_PEERS)
  })

  it('too big or from beyond the link costs nobody’s tokens', async () => {
    for (let i = 0; i < 1000; i++) {
      expect(await take(Buffer.alloc(1025))).toEqual(dropped('too-big'))
      expect(await take(pythonBeacon('x'), { ...LAN, scope: undefined })).toEqual(dropped('off-link'))
    }
    expect((await take(await beaconOf(alice))).kind).toBe('peer')
  })
})
