import { UnsupportedProtocolError, type Connection } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { FakeClock, until } from '@penin/testing'
import { MemoryDatastore } from 'datastore-core'
import type { Libp2p } from 'libp2p'
import { describe, expect, it } from 'vitest'
import { broadcast, type Broadcast, type BroadcastInit } from '../src/broadcast/index.js'
import { Introductions } from '../src/broadcast/introductions.js'
import { caster, link, subscribersKnown, TOPIC, type Caster } from './broadcast-support.js'
import { plainNode } from './support.js'

const LAZY = { start: 'first-use' } as const

const spoken = (node: Libp2p): string[] => node.getProtocols().filter((name) => name.startsWith('/meshsub/'))

/** Streams of GossipSub that a node has with all its peers, each way. */
const streams = (node: Libp2p): number =>
  node
    .getConnections()
    .flatMap(({ streams }) => streams)
    .filter(({ protocol }) => protocol.startsWith('/meshsub/')).length

async function lazyPair(a: Partial<BroadcastInit> = {}, b: Partial<BroadcastInit> = LAZY): Promise<[Caster, Caster]> {
  const casters = [await caster({ ...LAZY, ...a }), await caster(b)] as [Caster, Caster]
  await link(casters[0].node, casters[1].node)
  await identified(casters[0].node, casters[1].node)
  return casters
}

/** Both ends know what the other one speaks: nothing more will be told by itself. */
async function identified(a: Libp2p, b: Libp2p): Promise<void> {
  const knows = async (node: Libp2p, of: Libp2p): Promise<boolean> =>
    (await node.peerStore.get(of.peerId)).metadata.has('AgentVersion')
  await until(async () => (await knows(a, b)) && (await knows(b, a)))
}

/** Each got this and nothing else; a copy would have come with the last message at the latest. */
async function gotOnce(casters: Caster[], texts: string[]): Promise<void> {
  await until(() => casters.every(({ got }) => got.length >= texts.length), {
    message: () => `got: ${casters.map((one) => one.texts().join(',')).join(' | ')}`
  })
  for (const one of casters) {
    expect(one.texts().toSorted()).toEqual(texts.toSorted())
  }
}

describe('a node whose broadcast starts with its first use', () => {
  it('speaks nothing of GossipSub before that, neither to a peer that does nor to one that does not', async () => {
    const [a, b] = await lazyPair()
    const running = await caster()
    running.listen()
    await link(running.node, a.node)
    await link(b.node, running.node)
    await identified(a.node, running.node)
    await identified(b.node, running.node)
    for (const { node, broadcast: service } of [a, b]) {
      expect([spoken(node), streams(node)]).toEqual([[], 0])
      expect(service.stats()).toMatchObject({ peers: 0, subscriptions: {}, pending: 0 })
      expect(spoken(node)).toEqual([]) // nor because of a look at the statistics
    }
    expect(streams(running.node)).toBe(0)
  })

  it('refuses what is wrong with a message without starting', async () => {
    const a = await caster({ ...LAZY, limits: { maxMessageBytes: 10 } })
    await expect(a.broadcast.publish('no topic', 'x')).rejects.toMatchObject({ name: 'InvalidArgumentError' })
    await expect(a.broadcast.publish(TOPIC, 'x'.repeat(11))).rejects.toMatchObject({ name: 'BroadcastTooLongError' })
    const signal = AbortSignal.abort('no')
    await expect(a.broadcast.publish(TOPIC, 'x', { signal })).rejects.toBe('no')
    expect(() => a.broadcast.subscribers('no topic')).toThrow('topic')
    expect(spoken(a.node)).toEqual([])
  })

  it('finds nobody where nobody speaks it, at once', async () => {
    const [a] = await lazyPair({ clock: new FakeClock() })
    await expect(a.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'NoSubscribersError' })
    expect(spoken(a.node)).toHaveLength(3)
    expect(streams(a.node)).toBe(0)
  })

  it('starts when it is asked for subscribers, who are there soon after', async () => {
    const [a, b] = await lazyPair()
    b.listen()
    await subscribersKnown([a], [1])
  })
})

