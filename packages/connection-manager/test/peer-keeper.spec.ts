import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Libp2pEvents } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { FakeClock, lifecycleCompliance, nextEvent, seededRng, until } from '@penin/testing'
import type { Libp2p } from 'libp2p'
import { TypedEventEmitter } from 'main-event'
import { describe, expect, it } from 'vitest'
import {
  peerKeeper,
  type PeerKeeper,
  type PeerKeeperComponents,
  type PeerKeeperEvents,
  type PeerKeeperInit
} from '../src/index.js'
import { addressOf, makeKey, makePeerId, named, plainNode, type PlainNodeOptions } from './support.js'

type Kept = Libp2p<{ keeper: PeerKeeper }>

/** Looks twice as often as needed and waits hardly at all, so that the tests need not wait either. */
const QUICK: PeerKeeperInit = { target: 4, tick: 20, rng: { float: () => 0.02, bytes: (n) => new Uint8Array(n) } }

async function keeping(
  init: Partial<PeerKeeperInit> = {},
  options: PlainNodeOptions<{ keeper: PeerKeeper }> = {}
): Promise<Kept> {
  return plainNode({ services: { keeper: peerKeeper({ ...QUICK, ...init }) }, ...options })
}

/** A port of loopback on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const at = (port: number): Multiaddr => multiaddr(`/ip4/127.0.0.1/tcp/${port}`)

/** A keeper without a network: every dial fails, and is counted. */
function alone(
  clock: FakeClock,
  init: Partial<PeerKeeperInit> = {}
): { keeper: PeerKeeper; dials: string[]; held: () => number } {
  const events = new TypedEventEmitter<Libp2pEvents>()
  const dials: string[] = []
  const components = {
    peerId: named('me'),
    events,
    connectionManager: {
      getConnections: () => [],
      openConnection: async (target: unknown) => {
        dials.push(`${clock.monotonic()}: ${String(target)}`)
        throw Object.assign(new RangeError('refused'), { code: 'ECONNREFUSED' })
      }
    },
    peerStore: {
      all: async () => [],
      has: async () => true,
      getInfo: async () => ({ multiaddrs: [] }),
      merge: async () => undefined,
      delete: async () => undefined
    }
  } as unknown as PeerKeeperComponents
  const keeper = peerKeeper({ target: 4, clock, rng: seededRng(1), ...init })(components)
  return { keeper, dials, held: () => events.listenerCount('peer:connect') + events.listenerCount('peer:disconnect') }
}

lifecycleCompliance(
  'PeerKeeper',
  (clock) => {
    const configured = [{ id: named('b'), addresses: [at(1)], persistence: 'bootstrap' as const }]
    const { keeper, held } = alone(clock, { configured })
    return { service: keeper, held }
  },
  { describe, it }
)

