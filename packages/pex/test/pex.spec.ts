import type { Libp2pEvents, PeerId } from '@libp2p/interface'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import type { Candidate } from '@penin/interface'
import { lifecycleCompliance, nextEvent, until } from '@penin/testing'
import { TypedEventEmitter } from 'main-event'
import { describe, expect, it } from 'vitest'
import { pex, PEX_PROTOCOL, type PexComponents } from '../src/index.js'
import {
  crowd,
  dial,
  exchanger,
  passUntil,
  plainNode,
  shared,
  somebody,
  untilKnown,
  type Exchanger
} from './support.js'

const self = await somebody()

lifecycleCompliance(
  'pex',
  (clock) => {
    const events = new TypedEventEmitter<Libp2pEvents>()
    let handlers = 0
    const components: PexComponents = {
      events,
      peerId: self.id,
      privateKey: self.key,
      peerStore: {} as PexComponents['peerStore'],
      addressManager: { getAddresses: () => [] },
      connectionManager: { getConnections: () => [] },
      registrar: { handle: async () => void handlers++, unhandle: async () => void handlers-- }
    }
    const names = ['peer:identify', 'self:peer:update']
    return {
      service: pex({ clock })(components),
      held: () => handlers + names.reduce((sum, name) => sum + events.listenerCount(name), 0)
    }
  },
  { describe, it }
)

const told = ({ sink }: Exchanger): PeerId[] => sink.candidates.map(({ id }) => id)
const addressesOf = (candidate: Candidate | undefined): string[] => candidate?.multiaddrs.map(String) ?? []

describe('peer exchange between two libp2p nodes', () => {
  it('tells the asker of peers, and the asked one of the asker', async () => {
    const [a, b] = await Promise.all([exchanger(), exchanger()])
    const peers = await crowd(5)
    b.source.records = await shared(peers)
    await dial(a.node, b.node)
    expect(await a.service.ask(b.node.peerId)).toEqual({ received: 5, taken: 5 })
    expect(told(a).map(String).sort()).toEqual(peers.map(({ id }) => id.toString()).sort())
    expect(a.sink.candidates[0]).toMatchObject({ source: 'pex' })
    expect(a.sink.candidates[0]?.observed?.toString()).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\//)
    await until(() => b.sink.candidates.length === 1)
    expect(told(b)).toEqual([a.node.peerId])
    expect(addressesOf(b.sink.candidates[0])).toEqual(
      a.node.getMultiaddrs().map((address) => address.toString().replace(/\/p2p\/.*/, ''))
    )
    const { envelope, seq } = b.sink.candidates[0]?.record ?? { envelope: new Uint8Array(), seq: 0n }
    const record = PeerRecord.createFromProtobuf(
      (await RecordEnvelope.openAndCertify(envelope, PeerRecord.DOMAIN)).payload
    )
    expect([record.peerId.toString(), record.seqNumber]).toEqual([a.node.peerId.toString(), seq])
    expect(a.service.stats()).toMatchObject({ asked: 1, answers: 1, received: 5, taken: 5, answered: 0 })
    expect(b.service.stats()).toMatchObject({ asked: 0, answered: 1, told: 5, taken: 1, answersMade: 1 })
    expect([...a.reporter.reports, ...b.reporter.reports]).toEqual([])
  })

  it('tells no more than is wanted, and not of the asker', async () => {
    const [a, b] = await Promise.all([exchanger(), exchanger()])
    const me = (await exchanger()).node
    await dial(a.node, b.node)
    await dial(me, b.node)
    await until(() => b.node.getPeers().length === 2)
    await untilKnown(b.node, a.node)
    const own = async (peer: PeerId): Promise<Uint8Array> =>
      (await b.node.peerStore.get(peer)).peerRecordEnvelope ?? new Uint8Array()
    b.source.records = [{ id: a.node.peerId, envelope: await own(a.node.peerId) }, ...(await shared(await crowd(20)))]
    b.source.size = 100
    expect(await a.service.ask(b.node.peerId, { want: 3 })).toEqual({ received: 3, taken: 3 })
    expect(told(a).some((id) => id.equals(a.node.peerId))).toBe(false)
  })

  it('works both ways at once', async () => {
    const [a, b] = await Promise.all([exchanger(), exchanger()])
    a.source.records = await shared(await crowd(3))
    b.source.records = await shared(await crowd(4))
    await dial(a.node, b.node)
    await until(() => b.node.getPeers().length === 1)
    const results = await Promise.all([a.service.ask(b.node.peerId), b.service.ask(a.node.peerId)])
    expect(results.map(({ taken }) => taken)).toEqual([4, 3])
  })

  it('leaves nothing behind: no timer, no stream', async () => {
    const [a, b] = await Promise.all([exchanger(), exchanger()])
    await dial(a.node, b.node)
    const before = [a.clock.pending(), b.clock.pending()]
    await a.service.ask(b.node.peerId)
    await until(() => b.sink.candidates.length === 1)
    const streams = (): number =>
      [a, b].flatMap(({ node }) => node.getConnections()).flatMap(({ streams: all }) => all).length
    await until(() => streams() === 0)
    await until(() => b.clock.pending() === before[1])
    expect(a.clock.pending()).toBe(before[0])
  })
})