describe('the first use, with peers that are connected already,', () => {
  it('of a publisher reaches those that have subscribed long ago, each once, with the first message', async () => {
    const subscribers = [await caster(), await caster(LAZY), await caster(LAZY)]
    for (const { listen } of subscribers) {
      listen()
    }
    const publisher = await caster(LAZY)
    const bystander = await caster(LAZY)
    for (const { node } of [...subscribers, bystander]) {
      await link(publisher.node, node)
      await identified(publisher.node, node)
    }
    expect(streams(publisher.node)).toBe(0)
    expect(await publisher.broadcast.publish(TOPIC, 'one')).toEqual({ recipients: 3 })
    await publisher.broadcast.publish(TOPIC, 'two')
    await gotOnce(subscribers, ['one', 'two'])
    expect([spoken(bystander.node), streams(bystander.node)]).toEqual([[], 0])
  })

  it('of a subscriber is heard of by a publisher that runs long since', async () => {
    const [a, b] = await lazyPair()
    await a.broadcast.publish(TOPIC, 'nobody is there', { allowNoSubscribers: true })
    b.listen()
    await until(() => a.broadcast.subscribers(TOPIC).length === 1)
    expect(await a.broadcast.publish(TOPIC, 'one')).toEqual({ recipients: 1 })
    await a.broadcast.publish(TOPIC, 'two')
    await until(() => b.got.length >= 2)
    expect(b.texts().filter((text) => text !== 'nobody is there')).toEqual(['one', 'two'])
    await until(() => streams(a.node) === 2 && streams(b.node) === 2)
  })

  it('of both at the same time, before they are done with identify and after, many times over', async () => {
    for (let round = 0; round < 20; round++) {
      const [a, b] = [await caster(LAZY), await caster(LAZY)]
      await link(a.node, b.node)
      if (round % 2 === 0) {
        await identified(a.node, b.node)
      }
      b.listen()
      const first = a.broadcast.publish(TOPIC, 'first').catch(() => a.broadcast.publish(TOPIC, 'first'))
      const second = a.broadcast.publish(TOPIC, 'second').catch(() => a.broadcast.publish(TOPIC, 'second'))
      expect(await Promise.all([first, second])).toEqual([{ recipients: 1 }, { recipients: 1 }])
      await gotOnce([b], ['first', 'second'])
      await Promise.all([a.node.stop(), b.node.stop()])
    }
  })

  it('of a peer that refuses a stream and starts in the same moment is not missed', async () => {
    const [a, b] = await lazyPair({ clock: new FakeClock() })
    const [connection] = a.node.getConnections() as [Connection]
    const newStream = connection.newStream.bind(connection)
    let refusals = 0
    connection.newStream = async (...request) => {
      if (refusals > 0) {
        return newStream(...request)
      }
      refusals++
      b.listen()
      await until(() => streams(a.node) === 1) // its stream is there, and its refusal still under way
      throw new UnsupportedProtocolError('not yet')
    }
    expect(await a.broadcast.publish(TOPIC, 'hi')).toEqual({ recipients: 1 })
    expect(refusals).toBe(1)
    await gotOnce([b], ['hi'])
  })

  it('of a peer that is still about to start is not missed', async () => {
    const [a, b] = await lazyPair({ clock: new FakeClock() }, { ...LAZY, clock: new FakeClock() })
    const { registrar } = (b.node as unknown as { components: { registrar: Registrar } }).components
    const handle = registrar.handle.bind(registrar)
    registrar.handle = async (protocol, ...rest) => {
      await handle(protocol, ...rest)
      await until(() => streams(b.node) === 1) // a peer is quicker than the disk
    }
    b.listen()
    expect(await a.broadcast.publish(TOPIC, 'hi')).toEqual({ recipients: 1 })
    await gotOnce([b], ['hi'])
  })

  it('of a peer whose identify comes late, from before it, is no end of its streams; that it goes is', async () => {
    const [a, b] = await lazyPair()
    b.listen()
    await subscribersKnown([a], [1])
    const before = a.node.getConnections().flatMap(({ streams }) => streams)
    await a.node.peerStore.patch(b.id, { protocols: ['/ipfs/id/1.0.0'] })
    await new Promise(setImmediate)
    expect(a.broadcast.subscribers(TOPIC)).toHaveLength(1)
    expect(before.filter(({ status }) => status !== 'open')).toEqual([])
    expect(await a.broadcast.publish(TOPIC, 'hi')).toEqual({ recipients: 1 })
    await b.node.stop()
    await subscribersKnown([a], [0])
  })

  it('of all in a row of nodes forms meshes that pass messages on', async () => {
    const casters = await Promise.all(Array.from({ length: 4 }, async () => caster(LAZY)))
    for (const [index, { node }] of casters.entries()) {
      const next = casters[index + 1]
      if (next !== undefined) {
        await link(node, next.node)
        await identified(node, next.node)
      }
    }
    for (const { listen } of casters) {
      listen()
    }
    await subscribersKnown(casters, [1, 2, 2, 1])
    const [first] = casters as [Caster]
    await until(() => casters.every(({ broadcast: b }) => b.stats().subscriptions[TOPIC]?.mesh !== 0))
    await first.broadcast.publish(TOPIC, 'one')
    await first.broadcast.publish(TOPIC, 'two')
    await gotOnce(casters.slice(1), ['one', 'two'])
  })

  it('publishes right after it has subscribed', async () => {
    const [a, b] = await lazyPair()
    b.listen()
    await until(() => spoken(b.node).length === 3)
    a.listen()
    expect(await a.broadcast.publish(TOPIC, 'hi')).toEqual({ recipients: 1 })
    await gotOnce([b], ['hi'])
    expect(a.got).toEqual([])
    await subscribersKnown([b], [1])
  })

  it('waits for no peer that has nothing to tell, and says so itself', async () => {
    const clock = new FakeClock()
    const [a, b] = await lazyPair({ clock }, {}) // b runs, and has subscribed to nothing
    await expect(a.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'NoSubscribersError' })
    expect([streams(a.node), streams(b.node)]).toEqual([2, 2])
    expect([...a.reporter.reports, ...b.reporter.reports]).toEqual([])
  })
})