describe('PeerKeeper without a network', () => {
  it('dials a bootstrap peer for ever, at most ten seconds apart while it is alone', async () => {
    const clock = new FakeClock()
    const configured = [{ id: named('b'), addresses: [at(1)], persistence: 'bootstrap' as const }]
    const { keeper, dials } = alone(clock, { configured })
    await keeper.start()
    await clock.tickAsync(600_000)
    const times = dials.map((dial) => Number.parseInt(dial, 10))
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    expect(times[0]).toBeLessThan(100)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(11_000)
    expect(times.length).toBeGreaterThan(60)
    keeper.stop()
    expect(clock.pending()).toBe(0)
  })

  it('forgets all backoffs after thirty seconds without a peer, and says so', async () => {
    const clock = new FakeClock()
    const { keeper, dials } = alone(clock)
    const isolated: number[] = []
    keeper.addEventListener('isolated', ({ detail }) => isolated.push(detail.forMs))
    await keeper.start()
    keeper.addCandidate({ id: named('a'), multiaddrs: [at(1)], source: 'mdns' })
    await clock.tickAsync(200)
    expect(dials).toHaveLength(1)
    const peer = keeper.get(named('a'))
    expect(peer?.failures).toBe(1)
    Object.assign(peer ?? {}, { nextAttemptAt: 1e9 })
    await clock.tickAsync(29_000)
    expect(dials).toHaveLength(1)
    await clock.tickAsync(2_000)
    expect(dials.length).toBeGreaterThan(1)
    expect(isolated).toHaveLength(1)
    keeper.stop()
  })

  it('asks for more peers when it starves, at most every ten seconds', async () => {
    const clock = new FakeClock()
    const { keeper } = alone(clock)
    let asked = 0
    keeper.addEventListener('starving', () => asked++)
    await keeper.start()
    await clock.tickAsync(60_000)
    expect(asked).toBeGreaterThanOrEqual(5)
    expect(asked).toBeLessThanOrEqual(7)
    keeper.stop()
  })

  it('never knows more peers than it may, and never itself or a peer without address', async () => {
    const clock = new FakeClock()
    const { keeper } = alone(clock, { maxKnown: 10 })
    await keeper.start()
    for (let i = 0; i < 1_000; i++) {
      keeper.addCandidate({ id: named(String(i)), multiaddrs: [at(1)], source: 'dht' })
    }
    keeper.addCandidate({ id: named('me'), multiaddrs: [at(1)], source: 'dht' })
    keeper.addCandidate({ id: named('nowhere'), multiaddrs: [], source: 'dht' })
    expect(keeper.known.size).toBe(10)
    expect([keeper.get(named('me')), keeper.get(named('nowhere'))]).toEqual([undefined, undefined])
    keeper.stop()
  })

  it('does not blame a peer for a dial that the program gave up', async () => {
    const clock = new FakeClock()
    const { keeper } = alone(clock)
    await keeper.start()
    keeper.addCandidate({ id: named('a'), multiaddrs: [at(1)], source: 'mdns' })
    const reason = new RangeError('changed my mind')
    const dial = keeper.dial({ id: named('a') }, { signal: AbortSignal.abort(reason) })
    await expect(dial).rejects.toBe(reason)
    expect(keeper.get(named('a'))?.failures).toBe(0)
    keeper.stop()
  })

  it('holds a peer back for as long as it is told, but not against a manual dial', async () => {
    const clock = new FakeClock()
    const { keeper, dials } = alone(clock)
    await keeper.start()
    keeper.reject(named('a'), 'wrong network', 3_600_000)
    keeper.addCandidate({ id: named('a'), multiaddrs: [at(1)], source: 'mdns' })
    await clock.tickAsync(3_599_000)
    expect(dials).toEqual([])
    await expect(keeper.dial({ id: named('a') })).rejects.toMatchObject({ name: 'DialFailedError' })
    expect(dials).toHaveLength(1)
    keeper.stop()
  })
})

