import type { Connection, Libp2pEvents, PeerId } from '@libp2p/interface'
import { FakeClock, lifecycleCompliance, nextEvent, until } from '@penin/testing'
import { TypedEventEmitter } from 'main-event'
import { describe, expect, it } from 'vitest'
import { PING_PROTOCOL, singleConnection, type SingleConnection } from '../src/index.js'
import { addressOf, makePeerId, named, plainNode, type PlainNodeOptions } from './support.js'
import type { Libp2p } from 'libp2p'
import { multiaddr } from '@multiformats/multiaddr'

type Single = Libp2p<{ single: SingleConnection }>

lifecycleCompliance(
  'singleConnection',
  (clock) => {
    const events = new TypedEventEmitter<Libp2pEvents>()
    const service = singleConnection({ clock })({
      peerId: named('me'),
      connectionManager: { getConnections: () => [] },
      events
    })
    return { service, held: () => events.listenerCount('connection:open') }
  },
  { describe, it }
)

async function node(
  options: PlainNodeOptions<{ single: SingleConnection }> & { patience?: number } = {}
): Promise<Single> {
  const { patience = 100, ...rest } = options
  return plainNode({ services: { single: singleConnection({ settle: 20, patience }) }, ...rest })
}

const directions = (end: Single): string =>
  end
    .getConnections()
    .map((connection) => connection.direction)
    .join('+')

describe('singleConnection', () => {
  it('leaves one connection, the same at both ends, after twenty simultaneous dials', async () => {
    const [a, b] = await Promise.all([node(), node()])
    const aIsSmaller = a.peerId.toString() < b.peerId.toString()
    let doubles = 0
    for (let round = 0; round < 20; round++) {
      const dialled = await Promise.all([a.dial(addressOf(b)), b.dial(addressOf(a))])
      const isDouble = dialled.every((connection) => connection.direction === 'outbound')
      doubles += isDouble ? 1 : 0
      // One at each end, and one's outbound is the other's inbound: it is the same.
      await until(() => [directions(a), directions(b)].sort().join() === 'inbound,outbound', {
        message: () => `round ${round}: ${directions(a)} and ${directions(b)}`
      })
      if (isDouble) {
        expect(directions(a)).toBe(aIsSmaller ? 'outbound' : 'inbound')
      }
      const gone = [a, b].map(async (end) => nextEvent<CustomEvent<PeerId>>(end, 'peer:disconnect'))
      await Promise.all([...gone, a.getConnections()[0]?.close()])
    }
    expect(doubles).toBeGreaterThan(5)
    expect(a.services.single.closed + b.services.single.closed).toBeGreaterThanOrEqual(doubles)
  })

  it('closes several connections of one dialler but the oldest', async () => {
    const [a, b] = await Promise.all([node({ patience: 60_000 }), node({ patience: 60_000 })])
    const first = await a.dial(addressOf(b))
    await a.dial(addressOf(b), { force: true })
    await a.dial(addressOf(b), { force: true })
    await until(() => a.getConnections().length === 1 && b.getConnections().length === 1)
    expect(a.getConnections()[0]).toBe(first)
  })

  it('closes surplus connections by itself after a while if the end that dialled them does not', async () => {
    const a = await node()
    const b = await plainNode()
    await b.dial(addressOf(a))
    await b.dial(addressOf(a), { force: true })
    await until(() => a.getConnections().length === 2)
    await until(() => a.getConnections().length === 1)
    expect(a.services.single.closed).toBe(1)
  })

  it('gives up the survivor if it does not answer, and keeps the one that does', async () => {
    const a = await node()
    const b = await plainNode()
    const old = await a.dial(addressOf(b))
    // The other end of the old connection is gone without a word: streams on it fail.
    old.newStream = async () => {
      throw new RangeError('half open')
    }
    const fresh = await a.dial(addressOf(b), { force: true })
    await until(() => old.status !== 'open')
    expect(fresh.status).toBe('open')
    expect(a.getConnections()).toEqual([fresh])
    expect(a.services.single.closed).toBe(0)
  })

  it('still leaves only one if the half-open survivor was one of three', async () => {
    const a = await node()
    const b = await plainNode()
    const old = await a.dial(addressOf(b))
    old.newStream = async () => {
      throw new RangeError('half open')
    }
    const [second] = [await a.dial(addressOf(b), { force: true }), await a.dial(addressOf(b), { force: true })]
    await until(() => a.getConnections().length === 1)
    expect(a.getConnections()[0]).toBe(second)
  })

  it('leaves a single connection alone, and connections to different peers', async () => {
    const clock = new FakeClock({ now: Date.now() })
    const services = { single: singleConnection({ clock }) }
    const nodes = await Promise.all(Array.from({ length: 3 }, async () => plainNode({ services })))
    const [a, b, c] = nodes as [Single, Single, Single]
    await Promise.all([a.dial(addressOf(b)), a.dial(addressOf(c)), b.dial(addressOf(c))])
    await until(() => nodes.every((node) => node.getConnections().length === 2))
    expect(clock.pending()).toBe(0)
    await clock.tickAsync(60_000)
    expect(nodes.map((node) => node.getConnections().length)).toEqual([2, 2, 2])
    expect(nodes.map((node) => node.services.single.closed)).toEqual([0, 0, 0])
  })

  it('does not close an inbound connection before its patience is over, whatever the wall clock does, nor ever without a ping', async () => {
    const clock = new FakeClock()
    const events = new TypedEventEmitter<Libp2pEvents>()
    const [me, peer] = [await makePeerId(), await makePeerId()]
    const log: string[] = []
    const stub = (name: string, direction: 'inbound' | 'outbound'): Connection =>
      ({
        remotePeer: peer,
        remoteAddr: multiaddr('/ip4/127.0.0.1/tcp/1'),
        direction,
        status: 'open',
        timeline: { open: clock.now() },
        newStream: async (protocol: string) => {
          expect(protocol).toBe(PING_PROTOCOL)
          log.push(`ping ${name}`)
          throw Object.assign(new RangeError('no'), { name: 'UnsupportedProtocolError' }) // which is an answer
        },
        close: async () => {
          log.push(`close ${name} at ${clock.monotonic()}`)
          connections = connections.filter((c) => c.direction !== direction)
        },
        abort: () => log.push(`abort ${name}`)
      }) as unknown as Connection
    const [out, into] = [stub('out', 'outbound'), stub('in', 'inbound')]
    let connections = [out, into]
    const own = me.toString() < peer.toString() ? me : peer // the smaller one, whose outbound connection survives
    const service = singleConnection({ clock })({
      peerId: own,
      connectionManager: { getConnections: () => connections },
      events
    })
    connections.forEach((c) => Object.assign(c, { remotePeer: own === me ? peer : me }))
    await service.start()
    events.safeDispatchEvent('connection:open', { detail: into })
    await clock.tickAsync(999)
    expect(log).toEqual([])
    await clock.tickAsync(1)
    expect(log).toEqual(['ping out'])
    clock.jump(3_600_000) // age is not what the wall clock says
    await clock.tickAsync(9_999)
    expect(log).toEqual(['ping out'])
    clock.jump(-7_200_000)
    await clock.tickAsync(1)
    expect(log).toEqual(['ping out', 'ping out', 'close in at 11000'])
    await service.stop()
    expect(clock.pending()).toBe(0)
  })
})
