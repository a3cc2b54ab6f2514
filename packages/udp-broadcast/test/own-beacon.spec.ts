import { multiaddr } from '@multiformats/multiaddr'
import { FakeClock } from '@penin/testing'
import fc from 'fast-check'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MAX_BEACON_BYTES, readBeacon } from '../src/beacon.js'
import { Intake } from '../src/intake.js'
import { OwnBeacon } from '../src/own-beacon.js'
import { MAX_ADDRESSES } from '../src/record.js'
import { components, link, makePeer, type Peer } from './support.js'

let alice: Peer
let bob: Peer
let clock: FakeClock
beforeAll(async () => {
  ;[alice, bob] = await Promise.all([makePeer(), makePeer()])
})
beforeEach(() => {
  clock = new FakeClock()
})

const own = (addresses: string[], networkId = 'penin'): OwnBeacon =>
  new OwnBeacon(components(alice, addresses), { networkId, port: 51_515, clock })
const eth0 = link('eth0', ['192.168.7.2/24', 'fd00:7::2/64'])
const hosts = new Set(['127.0.0.1', '192.168.7.2', 'fd00:7::2', '172.17.0.1', '198.51.100.7'])
const everywhere = [
  '/ip4/127.0.0.1/tcp/4001',
  '/ip4/172.17.0.1/tcp/4001',
  '/ip4/198.51.100.7/tcp/4001',
  '/ip4/192.168.7.80/tcp/4001',
  '/ip4/192.168.7.2/tcp/4001',
  '/ip6/fd00:7::2/tcp/4001',
  '/ip6/fe80::2/tcp/4001',
  '/ip4/192.168.7.2/tcp/0'
]

describe('addresses told on a link', () => {
  const on = (where: typeof eth0, addresses = everywhere): string[] =>
    own(addresses).addresses(where, hosts).map(String)

  it('of a private network: its own first, others it can use, never loopback or another interface’s private one', () => {
    expect(on(eth0)).toEqual([
      '/ip4/192.168.7.2/tcp/4001',
      '/ip6/fd00:7::2/tcp/4001',
      '/ip4/192.168.7.80/tcp/4001',
      '/ip4/198.51.100.7/tcp/4001'
    ])
  })

  it('of a public network: public ones only', () => {
    expect(on(link('wan0', ['198.51.100.7/28'], 'public'))).toEqual(['/ip4/198.51.100.7/tcp/4001'])
  })

  it('of loopback: every one that can be reached from this host', () => {
    expect(on(link('lo', ['127.0.0.1/8'], 'loopback'))).toEqual([
      '/ip4/127.0.0.1/tcp/4001',
      '/ip4/172.17.0.1/tcp/4001',
      '/ip4/198.51.100.7/tcp/4001',
      '/ip4/192.168.7.80/tcp/4001',
      '/ip4/192.168.7.2/tcp/4001',
      '/ip6/fd00:7::2/tcp/4001'
    ])
  })

  it('are at most eight, each once, relayed ones last, and never another peer’s', () => {
    const many = [
      `/ip4/203.0.113.1/tcp/1/p2p/${bob.id}/p2p-circuit`,
      ...Array.from({ length: 20 }, (_, i) => `/ip4/192.168.7.2/tcp/${i + 1}`),
      '/ip4/192.168.7.2/tcp/1'
    ]
    const told = on(eth0, many)
    expect(told).toHaveLength(MAX_ADDRESSES)
    expect(new Set(told).size).toBe(MAX_ADDRESSES)
    expect(told.join()).not.toContain('circuit')
    const parts = components(alice, [])
    parts.addressManager.getAddresses = () => [multiaddr(`/ip4/192.168.7.9/tcp/1/p2p/${bob.id}`)]
    const misled = new OwnBeacon(parts, { networkId: 'penin', port: 51_515, clock })
    expect(misled.addresses(eth0, hosts)).toEqual([])
  })
})