describe('PeerKeeper in a plain libp2p node', () => {
  it('dials candidates until there are enough peers, and fills up when one goes', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, async () => plainNode()))
    const node = await keeping({ target: 2 })
    for (const other of others) {
      node.services.keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'mdns' })
    }
    await until(() => node.services.keeper.peerCount === 2)
    await until(() => node.services.keeper.dialling === 0)
    expect(node.getPeers()).toHaveLength(2)
    const gone = others.find((other) => node.services.keeper.isAccepted(other.peerId))
    await gone?.stop()
    await until(() => node.services.keeper.peerCount === 2 && node.getPeers().every((id) => !id.equals(gone?.peerId)))
  })

  it('finds a bootstrap peer that starts later than itself, and again when it was restarted', async () => {
    const [privateKey, port] = [await makeKey(), await closedPort()]
    const id = peerIdFromPrivateKey(privateKey)
    const node = await keeping({ configured: [{ id, addresses: [at(port)], persistence: 'bootstrap' }] })
    await nextEvent(node.services.keeper, 'dial', { filter: ({ detail }: PeerKeeperEvents['dial']) => !detail.ok })
    for (const round of ['late', 'restarted']) {
      const bootstrap = await plainNode({ privateKey, port })
      await until(() => node.services.keeper.isAccepted(id), { message: round })
      expect(node.services.keeper.get(id)).toMatchObject({ persistence: 'bootstrap' })
      await bootstrap.stop()
      await until(() => !node.services.keeper.isAccepted(id))
    }
  })

  it('redials a configured address without id whoever answers there, a server with a new identity as well', async () => {
    const port = await closedPort()
    const node = await keeping({ configured: [{ addresses: [at(port)], persistence: 'persistent' }] })
    for (let round = 0; round < 3; round++) {
      const privateKey = await makeKey()
      const id = peerIdFromPrivateKey(privateKey)
      const other = await plainNode({ privateKey, port })
      await until(() => node.services.keeper.isAccepted(id))
      expect(node.services.keeper.persistenceOf(id)).toBe('persistent')
      await other.stop()
      await until(() => !node.services.keeper.isAccepted(id))
    }
  })

  it('does not dial its own address for ever because a list names it', async () => {
    const port = await closedPort()
    const failed: string[] = []
    const node = await keeping({ configured: [{ addresses: [at(port)], persistence: 'bootstrap' }] }, { port })
    node.services.keeper.addEventListener('dial', ({ detail }) => failed.push(detail.error ?? ''))
    await new Promise((resolve) => setTimeout(resolve, 500)) // some looks
    expect(failed).toEqual([])
  })

  it('counts peers that are still greeting, so that those who stall do not make it overshoot', async () => {
    const stallers = await Promise.all(Array.from({ length: 6 }, async () => plainNode()))
    const node = await keeping({ target: 2, acceptAll: false })
    for (const other of stallers) {
      node.services.keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'mdns' })
    }
    await until(() => node.getPeers().length === 2)
    await new Promise((resolve) => setTimeout(resolve, 300)) // some more looks
    expect(node.getPeers()).toHaveLength(2)
  })

  it('does not take a connection for a success before the peer is accepted', async () => {
    const [node, other] = await Promise.all([keeping({ acceptAll: false }), plainNode()])
    const { keeper } = node.services
    keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'mdns' })
    await until(() => node.getPeers().length === 1)
    expect(keeper.get(other.peerId)?.lastSuccess).toBeUndefined()
    keeper.accept(other.peerId, 'outbound')
    expect(keeper.get(other.peerId)?.lastSuccess).toBeTypeOf('number')
  })

  it('keeps nothing of a peer that is not one of us but that it is not to be dialled', async () => {
    const [node, other] = await Promise.all([keeping({ acceptAll: false }), plainNode()])
    const { keeper } = node.services
    const candidate = { id: other.peerId, multiaddrs: [addressOf(other)], source: 'mdns' as const }
    keeper.addCandidate(candidate)
    await until(() => node.getPeers().length === 1)
    keeper.reject(other.peerId, 'of another network', 3_600_000)
    await node.hangUp(other.peerId)
    await until(async () => !(await node.peerStore.has(other.peerId)))
    expect(keeper.get(other.peerId)).toBeUndefined()
    keeper.addCandidate(candidate)
    expect(keeper.get(other.peerId)?.held?.reason).toBe('of another network')
    await new Promise((resolve) => setTimeout(resolve, 300)) // some looks
    expect(node.getPeers()).toEqual([])
  })

  it('counts a peer only once it is accepted, if something above decides that', async () => {
    const [node, other] = await Promise.all([keeping({ acceptAll: false }), plainNode()])
    await other.dial(addressOf(node))
    await until(() => node.getPeers().length === 1)
    expect(node.services.keeper.peerCount).toBe(0)
    node.services.keeper.accept(other.peerId, 'inbound')
    expect(node.services.keeper.peerCount).toBe(1)
    expect([...(node.services.keeper.get(other.peerId)?.sources ?? [])]).toEqual(['inbound'])
  })

  it('says that another identity answered, closes, and stores neither', async () => {
    const [node, other, expected] = [await keeping(), await plainNode(), await makePeerId()]
    const address = addressOf(other).decapsulate('/p2p')
    const dial = node.services.keeper.dial({ id: expected, addresses: [address] })
    await expect(dial).rejects.toMatchObject({ name: 'PeerIdentityMismatchError', expected: expected.toString() })
    const named = node.services.keeper.dial({ id: expected, addresses: [addressOf(other)] })
    await expect(named).rejects.toMatchObject({ name: 'PeerIdentityMismatchError' })
    await until(() => node.getConnections().length === 0 && other.getConnections().length === 0)
    for (const id of [expected, other.peerId]) {
      expect(await node.peerStore.has(id)).toBe(false)
      expect(node.services.keeper.get(id)).toBeUndefined()
    }
  })

  it('does not dial itself, by id or by address', async () => {
    const node = await keeping()
    const self = expect.objectContaining({ name: 'DialSelfError' })
    await expect(node.services.keeper.dial({ id: node.peerId })).rejects.toEqual(self)
    await expect(node.services.keeper.dial({ addresses: [addressOf(node)] })).rejects.toEqual(self)
    await expect(node.services.keeper.dial({ addresses: [addressOf(node).decapsulate('/p2p')] })).rejects.toEqual(self)
  })

  it('says at which stage a dial failed: connect, encrypt, timeout, or that there is no address', async () => {
    const node = await keeping({ dialTimeout: 300 })
    const { keeper } = node.services
    const port = await closedPort()
    await expect(keeper.dial({ addresses: [at(port)] })).rejects.toMatchObject({
      name: 'DialFailedError',
      attempts: [{ stage: 'connect', address: expect.stringMatching(new RegExp(`127.0.0.1(:|/tcp/)${port}$`)) }]
    })
    const silent = createServer()
    const rude = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    try {
      const ports: number[] = []
      for (const server of [silent, rude]) {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
        ports.push((server.address() as AddressInfo).port)
      }
      const stages = await Promise.all(
        ports.map(async (port) =>
          keeper.dial({ addresses: [at(port)] }).then(
            () => 'none',
            (error: { attempts: Array<{ stage: string }> }) => error.attempts[0]?.stage
          )
        )
      )
      expect(stages).toEqual(['timeout', 'encrypt'])
    } finally {
      silent.close()
      rude.close()
    }
    const stranger = await makePeerId()
    await expect(keeper.dial({ id: stranger })).rejects.toMatchObject({ name: 'NoAddressesError' })
    expect(await node.peerStore.has(stranger)).toBe(false)
  })

  it('remembers from one run to the next where peers are', async () => {
    const [node, other] = [await keeping(), await plainNode()]
    node.services.keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'mdns' })
    await until(() => node.services.keeper.peerCount === 1)
    node.services.keeper.stop()
    const again = peerKeeper(QUICK)({
      peerId: node.peerId,
      peerStore: node.peerStore,
      events: new TypedEventEmitter<Libp2pEvents>(),
      connectionManager: { getConnections: () => [], openConnection: async () => new Promise(() => {}) }
    })
    await again.start()
    const peer = again.get(other.peerId)
    expect([...(peer?.sources ?? [])]).toEqual(['store'])
    expect(peer?.lastSuccess).toBeGreaterThan(0)
    again.stop()
  })

  it('forgets a peer, and what is stored about it, when told to', async () => {
    const [node, stranger] = [await keeping({ target: 0 }), await makePeerId()]
    node.services.keeper.addCandidate({ id: stranger, multiaddrs: [at(1)], source: 'pex' })
    await until(async () => node.peerStore.has(stranger))
    expect(await node.services.keeper.forget(stranger)).toBe(true)
    expect(await node.peerStore.has(stranger)).toBe(false)
    expect(node.services.keeper.get(stranger)).toBeUndefined()
  })
})
