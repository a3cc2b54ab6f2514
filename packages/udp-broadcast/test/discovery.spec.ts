import { createSocket } from 'node:dgram'
import type { Libp2pEvents } from '@libp2p/interface'
import type { Candidate } from '@penin/interface'
import { FakeClock, until } from '@penin/testing'
import { TypedEventEmitter } from 'main-event'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { udpBroadcast, type LegacyPeer, type UdpBroadcast, type UdpBroadcastInit } from '../src/index.js'
import {
  beaconOf,
  bytes,
  closed,
  collect,
  components,
  freePort,
  listener,
  LO,
  makePeer,
  next,
  pythonBeacon,
  sender,
  type Peer
} from './support.js'

const cleanups: Array<() => Promise<void>> = []
let port: number
beforeEach(async () => {
  port = await freePort()
})
afterEach(async () => {
  await Promise.all(cleanups.splice(0).map(async (cleanup) => cleanup()))
})

interface Made {
  service: UdpBroadcast
  peer: Peer
  parts: ReturnType<typeof components>
}

async function make(
  init: UdpBroadcastInit = {},
  addresses = ['/ip4/127.0.0.1/tcp/4001'],
  events?: TypedEventEmitter<Libp2pEvents>
): Promise<Made> {
  const peer = await makePeer()
  const parts = components(peer, addresses)
  if (events != null) {
    parts.events = events
  }
  const service = udpBroadcast({ port, interfaces: ['127.0.0.1'], interval: 600_000, ...init })(parts)
  cleanups.push(async () => service.stop())
  return { service, peer, parts }
}

async function python() {
  const heard = await listener(port)
  cleanups.push(async () => closed(heard.socket))
  return heard
}

async function neighbour() {
  const made = await sender(port)
  cleanups.push(async () => closed(made.socket))
  return made
}

describe('two nodes on one host and one port', () => {
  it('find each other, whichever came first, with addresses and signed records', async () => {
    const clock = new FakeClock()
    const [a, b] = [await make({ clock, interval: 10_000 }), await make({ clock, interval: 10_000 })]
    const candidates: Candidate[] = []
    b.service.addEventListener('candidate', ({ detail }) => candidates.push(detail))
    const [toA, toB] = [collect(a.service), collect(b.service)]
    await a.service.start()
    await b.service.start()
    await until(() => toA.length > 0)
    await clock.tickAsync(11_000)
    await until(() => toB.length > 0)
    expect(toA.map(({ id }) => id.toString())).toEqual([b.peer.id])
    expect(toB.map(({ id, multiaddrs }) => [id.toString(), ...multiaddrs.map(String)])).toEqual([
      [a.peer.id, '/ip4/127.0.0.1/tcp/4001']
    ])
    expect(candidates[0]).toMatchObject({ source: 'udp', record: { envelope: expect.any(Uint8Array) } })
    expect(a.service.stats()).toMatchObject({ known: 1, peers: 1, legacy: 0, errors: {} })
  })

  it('and a Python node there all hear every beacon', async () => {
    const a = await make()
    const [one, two] = [await python(), await python()]
    const found = next(a.service, 'legacy:discovered')
    await a.service.start()
    await until(() => one.heard.length > 0 && two.heard.length > 0)
    const beacon = JSON.parse(one.heard[0]?.data.toString() ?? '') as Record<string, unknown>
    expect(beacon).toMatchObject({ id: a.peer.id, port, timestamp: expect.any(Number) })
    expect(two.heard[0]?.data.equals(one.heard[0]?.data ?? Buffer.alloc(0))).toBe(true)
    await (await neighbour()).send(pythonBeacon('node-alpha', port))
    expect((await found).detail).toMatchObject({ id: 'node-alpha', address: '127.0.0.1', port })
  })

  it('say goodbye, signed', async () => {
    const [a, b] = [await make(), await make()]
    await b.service.start()
    const found = next(b.service, 'peer')
    await a.service.start()
    await found
    const gone = next(b.service, 'peer:goodbye')
    await a.service.stop()
    expect((await gone).detail.toString()).toBe(a.peer.id)
    const again = next(b.service, 'peer')
    await a.service.start()
    expect((await again).detail.id.toString()).toBe(a.peer.id)
    expect(b.service.stats()).toMatchObject({ goodbyes: 1, peers: 2 })
  })

  it('of different networks don’t find each other', async () => {
    const [a, b] = [await make({ networkId: 'one' }), await make({ networkId: 'two' })]
    const peers = collect(a.service)
    await a.service.start()
    await b.service.start()
    await until(() => a.service.stats().dropped['other-network'] > 0)
    expect(peers).toEqual([])
  })
})