describe('in a plain libp2p node, without any options', () => {
  it('makes known to each other those who only share a third one, which can then be dialled', async () => {
    const nodes = await Promise.all(Array.from({ length: 3 }, async () => plainNode({ pex: pex() })))
    const [a, b, c] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]]
    await dial(c, b)
    await untilKnown(b, c)
    const discovered = nextEvent<CustomEvent<{ id: PeerId }>>(a, 'peer:discovery', {
      filter: ({ detail }) => detail.id.equals(c.peerId)
    })
    await dial(a, b)
    await discovered
    const connection = await a.dial(c.peerId)
    expect(connection.remotePeer.equals(c.peerId)).toBe(true)
    expect(a.services.pex.stats()).toMatchObject({ asked: 1, answers: 1 })
  })
})

describe('asking by itself', () => {
  it('begins as soon as there is somebody to ask', async () => {
    const [a, b] = await Promise.all([exchanger({ wants: () => 5 }), exchanger()])
    b.source.records = await shared(await crowd(2))
    await a.clock.tickAsync(5_000) // the first look has found nobody
    await dial(a.node, b.node)
    await untilKnown(a.node, b.node)
    await passUntil(a.clock, () => a.sink.candidates.length === 2)
    expect(a.service.stats().asked).toBe(1)
  })

  it('asks each peer once in ten minutes, one after the other, and those who came later as well', async () => {
    const a = await exchanger({ wants: () => 5 })
    const others = await Promise.all(Array.from({ length: 3 }, async () => exchanger()))
    const meet = async (other: Exchanger | undefined): Promise<void> => {
      if (other != null) {
        await dial(a.node, other.node)
        await untilKnown(a.node, other.node)
      }
    }
    const answered = (): number => others.reduce((sum, { service }) => sum + service.stats().answered, 0)
    const idle = async (ms: number): Promise<void> => {
      const end = a.clock.monotonic() + ms
      await passUntil(a.clock, () => a.clock.monotonic() >= end)
    }
    await meet(others[0])
    await meet(others[1])
    await passUntil(a.clock, () => answered() === 2)
    const since = a.clock.monotonic()
    await meet(others[2])
    await passUntil(a.clock, () => answered() === 3)
    await idle(100_000)
    expect(others.map(({ service }) => service.stats().answered)).toEqual([1, 1, 1])
    a.clock.tick(since + 590_000 - a.clock.monotonic())
    expect(a.service.stats().asked).toBe(3)
    await passUntil(a.clock, () => answered() === 6)
    expect(others.map(({ service }) => service.stats().answered)).toEqual([2, 2, 2])
  })

  it('A14: asks those it has dialled first, however many have come by themselves', async () => {
    let isOpen = false
    const a = await exchanger({ wants: () => (isOpen ? 5 : 0), isPeer: () => isOpen })
    const came = await Promise.all(Array.from({ length: 4 }, async () => exchanger()))
    const chosen = await exchanger()
    await Promise.all(came.map(async ({ node }) => dial(node, a.node)))
    await dial(a.node, chosen.node)
    await Promise.all([...came, chosen].map(async ({ node }) => untilKnown(a.node, node)))
    isOpen = true
    await passUntil(a.clock, () => a.service.stats().answers === 1)
    expect(chosen.service.stats().answered).toBe(1)
    await passUntil(a.clock, () => a.service.stats().answers === 5) // and then the others as well
  })

  it('asks nobody who does not speak the protocol, or has not been introduced', async () => {
    const greeted = new Set<string>()
    const a = await exchanger({ wants: () => 5, isPeer: (id) => greeted.has(id.toString()) })
    const [b, stranger] = await Promise.all([exchanger(), plainNode({})])
    await dial(a.node, stranger)
    await dial(a.node, b.node)
    await untilKnown(a.node, b.node)
    await a.clock.tickAsync(60_000)
    expect(a.service.stats()).toMatchObject({ asked: 0, askFailures: { failed: 0 } })
    greeted.add(b.node.peerId.toString())
    await passUntil(a.clock, () => a.service.stats().answers === 1)
  })

  it('keeps its book fresh, rarely, when it wants nobody', async () => {
    const [a, b] = await Promise.all([exchanger(), exchanger()])
    await dial(a.node, b.node)
    await untilKnown(a.node, b.node)
    await passUntil(a.clock, () => a.service.stats().answers === 1)
    a.clock.tick(530_000)
    expect(a.service.stats().asked).toBe(1)
    const later = await passUntil(a.clock, () => a.service.stats().answers === 2)
    expect(later).toBeLessThan(170_000)
  })
})