describe('a beacon', () => {
  const parse = (data: Buffer): Record<string, unknown> => JSON.parse(data.toString()) as Record<string, unknown>

  it('has the keys of the Python node first, of the types that it expects', async () => {
    const beacon = parse(await own([]).encode(7, [multiaddr('/ip4/192.168.7.2/tcp/4001')]))
    expect(Object.keys(beacon)).toEqual(['id', 'port', 'timestamp', 'v', 'net', 'seq', 'record'])
    expect(beacon).toMatchObject({
      id: alice.id,
      port: 51_515,
      timestamp: clock.now() / 1000,
      v: 2,
      net: 'penin',
      seq: 7,
      record: expect.stringMatching(/^[\w-]+$/)
    })
  })

  it('is taken by another node, with its addresses', async () => {
    const data = await own(everywhere).encode(7, own(everywhere).addresses(eth0, hosts))
    const intake = new Intake({ ownId: bob.id, networkId: 'penin', port: 51_515, clock })
    const verdict = await intake.take(data, { address: '192.168.7.2', family: 4, scope: 'private' })
    expect(verdict).toMatchObject({ kind: 'peer', isNews: true, droppedAddresses: 0 })
    expect(verdict.kind === 'peer' && verdict.candidate.record?.seq).toBe(7n)
  })

  it('of goodbye says so, and has no address', async () => {
    expect(parse(await own([]).encode(7, [], true))['bye']).toBe(true)
  })

  it('has a number above all before, also after a clock was set back and after a restart', () => {
    const first = own([])
    const a = first.nextSeq()
    const b = first.nextSeq()
    clock.jump(-1_000_000)
    const c = first.nextSeq()
    expect([b - a, c - b]).toEqual([1, 1])
    clock.jump(2_000_000)
    expect(own([]).nextSeq()).toBeGreaterThan(c)
  })
})

describe('size', () => {
  const interval = 10_000
  const shortest = interval * 0.9
  /** Bytes of the headers below: Ethernet is not counted, IPv6 and UDP are. */
  const headers = 48

  it('at defaults is under 120 bytes a second to each destination, headers included, however many addresses there are', async () => {
    const usual = await own(everywhere).encode(clock.now(), own(everywhere).addresses(eth0, hosts))
    expect(usual.byteLength).toBeLessThan(600)
    expect(usual.byteLength / (interval / 1000)).toBeLessThan(60)
    // the worst there can be: a full datagram, and the jitter always at its shortest
    expect((MAX_BEACON_BYTES + headers) / (shortest / 1000)).toBeLessThan(120)
  })

  it('never is above 1024 bytes: fewer addresses are told then, the best ones first', async () => {
    const long = Array.from({ length: 8 }, (_, i) =>
      multiaddr(`/dns4/${'x'.repeat(60)}.${'y'.repeat(60)}${i}.lan/tcp/1`)
    )
    const data = await own([]).encode(clock.now(), long)
    expect(data.byteLength).toBeLessThanOrEqual(MAX_BEACON_BYTES)
    const intake = new Intake({ ownId: bob.id, networkId: 'penin', port: 1, clock })
    const verdict = await intake.take(data, { address: '192.168.7.2', family: 4, scope: 'private' })
    const told = verdict.kind === 'peer' ? verdict.candidate.multiaddrs : []
    expect(told.length).toBeGreaterThan(0)
    expect(told.map(String)).toEqual(long.slice(0, told.length).map(String))
  })

  it('stays below 1024 bytes for any addresses and any network', async () => {
    const label = fc.string({ minLength: 1, maxLength: 63, unit: fc.constantFrom('a', 'b', '7') })
    const names = fc.array(fc.array(label, { minLength: 1, maxLength: 3 }), { maxLength: 8 })
    const network = fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme-ascii' })
    await fc.assert(
      fc.asyncProperty(names, network, async (names, networkId) => {
        const addresses = names.map((labels) => multiaddr(`/dns4/${labels.join('.')}/tcp/65535`))
        const data = await own([], networkId).encode(Number.MAX_SAFE_INTEGER, addresses, true)
        expect(data.byteLength).toBeLessThanOrEqual(MAX_BEACON_BYTES)
        expect(readBeacon(data).kind).toBe('signed')
      }),
      { numRuns: 50 }
    )
  })

  it('stays below 1024 bytes for a network of 64 control characters', async () => {
    const data = await own([], '\u0001'.repeat(64)).encode(Number.MAX_SAFE_INTEGER, [], true)
    expect(data.byteLength).toBeLessThanOrEqual(MAX_BEACON_BYTES)
  })
})