describe('what is sent', () => {
  it('is a beacon at start and then at every interval, give or take a tenth', async () => {
    const clock = new FakeClock()
    for (const [float, gap] of [
      [0, 9000],
      [0.5, 10_000],
      [0.999_999, 11_000]
    ] as const) {
      const { service } = await make({
        clock,
        interval: 10_000,
        rng: { float: () => float, bytes: (n) => new Uint8Array(n) }
      })
      await service.start()
      expect(service.stats().sent).toBe(1)
      await clock.tickAsync(gap - 1)
      expect(service.stats().sent).toBe(1)
      await clock.tickAsync(1)
      await until(() => service.stats().sent === 2)
      await service.stop()
      expect(service.stats().sent).toBe(3)
    }
  })

  it('is nothing without `announce`, not even a goodbye', async () => {
    const { service } = await make({ announce: false })
    const peers = collect(service)
    await service.start()
    const other = await make()
    await other.service.start()
    await until(() => peers.length > 0)
    await service.stop()
    expect(service.stats().sent).toBe(0)
  })

  it('is never an answer: not to a signed beacon, not to a Python node’s, not to junk', async () => {
    const { service } = await make()
    await service.start()
    const wire = await python()
    const other = await neighbour()
    const junk = [Buffer.alloc(0), Buffer.alloc(2000, 0x7b), bytes('{"id":7}'), bytes({ id: 'x', bye: true })]
    const sent = [pythonBeacon('node-alpha', port), bytes(await beaconOf(await makePeer())), ...junk]
    for (const data of sent) {
      await other.send(data)
    }
    await until(() => wire.heard.length === sent.length && service.stats().received >= sent.length + 1)
    await until(() => service.stats().beacons + service.stats().dropped['no-addresses'] > 0)
    // whatever it had to say it has said: a goodbye of this node comes after all of it
    await service.stop()
    await until(() => wire.heard.length > sent.length)
    expect(wire.heard).toHaveLength(sent.length + 1)
    expect(JSON.parse(wire.heard.at(-1)?.data.toString() ?? '')).toMatchObject({ bye: true })
    expect(other.answers).toEqual([])
    expect(service.stats().sent).toBe(2)
  })

  it('follows the node’s addresses without waiting for the interval, at most twice in one', async () => {
    const clock = new FakeClock()
    const events = new TypedEventEmitter<Libp2pEvents>()
    const { service, parts } = await make({ clock }, [], events)
    await service.start()
    expect(service.stats().sent).toBe(0)
    const update = async (address: string): Promise<void> => {
      parts.addresses = [address]
      events.dispatchEvent(new CustomEvent('self:peer:update', { detail: {} as never }))
      await clock.tickAsync(1000)
      await clock.tickAsync(0)
    }
    await update('/ip4/127.0.0.1/tcp/1')
    await until(() => service.stats().sent === 1)
    await update('/ip4/127.0.0.1/tcp/1')
    expect(service.stats().sent).toBe(1)
    for (let i = 2; i < 9; i++) {
      await update(`/ip4/127.0.0.1/tcp/${i}`)
    }
    await until(() => service.stats().sent === 3)
    await service.stop()
    expect(service.stats().sent).toBe(4)
  })

  it('goes out without an address after a second, so that Python nodes see this one', async () => {
    const clock = new FakeClock()
    const { service } = await make({ clock }, [], new TypedEventEmitter<Libp2pEvents>())
    await service.start()
    await clock.tickAsync(999)
    expect(service.stats().sent).toBe(0)
    await clock.tickAsync(1)
    await until(() => service.stats().sent === 1)
  })

  it('goes to an interface as soon as it is there', async () => {
    const clock = new FakeClock()
    let interfaces = {}
    const { service } = await make({ clock, networkInterfaces: () => interfaces })
    const errors: string[] = []
    service.addEventListener('udp:error', ({ detail }) => errors.push(detail.message))
    await service.start()
    expect(service.interfaces()).toEqual([])
    expect(errors).toEqual(['UDP beacons on 127.0.0.1: select failed with ENODEV'])
    interfaces = LO
    await clock.tickAsync(5000)
    await until(() => service.stats().sent === 1)
    expect(service.interfaces()).toEqual(['lo'])
    interfaces = {}
    await clock.tickAsync(5000)
    await until(() => service.interfaces().length === 0)
    expect(errors).toHaveLength(2)
  })
})