describe('what a node says of itself', () => {
  const addresses = ['/ip4/127.0.0.1/tcp/1', '/ip4/192.168.1.5/tcp/1', '/ip4/203.0.113.9/tcp/1', '/ip6/fe80::1/tcp/1']

  it.each<[string, string[]]>([
    ['/ip4/127.0.0.1/tcp/5', addresses.slice(0, 3)],
    ['/ip4/192.168.1.9/tcp/5', addresses.slice(1, 3)],
    ['/ip4/198.51.100.9/tcp/5', addresses.slice(2, 3)]
  ])('to a peer at %s is only what it may know', async (remote, expected) => {
    const [a, b] = [await exchanger({}, { addresses, remote }), await exchanger()]
    await dial(a.node, b.node)
    await a.service.ask(b.node.peerId)
    await until(() => b.sink.candidates.length === 1)
    expect(addressesOf(b.sink.candidates[0])).toEqual(expected)
  })

  it('is nothing if none of its addresses is for that peer', async () => {
    const pretence = { addresses: addresses.slice(0, 2), remote: '/ip4/198.51.100.9/tcp/5' }
    const [a, b] = [await exchanger({}, pretence), await exchanger()]
    await dial(a.node, b.node)
    await a.service.ask(b.node.peerId)
    await until(() => b.service.stats().answered === 1)
    expect([b.sink.candidates, b.service.stats().dropped.scope]).toEqual([[], 0])
  })

  it('is cut to sixteen addresses and fits into a record, however many there are', async () => {
    const name = Array<string>(3).fill('x'.repeat(60)).join('.')
    const long = Array.from({ length: 100 }, (_, i) => `/dns4/${name}.example.com/tcp/${i + 1}`)
    const many = Array.from({ length: 100 }, (_, i) => `/ip4/203.0.113.9/tcp/${i + 1}`)
    for (const [all, count] of [[many, 16] as const, [long, 8] as const]) {
      const [a, b] = [await exchanger({}, { addresses: all }), await exchanger()]
      await dial(a.node, b.node)
      await a.service.ask(b.node.peerId)
      await until(() => b.sink.candidates.length === 1)
      expect(addressesOf(b.sink.candidates[0])).toEqual(all.slice(0, count))
    }
  })

  it('reaches those who have heard something else before, when its addresses change, each at most once in 10 minutes', async () => {
    const [a, b] = [await exchanger({}, { addresses: ['/ip4/127.0.0.1/tcp/1'] }), await exchanger()]
    await dial(a.node, b.node)
    await a.service.ask(b.node.peerId)
    await until(() => b.sink.candidates.length === 1)
    a.moved() // libp2p says so whenever anything about us changes
    await a.clock.tickAsync(4_000)
    expect(b.sink.candidates).toHaveLength(1)
    const move = (port: number): void => {
      a.pretence.addresses = [`/ip4/127.0.0.1/tcp/${port}`]
      a.moved()
    }
    move(2)
    await passUntil(a.clock, () => b.sink.candidates.length === 2)
    expect(addressesOf(b.sink.candidates[1])).toEqual(['/ip4/127.0.0.1/tcp/2'])
    expect((b.sink.candidates[1]?.record?.seq ?? 0n) > (b.sink.candidates[0]?.record?.seq ?? 0n)).toBe(true)
    for (let port = 3; port < 50; port++) {
      move(port)
      await a.clock.tickAsync(5_000)
    }
    expect(b.sink.candidates).toHaveLength(2)
    a.clock.tick(340_000)
    await passUntil(a.clock, () => b.sink.candidates.length === 3)
    expect(addressesOf(b.sink.candidates[2])).toEqual(['/ip4/127.0.0.1/tcp/49'])
    expect(a.service.stats().pushed).toBeGreaterThanOrEqual(1)
    expect(b.service.stats().refused).toMatchObject({ 'too-soon': 0, flood: 0 })
  })

  it('is never told to be older than before, though the wall clock jumps back', async () => {
    const a = await exchanger({}, { addresses: ['/ip4/127.0.0.1/tcp/1'] })
    const others = await Promise.all(Array.from({ length: 3 }, async () => exchanger()))
    const seqs: bigint[] = []
    for (const other of others) {
      await dial(a.node, other.node)
      await a.service.ask(other.node.peerId)
      await until(() => other.sink.candidates.length === 1)
      seqs.push(other.sink.candidates[0]?.record?.seq ?? 0n)
      a.clock.jump(-86_400_000)
      await a.clock.tickAsync(61_000)
    }
    expect(seqs[1]).toBe((seqs[0] ?? 0n) + 1n)
    expect(seqs[2]).toBe((seqs[0] ?? 0n) + 2n)
  })
})

