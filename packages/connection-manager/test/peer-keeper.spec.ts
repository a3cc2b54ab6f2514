import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { FakeClock, lifecycleCompliance, nextEvent, until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import type { PeerKeeperEvents } from '../src/index.js'
import { alone, at, closedPort, connectionOf, keeping, watchedClock } from './keeper-support.js'
import { addressOf, makeKey, makePeerId, named, plainNode } from './support.js'

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
    keeper.start()
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
    const longest = { float: () => 1 - 1e-9, bytes: (n: number) => new Uint8Array(n) }
    const { keeper, dials } = alone(clock, { rng: longest })
    const isolated: number[] = []
    keeper.addEventListener('isolated', ({ detail }) => isolated.push(detail.forMs))
    keeper.start()
    keeper.addCandidate({ id: named('a'), multiaddrs: [at(1)], source: 'mdns' })
    await clock.tickAsync(200)
    expect(keeper.dialState(named('a'))?.failures).toBe(1)
    await clock.tickAsync(30_000) // without isolation the next dial would be after 36 s
    expect(dials.map((dial) => Math.round(Number.parseInt(dial, 10) / 1_000))).toEqual([0, 6, 16, 30])
    expect(isolated).toHaveLength(1)
    keeper.stop()
  })

  it('asks for more peers when it starves, at most every ten seconds', async () => {
    const clock = new FakeClock()
    const { keeper } = alone(clock)
    let asked = 0
    keeper.addEventListener('starving', () => asked++)
    keeper.start()
    await clock.tickAsync(60_000)
    expect(asked).toBeGreaterThanOrEqual(5)
    expect(asked).toBeLessThanOrEqual(7)
    keeper.stop()
  })

  it('never takes itself or a peer without address for a candidate', async () => {
    const { keeper, book } = alone(new FakeClock())
    const named1: string[] = []
    keeper.addEventListener('candidate', ({ detail }) => named1.push(detail.source))
    keeper.addCandidate({ id: named('me'), multiaddrs: [at(1)], source: 'dht' })
    keeper.addCandidate({ id: named('nowhere'), multiaddrs: [], source: 'dht' })
    expect([book.size, named1]).toEqual([0, []])
  })

  it('dials the anchors of the last run first, then configured peers, then others, and each anchor once', async () => {
    const clock = new FakeClock()
    const configured = [{ id: named('b'), addresses: [at(2)], persistence: 'bootstrap' as const }]
    const { keeper, book, dials } = alone(clock, { configured })
    for (const name of ['x', 'y', 'z']) {
      book.add({ id: named(name), multiaddrs: [at(10)], source: 'mdns', sourceGroup: 'lan' })
    }
    book.setAnchors([named('y'), named('x')].map(String))
    const reasons: string[] = []
    keeper.addEventListener('dialling', ({ detail }) => reasons.push(`${detail.reason} ${detail.target.slice(-8)}`))
    keeper.start()
    await clock.tickAsync(100)
    const tail = (name: string): string => named(name).toString().slice(-8)
    expect(reasons).toEqual([
      `anchor ${tail('y')}`,
      `anchor ${tail('x')}`,
      expect.stringMatching(/^bootstrap /),
      `new ${tail('z')}`
    ])
    expect(dials).toHaveLength(4)
    await clock.tickAsync(120_000)
    expect(reasons.filter((reason) => reason.startsWith('anchor'))).toHaveLength(2)
    keeper.stop()
  })

  it('sends a feeler to a peer that nobody has reached, though it has peers enough', async () => {
    const clock = new FakeClock()
    const { keeper, book } = alone(clock, { target: 0 })
    book.add({ id: named('x'), multiaddrs: [at(10)], source: 'mdns', sourceGroup: 'lan' })
    const reasons: string[] = []
    keeper.addEventListener('dialling', ({ detail }) => reasons.push(detail.reason))
    keeper.start()
    await clock.tickAsync(600_000)
    expect(new Set(reasons)).toEqual(new Set(['feeler']))
    expect(book.get(named('x'))?.attempts).toBe(reasons.length)
    keeper.stop()
  })

  it('sends feelers, and dials configured addresses without id, beyond the limits: strangers that fill them stop neither', async () => {
    const nameless = { addresses: [at(2)], persistence: 'persistent' as const }
    for (const [configured, expected] of [
      [[], ['feeler: x']],
      [[nameless], ['persistent: x anybody']]
    ] as const) {
      const clock = new FakeClock()
      const { keeper, book } = alone(clock, { target: 0, configured: [...configured] })
      const beyond = (): string[] => ['x', 'anybody'].filter((name) => keeper.isBeyondLimits(named(name)))
      const seen = new Set<string>()
      if (configured.length === 0) {
        book.add({ id: named('x'), multiaddrs: [at(10)], source: 'mdns', sourceGroup: 'lan' })
      }
      keeper.addEventListener('dialling', ({ detail }) => seen.add(`${detail.reason}: ${beyond().join(' ')}`))
      keeper.start()
      await clock.tickAsync(600_000)
      expect([...seen]).toEqual(expected)
      expect(beyond()).toEqual([])
      keeper.stop()
    }
  })

  it('clears the book of peers that never answer, by itself', async () => {
    const clock = new FakeClock()
    const { keeper, book } = alone(clock, { configured: [] })
    book.add({ id: named('x'), multiaddrs: [at(10)], source: 'mdns', sourceGroup: 'lan' })
    keeper.start()
    keeper.accept({ remotePeer: named('friend'), remoteAddr: at(9), direction: 'inbound' } as Connection)
    await clock.tickAsync(1_200_000)
    expect(book.get(named('x'))).toBeUndefined()
    keeper.stop()
  })

  it('does not blame a peer for a dial that the program gave up', async () => {
    const clock = new FakeClock()
    const { keeper } = alone(clock)
    keeper.start()
    keeper.addCandidate({ id: named('a'), multiaddrs: [at(1)], source: 'mdns' })
    const reason = new RangeError('changed my mind')
    const dial = keeper.dial({ id: named('a') }, { signal: AbortSignal.abort(reason) })
    await expect(dial).rejects.toBe(reason)
    expect(keeper.dialState(named('a'))).toBeUndefined()
    keeper.stop()
  })

  it('holds a peer back for as long as it is told, but not against a manual dial', async () => {
    const clock = new FakeClock()
    const { keeper, dials } = alone(clock)
    keeper.start()
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
      expect(node.services.keeper.dialState(id)?.failures).toBe(0)
      expect(node.services.keeper.persistenceOf(id)).toBe('bootstrap')
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
    const { clock, looks } = watchedClock()
    const node = await keeping({ clock, configured: [{ addresses: [at(port)], persistence: 'bootstrap' }] }, { port })
    node.services.keeper.addEventListener('dial', ({ detail }) => failed.push(detail.error ?? ''))
    await looks(20)
    expect(failed).toEqual([])
  })

  it('counts peers that are still greeting, so that those who stall do not make it overshoot', async () => {
    const stallers = await Promise.all(Array.from({ length: 6 }, async () => plainNode()))
    const { clock, looks } = watchedClock()
    const node = await keeping({ clock, target: 2, acceptAll: false })
    for (const other of stallers) {
      node.services.keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'mdns' })
    }
    await until(() => node.getPeers().length === 2)
    await looks(10)
    expect(node.getPeers()).toHaveLength(2)
  })

  it('does not take a connection for a success before the peer is accepted', async () => {
    const [node, other] = await Promise.all([keeping({ acceptAll: false }), plainNode()])
    const { keeper } = node.services
    keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'mdns' })
    await until(() => node.getPeers().length === 1)
    expect(node.book.get(other.peerId)?.table).toBe('new')
    keeper.accept(connectionOf(node, other))
    expect(node.book.get(other.peerId)).toMatchObject({ table: 'tried', failures: 0, source: 'mdns' })
  })

  it('keeps nothing of a peer that is not one of us but that it is not to be dialled', async () => {
    const { clock, looks } = watchedClock()
    const [node, other] = await Promise.all([keeping({ clock, acceptAll: false }), plainNode()])
    const { keeper } = node.services
    const candidate = { id: other.peerId, multiaddrs: [addressOf(other)], source: 'mdns' as const }
    keeper.addCandidate(candidate)
    await until(() => node.getPeers().length === 1)
    keeper.reject(other.peerId, 'of another network', 3_600_000)
    await node.hangUp(other.peerId)
    await until(async () => !(await node.peerStore.has(other.peerId)))
    keeper.addCandidate(candidate)
    expect(node.book.get(other.peerId)).toBeUndefined()
    expect(keeper.heldReason(other.peerId)?.reason).toBe('of another network')
    await looks(10)
    expect(node.getPeers()).toEqual([])
  })

  it('counts a peer only once it is accepted, if something above decides that', async () => {
    const [node, other] = await Promise.all([keeping({ acceptAll: false }), plainNode()])
    await other.dial(addressOf(node))
    await until(() => node.getPeers().length === 1)
    expect(node.services.keeper.peerCount).toBe(0)
    node.services.keeper.accept(connectionOf(node, other))
    expect(node.services.keeper.peerCount).toBe(1)
    await until(() => node.book.get(other.peerId) != null)
    expect(node.book.get(other.peerId)).toMatchObject({ table: 'new', sources: ['inbound'] })
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
      expect(node.book.get(id)).toBeUndefined()
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

  it('lets a peer go without blame, and does not dial it again', async () => {
    const [node, other] = [await keeping({ target: 1 }), await plainNode()]
    node.services.keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'mdns' })
    await until(() => node.services.keeper.peerCount === 1)
    node.services.keeper.release(other.peerId)
    await until(() => node.services.keeper.peerCount === 0)
    expect(node.book.get(other.peerId)?.failures).toBe(0)
    expect(node.services.keeper.dialState(other.peerId)).toMatchObject({ failures: 0 })
  })

  it('hangs up on a peer that was dialled only to see whether it answers, and notes that it did', async () => {
    const [node, other] = [await keeping({ target: 0, feelerInterval: 1_000 }), await plainNode()]
    node.services.keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'pex' })
    await until(() => node.book.get(other.peerId)?.table === 'tried')
    await until(() => node.services.keeper.peerCount === 0 && node.getConnections().length === 0)
    expect(node.book.get(other.peerId)?.failures).toBe(0)
  })

  it('says when a seed was reached, and goes on asking seeds only while peers are missing', async () => {
    const seed = await plainNode()
    const node = await keeping({ target: 1, configured: [{ addresses: [addressOf(seed)], persistence: 'seed' }] })
    const { detail } = await nextEvent<PeerKeeperEvents['seed']>(node.services.keeper, 'seed')
    expect(detail.connection.remotePeer.equals(seed.peerId)).toBe(true)
    node.services.keeper.release(seed.peerId)
    await until(() => node.services.keeper.peerCount === 0)
  })

  it('takes over the signed record of a peer that has dialled it', async () => {
    const [node, other] = await Promise.all([keeping({ target: 0 }), plainNode()])
    await other.dial(addressOf(node))
    await until(() => node.book.get(other.peerId) != null)
    const entry = node.book.get(other.peerId)
    expect(entry?.seq).toBeTypeOf('bigint')
    expect(entry?.addresses).toMatchObject([{ certified: true, text: addressOf(other).decapsulate('/p2p').toString() }])
  })

  it('does not keep for long what libp2p writes down of a stranger, though it comes after the stranger has gone', async () => {
    const clock = new FakeClock()
    const [node, stranger] = [await keeping({ clock, target: 0, tick: 1_000 }), await makePeerId()]
    await node.peerStore.merge(stranger, { protocols: ['/late/1.0.0'] })
    clock.tick(71_000)
    await until(async () => !(await node.peerStore.has(stranger)))
  })

  it('forgets a peer, and what is stored about it, when told to', async () => {
    const [node, stranger] = [await keeping({ target: 0 }), await makePeerId()]
    node.services.keeper.addCandidate({ id: stranger, multiaddrs: [at(1)], source: 'pex' })
    expect(node.book.get(stranger)).toBeDefined()
    expect(await node.services.keeper.forget(stranger)).toBe(true)
    expect(await node.peerStore.has(stranger)).toBe(false)
    expect(node.book.get(stranger)).toBeUndefined()
  })
})

describe('a damaged address book', () => {
  it('names an id that is none: it is not dialled, is forgotten, and does no harm', async () => {
    const clock = new FakeClock()
    const { keeper, book, dials } = alone(clock)
    const id = `12D3KooW${'x'.repeat(44)}`
    book.add({ id, multiaddrs: [at(1)], source: 'pex', sourceGroup: 'x' })
    keeper.start()
    await clock.tickAsync(1_000)
    expect([dials, book.size]).toEqual([[], 0])
    keeper.noteRemoved(id)
    keeper.stop()
  })
})
