import { createSocket } from 'node:dgram'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { decode, encode } from 'dns-packet'
import { createLibp2p } from 'libp2p'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mdns } from '../src/index.js'
import { SIGHTING_INTERVAL } from '../src/sightings.js'
import { collect, components, freePort, LO, makePeer, ManualClock, Neighbour, next, until } from './support.js'
import type { PeerId } from '@libp2p/interface'
import type { Mdns, MdnsInit, NetworkInterfaces } from '../src/index.js'

let port: number
let id: PeerId
const cleanups: Array<() => Promise<unknown>> = []
beforeEach(async () => {
  port = await freePort()
  id = await makePeer()
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function service(peer: PeerId, init: MdnsInit = {}, addresses = ['/ip4/127.0.0.1/tcp/4001']) {
  const parts = components(peer, addresses)
  const made = mdns({ port, interfaces: ['127.0.0.1'], ...init })(parts)
  cleanups.push(async () => made.stop())
  return Object.assign(made, { parts })
}
async function neighbour(source?: number): Promise<Neighbour> {
  const made = await Neighbour.open(port, source)
  cleanups.push(async () => made.close())
  return made
}
const query = encode({ type: 'query', id: 99, questions: [{ name: '_p2p._udp.local', type: 'PTR' }] })
function answerOf(name: string, peer: PeerId, ...addresses: string[]): Buffer {
  const tag = '_p2p._udp.local'
  return encode({
    type: 'response',
    answers: [
      { name: tag, type: 'PTR', ttl: 120, data: `${name}.${tag}` },
      {
        name: `${name}.${tag}`,
        type: 'TXT',
        ttl: 120,
        data: addresses.map((text) => `dnsaddr=${text}/p2p/${peer.toString()}`)
      }
    ]
  })
}

describe('two nodes on the loopback interface', () => {
  it('find each other, with addresses', async () => {
    const [a, b] = [
      service(id),
      service(await makePeer(), {}, ['/ip4/127.0.0.1/tcp/4002', '/ip4/127.0.0.1/tcp/4003/ws'])
    ]
    const found = [next(a, 'peer'), next(b, 'peer')] as const
    await Promise.all([a.start(), b.start()])
    const [ofA, ofB] = await Promise.all(found)
    expect(ofA.detail.id.equals(b.parts.peerId)).toBe(true)
    expect(ofA.detail.multiaddrs.map(String)).toEqual(['/ip4/127.0.0.1/tcp/4002', '/ip4/127.0.0.1/tcp/4003/ws'])
    expect(ofB.detail.id.equals(a.parts.peerId)).toBe(true)
    expect(a.interfaces()).toEqual(['lo'])
  })

  it('find each other within libp2p itself', async () => {
    const nodes = await Promise.all(
      [1, 2].map(async () =>
        createLibp2p({
          addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
          transports: [tcp()],
          connectionEncrypters: [noise()],
          streamMuxers: [yamux()],
          peerDiscovery: [mdns({ port, interfaces: ['127.0.0.1'] })],
          start: false
        })
      )
    )
    cleanups.push(async () => Promise.all(nodes.map(async (node) => node.stop())))
    const found = nodes.map(
      async (node) =>
        new Promise<string>((resolve) => {
          node.addEventListener('peer:discovery', ({ detail }) => {
            resolve(detail.id.toString())
          })
        })
    )
    await Promise.all(nodes.map(async (node) => node.start()))
    expect([await found[0], await found[1]]).toEqual([nodes[1]?.peerId.toString(), nodes[0]?.peerId.toString()])
  })

  it('do not find each other under different service tags', async () => {
    const quiet = service(await makePeer(), { serviceTag: '_other._udp.local' })
    const [a, b] = [service(id), service(await makePeer())]
    const peers = collect(quiet)
    await Promise.all([quiet.start(), a.start(), b.start()])
    await Promise.all([next(a, 'peer'), next(b, 'peer')])
    expect(peers).toEqual([])
    expect(quiet.stats().received).toBeGreaterThan(0)
  })

  it('stay unseen with announce: false, and still see', async () => {
    const hidden = service(await makePeer(), { announce: false })
    const seen = service(id)
    const peers = collect(seen)
    await Promise.all([seen.start(), hidden.start()])
    await next(hidden, 'peer')
    await hidden.stop()
    expect(peers).toEqual([])
    expect(hidden.stats().answers).toBe(0)
  })

  it('announce a new address at once', async () => {
    const a = service(id, { rescanInterval: 100 }, [])
    const b = service(await makePeer(), { interval: 600_000 })
    await Promise.all([b.start(), a.start()])
    const found = next(b, 'peer')
    a.parts.addresses.push('/ip4/127.0.0.1/tcp/4005')
    expect((await found).detail.multiaddrs.map(String)).toEqual(['/ip4/127.0.0.1/tcp/4005'])
  })
})

describe('answering', () => {
  it('tells a plain resolver directly, and everybody as well', async () => {
    await service(id).start()
    const resolver = await neighbour(0)
    await resolver.send(query)
    await until(() => resolver.received.length > 0)
    const reply = decode(resolver.received[0] as Buffer)
    expect(reply).toMatchObject({ type: 'response', id: 99, questions: [{ name: '_p2p._udp.local' }] })
    expect(reply.answers?.[0]).toMatchObject({ type: 'PTR', ttl: 10 })
  })

  it('sends a plain resolver only a few answers, however often it asks (no reflector)', async () => {
    const a = service(id, { clock: new ManualClock() })
    await a.start()
    const resolver = await neighbour(0)
    for (let i = 0; i < 50; i++) await resolver.send(query)
    await until(() => a.stats().queries >= 50)
    await until(() => a.stats().unicastAnswers >= 5)
    expect(a.stats().unicastAnswers).toBe(5)
  })

  it('multicasts one answer a second for a hundred queries', async () => {
    const clock = new ManualClock()
    const a = service(id, { clock })
    await a.start()
    const asker = await neighbour()
    for (let i = 0; i < 100; i++) await asker.send(query)
    await until(() => a.stats().queries >= 100)
    clock.advance(150)
    expect(a.stats().answers).toBe(1)
    clock.advance(700)
    expect(a.stats().answers).toBe(1)
  })

  it('says goodbye when it stops', async () => {
    const [a, b] = [service(id), service(await makePeer())]
    await Promise.all([a.start(), b.start()])
    await next(b, 'peer')
    const peers = collect(b)
    await a.stop()
    await until(() => b.stats().goodbyes === 1)
    expect(peers).toEqual([])
  })
})

describe('sightings', () => {
  it('of an unchanged peer are reported once in 30 seconds', async () => {
    const clock = new ManualClock()
    const a = service(id, { clock, interval: 600_000, rescanInterval: 600_000 })
    const peers = collect(a)
    await a.start()
    const other = await makePeer()
    const sender = await neighbour()
    const received = async (count: number): Promise<void> => {
      const before = a.stats().received
      for (let i = 0; i < count; i++) await sender.send(answerOf('x', other, '/ip4/127.0.0.1/tcp/1'))
      await until(() => a.stats().received >= before + count)
    }
    await until(() => a.stats().received > 0) // its own first query
    await received(10)
    expect(peers).toHaveLength(1)
    clock.advance(SIGHTING_INTERVAL)
    await received(10)
    expect(peers).toHaveLength(2)
  })
})

describe('interfaces that come and go', () => {
  it('are joined and left, with a query at once', async () => {
    const clock = new ManualClock()
    let list: NetworkInterfaces = {}
    const a = service(id, { clock, interfaces: ['lo'], ipv6: false, networkInterfaces: () => list })
    const errors: string[] = []
    a.addEventListener('mdns:error', ({ detail }) => errors.push(detail.message))
    await a.start()
    expect(a.interfaces()).toEqual([])
    list = LO
    clock.advance(5000)
    await until(() => a.interfaces().length === 1 && a.stats().received > 0)
    list = {}
    clock.advance(5000)
    await until(() => a.interfaces().length === 0)
    list = LO
    clock.advance(5000)
    await until(() => a.interfaces().length === 1)
    expect(errors).toEqual(['mDNS on lo: select failed with ENODEV', 'mDNS on lo: select failed with ENODEV'])
  })

  it('whose list cannot be read are no reason to fail', async () => {
    const a = service(id, {
      networkInterfaces: () => {
        throw Object.assign(new TypeError('no'), { code: 'ERR_SYSTEM_ERROR' })
      }
    })
    const failed = next(a, 'mdns:error')
    await a.start()
    expect((await failed).detail).toMatchObject({ networkInterface: '*', code: 'ERR_SYSTEM_ERROR' })
  })

  it('that refuse are reported once, while the others work', async () => {
    const clock = new ManualClock()
    const absent = {
      address: '203.0.113.1',
      netmask: '',
      family: 'IPv4',
      mac: '',
      internal: false,
      cidr: '203.0.113.1/24'
    } as const
    const a = service(id, {
      clock,
      interfaces: ['lo', 'eth9'],
      ipv6: false,
      networkInterfaces: () => ({ ...LO, eth9: [absent] })
    })
    const errors: string[] = []
    a.addEventListener('mdns:error', ({ detail }) =>
      errors.push(`${detail.networkInterface} ${detail.operation} ${detail.code}`)
    )
    await a.start()
    expect(a.interfaces()).toEqual(['lo'])
    const before = a.stats().errors['bind:EADDRNOTAVAIL'] ?? 0
    clock.advance(5000)
    await until(() => (a.stats().errors['bind:EADDRNOTAVAIL'] ?? 0) > before)
    expect(errors.sort()).toEqual(['eth9 bind EADDRNOTAVAIL', 'eth9 join ENODEV'])
  })

  it('whose port is taken are tried again', async () => {
    const blocker = createSocket('udp4')
    await new Promise<void>((resolve) => {
      blocker.bind(port, '127.0.0.1', resolve)
    })
    const clock = new ManualClock()
    const a = service(id, { clock })
    const failed = next(a, 'mdns:error')
    await a.start()
    expect((await failed).detail.code).toBe('EADDRINUSE')
    expect(a.interfaces()).toEqual([])
    blocker.close()
    clock.advance(5000)
    await until(() => a.interfaces().length === 1)
  })
})

describe('two processes with one identity', () => {
  it('raise an alarm, once a minute', async () => {
    const clock = new ManualClock()
    const a = service(id, { clock, interval: 600_000, rescanInterval: 600_000 })
    const alarms: string[] = []
    a.addEventListener('identity:conflict', ({ detail }) => alarms.push(detail.address))
    const peers = collect(a)
    await a.start()
    const twin = await neighbour()
    const claim = async (): Promise<void> => {
      const before = a.stats().received
      await twin.send(answerOf('twin', id, '/ip4/127.0.0.1/tcp/9'))
      await until(() => a.stats().received > before)
    }
    await until(() => a.stats().received > 0)
    for (let i = 0; i < 5; i++) await claim()
    expect(alarms).toEqual(['127.0.0.1'])
    clock.advance(60_000)
    await until(() => a.stats().received > 6)
    await claim()
    expect(alarms).toEqual(['127.0.0.1', '127.0.0.1'])
    expect(peers).toEqual([])
  })

  it('raise it on both sides', async () => {
    const [a, b] = [service(id), service(id)]
    const alarms = [next(a, 'identity:conflict'), next(b, 'identity:conflict')]
    await Promise.all([a.start(), b.start()])
    await Promise.all(alarms)
  })

  it('are not confused with our own echo, or ourselves after a restart', async () => {
    const a = service(id)
    let alarms = 0
    a.addEventListener('identity:conflict', () => alarms++)
    await a.start()
    const b = service(await makePeer())
    await b.start()
    await next(b, 'peer')
    await a.stop()
    a.parts.addresses.push('/ip4/127.0.0.1/tcp/4002')
    await a.start()
    await next(b, 'peer', ({ detail }) => detail.multiaddrs.length === 2)
    expect(alarms).toBe(0)
  })
})

it('is a libp2p peer discovery', async () => {
  const made: Mdns = service(id)
  const { peerDiscoverySymbol, serviceCapabilities } = await import('@libp2p/interface')
  expect(Reflect.get(made, peerDiscoverySymbol)).toBe(made)
  expect(Reflect.get(made, serviceCapabilities)).toEqual(['@libp2p/peer-discovery'])
})

it('refuses options that cannot work', () => {
  const make = (init: MdnsInit): unknown => mdns(init)(components(id, []))
  for (const init of [
    { serviceTag: 'x' },
    { serviceTag: `${'a'.repeat(64)}.local` },
    { port: 0 },
    { port: 1.5 },
    { interval: 0 },
    { rescanInterval: Number.NaN }
  ]) {
    expect(() => make(init), JSON.stringify(init)).toThrow(expect.objectContaining({ name: 'InvalidArgumentError' }))
  }
})