describe('peers that do not say what they have subscribed to', () => {
  it('are waited for, but not for ever, and not after the end of the signal', async () => {
    const clock = new FakeClock()
    const a = await caster({ ...LAZY, clock })
    const silent = await plainNode()
    await silent.handle('/meshsub/1.2.0', () => undefined)
    await link(a.node, silent)
    await identified(a.node, silent)

    const signal = new AbortController()
    const aborted = a.broadcast.publish(TOPIC, 'x', { signal: signal.signal })
    const waiting = a.broadcast.publish(TOPIC, 'x')
    const outcomes = Promise.allSettled([aborted, waiting])
    await until(() => streams(a.node) === 1)
    signal.abort('enough')
    await expect(aborted).rejects.toBe('enough')
    expect(await Promise.race([waiting, Promise.resolve('waits')])).toBe('waits')
    clock.tick(3_000)
    expect((await outcomes)[1]).toMatchObject({ reason: { name: 'NoSubscribersError' } })
    await expect(a.broadcast.publish(TOPIC, 'y')).rejects.toMatchObject({ name: 'NoSubscribersError' }) // at once
  })

  it('are given up when they go, or when the service stops', async () => {
    const clock = new FakeClock()
    const introductions = new Introductions(clock)
    introductions.begin([])
    expect(introductions.isWaiting).toBe(false)
    introductions.begin(['a', 'b', 'a'])
    introductions.done('a')
    introductions.done('stranger')
    expect(introductions.isWaiting).toBe(true)
    const over = introductions.over()
    introductions.done('b')
    await over
    introductions.begin(['c'])
    const ended = introductions.over()
    introductions.end()
    await ended
    await introductions.over()
    expect(clock.pending()).toEqual(0)
  })
})

