import { encode } from 'dns-packet'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mdns } from '../src/index.js'
import { GLOBAL_RATE } from '../src/limiter.js'
import { collect, components, freePort, makePeer, ManualClock, Neighbour, until } from './support.js'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { Answer } from 'dns-packet'
import type { Mdns } from '../src/index.js'

const tag = '_p2p._udp.local'
let port: number
let honest = 0
let victim: Mdns
let peers: PeerInfo[]
let good: PeerId
let other: PeerId
let attacker: Neighbour
const cleanups: Array<() => Promise<unknown>> = []

async function open(address?: string): Promise<Neighbour> {
  const made = await Neighbour.open(port, port, address)
  cleanups.push(async () => made.close())
  return made
}

beforeEach(async () => {
  port = await freePort()
  ;[good, other] = await Promise.all([makePeer(), makePeer()])
  victim = mdns({
    port,
    interfaces: ['127.0.0.1'],
    clock: new ManualClock(),
    // nobody is in the subnet but 127.0.0.1 and 127.0.0.2: whoever sends from 127.0.0.9 is off the link
    networkInterfaces: () => ({
      lo: [{ address: '127.0.0.1', netmask: '', family: 'IPv4', mac: '', internal: true, cidr: '127.0.0.1/30' }]
    })
  })(components(await makePeer(), []))
  cleanups.push(async () => victim.stop())
  peers = collect(victim)
  await victim.start()
  await until(() => victim.stats().received === 1)
  attacker = await open('127.0.0.2')
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const response = (name: string, texts: string[], more: Answer[] = []): Buffer =>
  encode({
    type: 'response',
    answers: [
      { name: tag, type: 'PTR', ttl: 120, data: `${name}.${tag}` },
      ...(texts.length > 0 ? [{ name: `${name}.${tag}`, type: 'TXT', ttl: 120, data: texts } as const] : []),
      ...more
    ]
  })
const address = (peer: PeerId, text = '/ip4/127.0.0.2/tcp/1'): string => `dnsaddr=${text}/p2p/${peer.toString()}`

/** Sends a packet, and after it an honest answer: when that has arrived, the packet has been dealt with. */
async function attack(packet: Uint8Array, from = attacker): Promise<void> {
  await from.send(packet)
  const before = peers.length
  await attacker.send(response('honest', [address(good, `/ip4/127.0.0.2/tcp/${++honest}`)]))
  await until(() => peers.length > before)
}

describe('an answer', () => {
  it('without TXT is counted, not a crash', async () => {
    await attack(response('x', []))
    expect(victim.stats().dropped['no-addresses']).toBe(1)
    expect(peers).toHaveLength(1)
  })

  it('for two peers under one name is dropped', async () => {
    await attack(response('x', [address(other), address(await makePeer())]))
    expect(victim.stats().dropped['mixed-ids']).toBe(1)
    expect(peers.map((peer) => peer.id.toString())).toEqual([good.toString()])
  })

  it('with an RSA identity is dropped', async () => {
    await attack(response('x', ['dnsaddr=/ip4/127.0.0.2/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N']))
    expect(victim.stats().dropped['key-type']).toBe(1)
    expect(peers).toHaveLength(1)
  })

  it('that points at names and public hosts gives no address to dial', async () => {
    await attack(response('x', [address(other, '/dnsaddr/victim.example'), address(other, '/ip4/8.8.8.8/tcp/443')]))
    expect(victim.stats().droppedAddresses).toMatchObject({ 'not-ip': 1, scope: 1 })
    expect(peers).toHaveLength(1)
  })

  it('with broken TXT strings keeps what is good', async () => {
    await attack(
      response('x', [
        '',
        'dnsaddr=',
        'dnsaddr=\u001b[2J',
        'a'.repeat(255),
        `dnsaddr=${'/a'.repeat(120)}`,
        address(other)
      ])
    )
    expect(peers.map((peer) => peer.id.toString())).toEqual([other.toString(), good.toString()])
    expect(victim.stats().droppedAddresses.syntax + victim.stats().droppedAddresses['no-peer-id']).toBe(3)
  })

  it('with a hundred peers gives 8 at most', async () => {
    const crowd = Array.from({ length: 100 }, (_, i): Answer => ({
      name: tag,
      type: 'PTR',
      ttl: 120,
      data: `n${i}.${tag}`
    }))
    await attack(response('x', [address(other)], crowd))
    expect(victim.stats().dropped['no-addresses']).toBe(7)
    expect(peers).toHaveLength(2)
  })

  it('with a TXT length beyond the packet, or a pointer loop, is malformed', async () => {
    const cut = response('x', [address(other)])
    await attack(cut.subarray(0, cut.length - 20))
    await attack(
      Uint8Array.from([0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 97, 0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 1, 0, 2, 0xc0, 12])
    )
    await attack(new Uint8Array(0))
    expect(victim.stats().dropped.malformed).toBe(3)
  })

  it('over 9000 bytes is not parsed', async () => {
    const strings = Array.from({ length: 40 }, () => 'a'.repeat(250))
    await attack(response('x', [...strings, address(other)]))
    expect(victim.stats().dropped['too-big']).toBe(1)
    expect(peers).toHaveLength(1)
  })

  it('from off the link is not parsed', async () => {
    await attack(response('x', [address(other)]), await open('127.0.0.9'))
    expect(victim.stats().dropped['off-link']).toBe(1)
    expect(peers).toHaveLength(1)
  })
})

it('a query from off the link gets no answer', async () => {
  const stranger = await open('127.0.0.9')
  await attack(encode({ type: 'query', questions: [{ name: tag, type: 'PTR' }] }), stranger)
  expect(victim.stats().queries).toBe(1) // the victim's own
  expect(stranger.received).toEqual([])
})

it('a flood is parsed at the permitted rate only, and nothing grows', async () => {
  const total = 2 * GLOBAL_RATE.burst
  for (let i = 0; i < total; i++)
    await attacker.send(response(`n${i}`, [address(other, `/ip4/127.0.0.2/tcp/${i + 1}`)]))
  await until(() => victim.stats().dropped['rate-limited'] > 0)
  await attacker.send(response('x', [address(other)]))
  expect(peers.length).toBeLessThanOrEqual(GLOBAL_RATE.burst)
})