describe('ask()', () => {
  it('says why it can not', async () => {
    const greeted = new Set<string>()
    const a = await exchanger({ isPeer: async (id) => Promise.resolve(greeted.has(id.toString())) })
    const [b, stranger] = await Promise.all([exchanger(), plainNode({})])
    const peer = b.node.peerId.toString()
    const failing = async (...args: Parameters<typeof a.service.ask>): Promise<unknown> =>
      a.service.ask(...args).then(
        () => undefined,
        (error: unknown) => error
      )
    expect(await failing(b.node.peerId)).toMatchObject({ name: 'PexNotConnectedError', peer })
    await dial(a.node, b.node)
    await dial(a.node, stranger)
    expect(await failing(b.node.peerId)).toMatchObject({ name: 'PexStrangerError', peer })
    greeted.add(peer)
    greeted.add(stranger.peerId.toString())
    expect(await failing(b.node.peerId, { want: 65 })).toMatchObject({ name: 'PexInvalidError', field: 'want' })
    expect(await failing(b.node.peerId, { signal: AbortSignal.abort(new RangeError('no')) })).toMatchObject({
      message: 'no'
    })
    expect(await failing(stranger.peerId)).toMatchObject({ name: 'PexFailedError' })
    expect(await failing(stranger.peerId)).toMatchObject({ name: 'PexFailedError' }) // it has never been asked
    await a.service.ask(b.node.peerId)
    expect(await failing(b.node.peerId)).toMatchObject({ name: 'PexAskedLatelyError', peer, retryAfter: 600_000 })
    await a.node.stop()
    expect(await failing(b.node.peerId)).toMatchObject({ name: 'NotRunningError' })
    expect(a.service.stats()).toMatchObject({ asked: 1, askFailures: { failed: 2 } })
  })

  it('does not use up what a relay allows', async () => {
    const [a, b] = [await exchanger({ wants: () => 5 }, { limited: true }), await exchanger()]
    await dial(a.node, b.node)
    await untilKnown(a.node, b.node)
    await expect(a.service.ask(b.node.peerId)).rejects.toMatchObject({ name: 'PexNotConnectedError' })
    await a.clock.tickAsync(60_000)
    expect(a.service.stats().asked).toBe(0)
  })

  it('ends with the node that is stopped, and with its signal', async () => {
    const [a, b, deaf] = await Promise.all([exchanger(), exchanger(), plainNode({})])
    await deaf.handle(PEX_PROTOCOL, () => {})
    await dial(a.node, deaf)
    await dial(b.node, deaf)
    const controller = new AbortController()
    const first = a.service.ask(deaf.peerId, { signal: controller.signal })
    const second = b.service.ask(deaf.peerId)
    const outcomes = Promise.allSettled([first, second])
    await until(() => a.service.stats().asked + b.service.stats().asked === 2)
    controller.abort(new RangeError('changed my mind'))
    await b.node.stop()
    expect(await outcomes).toMatchObject([
      { reason: { message: 'changed my mind' } },
      { reason: { name: 'NotRunningError' } }
    ])
  })
})