describe('a stop', () => {
  it('while the first use starts leaves nothing behind, and whoever waits is told', async () => {
    const [a, b] = await lazyPair()
    b.listen()
    const publishing = Promise.allSettled([a.broadcast.publish(TOPIC, 'x'), a.broadcast.publish(TOPIC, 'y')])
    const stopped = a.broadcast.stop()
    for (const outcome of await publishing) {
      expect(outcome).toMatchObject({ reason: { name: 'NotRunningError' } })
    }
    await stopped
    await until(() => streams(a.node) === 0)
    expect(spoken(a.node)).toEqual([])
    await expect(a.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'NotRunningError' })
    expect(a.broadcast.subscribers(TOPIC)).toEqual([])
    expect(spoken(a.node)).toEqual([])
  })

  it('while peers are waited for ends the wait', async () => {
    const a = await caster({ ...LAZY, clock: new FakeClock() })
    const silent = await plainNode()
    await silent.handle('/meshsub/1.2.0', () => undefined)
    await link(a.node, silent)
    await identified(a.node, silent)
    const publishing = Promise.allSettled([a.broadcast.publish(TOPIC, 'x')])
    await until(() => streams(a.node) === 1)
    await a.broadcast.stop()
    expect(await publishing).toMatchObject([{ reason: { name: 'NotRunningError' } }])
  })

  it('after all has been unsubscribed, and one right after both, is no different', async () => {
    const [a, b] = await lazyPair()
    b.listen()
    await subscribersKnown([a], [1])
    const c = await caster(LAZY)
    c.listen()()
    await c.broadcast.stop()
    expect(spoken(c.node)).toEqual([])
    const end = a.listen()
    await subscribersKnown([b], [1])
    end()
    await subscribersKnown([b], [0])
    await a.broadcast.stop()
    expect(spoken(a.node)).toEqual([])
  })

  it('and a start again bring back what is subscribed to, and nothing else', async () => {
    const [a, b] = await lazyPair()
    b.listen()
    await a.broadcast.publish(TOPIC, 'one')
    await gotOnce([b], ['one'])
    await Promise.all([a.broadcast.stop(), b.broadcast.stop()])
    await until(() => streams(a.node) === 0)
    await Promise.all([a.broadcast.start(), b.broadcast.start()])
    expect([spoken(a.node).length, spoken(b.node).length]).toEqual([0, 3])
    expect(await a.broadcast.publish(TOPIC, 'two')).toEqual({ recipients: 1 })
    await gotOnce([b], ['one', 'two'])
  })
})

describe('a start', () => {
  it('takes what was subscribed to before with it', async () => {
    const node = await plainNode({
      start: false,
      services: { early: broadcast({ networkId: 'test', ...LAZY }), late: () => ({}) }
    })
    const early = (node.services as unknown as { early: Broadcast }).early
    await expect(early.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'NotRunningError' })
    expect(early.subscribers(TOPIC)).toEqual([])
    early.subscribe('other', () => undefined)()
    early.subscribe(TOPIC, () => undefined)
    expect(spoken(node)).toEqual([])
    await node.start()
    expect(spoken(node)).toHaveLength(3)
  })

  it('does not claim what a run that has crashed has spoken', async () => {
    const services = { lazy: broadcast({ networkId: 'test', ...LAZY }) }
    const node = await plainNode({ start: false, datastore: new MemoryDatastore(), services })
    await node.peerStore.merge(node.peerId, { protocols: ['/meshsub/1.1.0', '/meshsub/1.2.0'] })
    await node.start()
    const other = await caster()
    await link(other.node, node)
    await identified(other.node, node)
    const { protocols } = await other.node.peerStore.get(node.peerId)
    expect(protocols).toContain('/ipfs/id/1.0.0')
    expect(protocols.join()).not.toContain('/meshsub/')
  })

  it('that fails takes back what is registered, is told, and can be tried again', async () => {
    const [a, b] = await lazyPair()
    b.listen()
    await subscribersKnown([a], [1])
    const c = await caster(LAZY)
    await link(c.node, b.node)
    await identified(c.node, b.node)
    await c.node.handle('/meshsub/1.1.0', () => undefined) // somebody was first
    await expect(c.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({
      name: 'PublishFailedError',
      cause: { name: 'DuplicateProtocolHandlerError' }
    })
    expect(spoken(c.node)).toEqual(['/meshsub/1.1.0'])
    c.listen()
    await c.node.unhandle('/meshsub/1.1.0')
    expect(await c.broadcast.publish(TOPIC, 'y')).toEqual({ recipients: 1 })
    await gotOnce([b], ['y'])
  })
})