describe('legacy peers', () => {
  it('have a view, events and a callback of their own, and never are `peer` events', async () => {
    const clock = new FakeClock()
    const called: LegacyPeer[] = []
    const { service } = await make({
      clock,
      onLegacyPeer: (peer) => {
        called.push(peer)
        throw new TypeError('of the program')
      }
    })
    const peers = collect(service)
    const lost = vi.fn()
    service.addEventListener('legacy:lost', ({ detail }) => {
      lost(detail.id)
    })
    await service.start()
    const other = await neighbour()
    await other.send(pythonBeacon('node-alpha', port))
    await other.send(pythonBeacon('node-alpha', port))
    await other.send(pythonBeacon('node-beta', port))
    await until(() => service.stats().legacyBeacons === 3)
    expect(called.map(({ id, address }) => [id, address])).toEqual([
      ['node-alpha', '127.0.0.1'],
      ['node-beta', '127.0.0.1']
    ])
    expect(service.legacyPeers().map(({ id }) => id)).toEqual(['node-alpha', 'node-beta'])
    await clock.tickAsync(65_000)
    expect(lost.mock.calls).toEqual([['node-alpha'], ['node-beta']])
    expect(service.legacyPeers()).toEqual([])
    expect(peers).toEqual([])
    expect(service.stats()).toMatchObject({ legacyDiscovered: 2, legacyLost: 2, legacy: 0 })
  })
})

describe('trouble', () => {
  it('the port is taken by a program that doesn’t share it: an event, once, and the node is heard, and hears later', async () => {
    const clock = new FakeClock()
    const selfish = createSocket('udp4')
    await new Promise<void>((resolve) => selfish.bind(port, '0.0.0.0', resolve))
    const heard: Buffer[] = []
    selfish.on('message', (data) => heard.push(data))
    const { service } = await make({ clock })
    const taken = vi.fn()
    service.addEventListener('udp:port-taken', ({ detail }) => {
      taken(detail.name, detail.port, detail.family)
    })
    await service.start()
    await clock.tickAsync(11_000)
    expect(taken.mock.calls).toEqual([['UdpPortTakenError', port, 4]])
    await until(() => heard.length > 0)
    await closed(selfish)
    await clock.tickAsync(5000)
    const other = await neighbour()
    await until(async () => {
      await other.send(pythonBeacon('node-alpha', port))
      return service.legacyPeers().length > 0
    })
    expect(service.stats().errors['bind:EADDRINUSE']).toBeGreaterThan(1)
  })

  it('a flood from one address: 20 datagrams are parsed, and what comes from elsewhere is heard', async () => {
    const clock = new FakeClock()
    const { service } = await make({ clock })
    await service.start()
    const flooder = await neighbour()
    for (let i = 0; i < 1000; i++) {
      await flooder.send(pythonBeacon(`x${i}`))
      if (i % 50 === 0) {
        await until(() => service.stats().received >= i) // the system's buffer holds about 250
      }
    }
    await until(() => service.stats().dropped['rate-limited'] > 900)
    expect(service.stats().legacyBeacons + service.stats().dropped['legacy-full']).toBeLessThanOrEqual(20)
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.2', resolve))
    socket.setBroadcast(true)
    cleanups.push(async () => closed(socket))
    socket.send(pythonBeacon('honest'), port, '127.255.255.255')
    await until(() => service.legacyPeers().some(({ id }) => id === 'honest'))
  })

  it('the list of interfaces or of addresses can’t be had: the node goes on', async () => {
    const { service, parts } = await make({
      networkInterfaces: () => {
        throw Object.assign(new TypeError('of the system'), { code: 'EPERM' })
      }
    })
    const problem = next(service, 'udp:error')
    await service.start()
    expect((await problem).detail).toMatchObject({ operation: 'select', code: 'EPERM' })
    parts.addressManager.getAddresses = () => {
      throw new TypeError('of libp2p')
    }
    const other = await make()
    Object.assign(other.parts.addressManager, { getAddresses: parts.addressManager.getAddresses })
    await other.service.start()
    expect(other.service.stats().sent).toBe(0)
  })
})
