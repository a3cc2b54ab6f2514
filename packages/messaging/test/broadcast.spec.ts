import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { until } from '@penin/testing'
import { createLibp2p } from 'libp2p'
import { expect, it, vi } from 'vitest'
import { broadcast, type BroadcastMessage } from '../src/broadcast/index.js'
import { caster, link, row, rsaKey, subscribersKnown, TOPIC, type Caster } from './broadcast-support.js'
import { plainNode } from './support.js'

/** Waits until nothing of what was published is on its way any more: everybody has had as many as everybody else. */
async function allGot(casters: Caster[], count: number): Promise<void> {
  await until(() => casters.every(({ got }) => got.length >= count), {
    message: () => `messages: ${casters.map(({ got }) => got.length).join(' ')}, ${count} each`
  })
}

it('works in a plain libp2p node', async () => {
  const make = async () =>
    createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), broadcast: broadcast({ networkId: 'plain' }) }
    })
  const [a, b] = await Promise.all([make(), make()])
  const got = Promise.withResolvers<BroadcastMessage>()
  b.services.broadcast.subscribe('hello', got.resolve)
  await a.dial(b.getMultiaddrs())
  await until(() => a.services.broadcast.subscribers('hello').length === 1)
  expect(await a.services.broadcast.publish('hello', { greeting: 'hi' })).toEqual({ recipients: 1 })
  const message = await got.promise
  expect(message.json()).toEqual({ greeting: 'hi' })
  expect(message.from.equals(a.peerId)).toBe(true)
  await Promise.all([a.stop(), b.stop()])
})

it('gives each message to each subscriber exactly once, in a ring of eight with chords', async () => {
  const casters = await row(8)
  for (const { listen } of casters) {
    listen()
  }
  const at = (index: number): Caster => casters[index] as Caster
  await link(at(7).node, at(0).node)
  await link(at(0).node, at(4).node)
  await link(at(2).node, at(6).node)
  await subscribersKnown(casters, [3, 2, 3, 2, 3, 2, 3, 2])
  const sent: string[] = []
  for (let round = 0; round < 10; round++) {
    for (const [index, { broadcast: b }] of casters.entries()) {
      sent.push(`${index}/${round}`)
      await b.publish(TOPIC, `${index}/${round}`)
    }
  }
  await allGot(casters, 70)
  for (const [index, { texts, broadcast: b, reporter }] of casters.entries()) {
    const expected = sent.filter((text) => !text.startsWith(`${index}/`))
    expect(texts().toSorted()).toEqual(expected.toSorted())
    const { total, topics, subscriptions } = b.stats()
    expect(total).toMatchObject({ published: 10, delivered: 70, dropped: {} })
    expect(total.duplicates).toBeGreaterThan(0)
    expect(topics[TOPIC]).toEqual(total)
    expect(subscriptions[TOPIC]?.mesh).toBeGreaterThan(0)
    expect(reporter.reports).toEqual([])
  }
})

it('carries text, JSON and bytes, from nothing to the longest', async () => {
  const [a, b] = (await row(2, [
    { limits: { maxMessageBytes: 100_000 } },
    { limits: { maxMessageBytes: 100_000 } }
  ])) as [Caster, Caster]
  b.listen()
  await subscribersKnown([a], [1])
  const longest = new Uint8Array(100_000).fill(7)
  for (const payload of ['', 'ü', { a: [1] }, Uint8Array.of(0), longest]) {
    await a.broadcast.publish(TOPIC, payload)
  }
  await allGot([b], 5)
  const [empty, umlaut, json, byte, long] = b.got as [
    BroadcastMessage,
    BroadcastMessage,
    BroadcastMessage,
    BroadcastMessage,
    BroadcastMessage
  ]
  expect(empty.bytes).toHaveLength(0)
  expect(umlaut.text()).toBe('ü')
  expect(json.json()).toEqual({ a: [1] })
  expect([...byte.bytes]).toEqual([0])
  expect(Buffer.compare(long.bytes, longest)).toBe(0)
  expect(new Set(b.got.map(({ id }) => id)).size).toBe(5)
  await expect(a.broadcast.publish(TOPIC, new Uint8Array(100_001))).rejects.toMatchObject({
    name: 'BroadcastTooLongError',
    length: 100_001,
    max: 100_000
  })
})

it('refuses what it can not do with typed errors', async () => {
  const a = await caster({ limits: { topics: 2, messagesPerSecond: 1 } })
  await expect(a.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'NoSubscribersError', topic: TOPIC })
  expect(await a.broadcast.publish(TOPIC, 'x', { allowNoSubscribers: true })).toEqual({ recipients: 0 })
  await expect(a.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'BroadcastRateError', perSecond: 1 })
  await expect(a.broadcast.publish(TOPIC, 'x', { signal: AbortSignal.abort('no') })).rejects.toBe('no')
  for (const topic of ['', '/x', 'a b', 'é', 'x'.repeat(65), '../x']) {
    await expect(a.broadcast.publish(topic, 'x')).rejects.toMatchObject({ name: 'InvalidArgumentError' })
    expect(() => a.broadcast.subscribe(topic, () => {})).toThrow('topic')
  }
  a.listen(undefined, 'one')
  a.listen(undefined, 'one')
  a.listen(undefined, 'two')
  expect(() => a.listen(undefined, 'three')).toThrow('2 topics')
  await a.node.stop()
  await expect(a.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'NotRunningError' })
})

it('refuses another key than Ed25519, bad network names and bad limits', async () => {
  await expect(
    plainNode({ privateKey: await rsaKey(), services: { b: broadcast({ networkId: 'x' }) } })
  ).rejects.toMatchObject({ name: 'InvalidArgumentError', argument: 'privateKey' })
  for (const networkId of ['', 'a/b', 'x'.repeat(65)]) {
    await expect(caster({ networkId })).rejects.toMatchObject({ argument: 'networkId' })
  }
  await expect(caster({ limits: { maxMessageBytes: 2 ** 21 } })).rejects.toMatchObject({ name: 'InvalidArgumentError' })
  await expect(caster({ limits: { topics: 0 } })).rejects.toMatchObject({ argument: 'limits.topics' })
})

it('a handler that throws, or rejects, does no harm', async () => {
  const [a, b] = (await row(2)) as [Caster, Caster]
  b.broadcast.subscribe(TOPIC, () => {
    throw new TypeError('thrown')
  })
  b.broadcast.subscribe(TOPIC, async () => Promise.reject(new TypeError('rejected')))
  b.listen()
  await subscribersKnown([a], [1])
  await a.broadcast.publish(TOPIC, 'x')
  await a.broadcast.publish(TOPIC, 'y')
  await allGot([b], 2)
  await until(() => b.broadcast.stats().total.handlerFailures === 4)
  expect(b.broadcast.stats()).toMatchObject({ pending: 0, total: { delivered: 2 } })
  expect(b.reporter.reports).toEqual([])
})

it('stops listening when told to, one handler at a time', async () => {
  const [a, b] = (await row(2)) as [Caster, Caster]
  const other = vi.fn()
  const endOther = b.broadcast.subscribe(TOPIC, other)
  const end = b.listen()
  await subscribersKnown([a], [1])
  await a.broadcast.publish(TOPIC, 'both')
  await allGot([b], 1)
  endOther()
  endOther()
  await a.broadcast.publish(TOPIC, 'one')
  await allGot([b], 2)
  end()
  await subscribersKnown([a], [0])
  await expect(a.broadcast.publish(TOPIC, 'none')).rejects.toMatchObject({ name: 'NoSubscribersError' })
  expect(other).toHaveBeenCalledTimes(1)
  expect(b.texts()).toEqual(['both', 'one'])
})

it('a late joiner gets what comes from then on, and what was just sent', async () => {
  const [a, b] = (await row(2)) as [Caster, Caster]
  a.listen()
  b.listen()
  await subscribersKnown([a, b], [1, 1])
  await a.broadcast.publish(TOPIC, 'early')
  await allGot([b], 1)
  const late = await caster()
  late.listen()
  await link(late.node, b.node)
  await subscribersKnown([late], [1])
  await a.broadcast.publish(TOPIC, 'now')
  await until(() => late.texts().includes('now'))
  expect(late.texts().filter((text) => text === 'now')).toHaveLength(1)
})

it('passes a message over nodes that have only subscribed, and not over others', async () => {
  const [a, b, c] = (await row(3)) as [Caster, Caster, Caster]
  c.listen()
  await subscribersKnown([b], [1])
  await expect(a.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'NoSubscribersError' })
  b.listen()
  await subscribersKnown([a, b, c], [1, 1, 1])
  await a.broadcast.publish(TOPIC, 'y')
  await allGot([c], 1)
  expect(c.got[0]?.from.equals(a.id)).toBe(true)
  expect(c.got[0]?.receivedFrom.equals(b.id)).toBe(true)
})

it('opens a lost stream again while the connection lives', async () => {
  const [a, b] = (await row(2)) as [Caster, Caster]
  b.listen()
  await subscribersKnown([a], [1])
  const streams = a.node.getConnections().flatMap(({ streams }) => streams)
  for (const stream of streams.filter(({ protocol }) => protocol.startsWith('/meshsub/'))) {
    stream.abort(new Error('lost'))
  }
  await until(() => a.broadcast.subscribers(TOPIC).length === 0)
  await until(() => a.broadcast.subscribers(TOPIC).length === 1, { timeoutMs: 15_000 })
  await a.broadcast.publish(TOPIC, 'again')
  await allGot([b], 1)
})

it('starts again after a stop, with the same subscriptions, and finds the connections that are there', async () => {
  const [a, b] = (await row(2)) as [Caster, Caster]
  b.listen()
  await subscribersKnown([a], [1])
  await b.broadcast.stop()
  await subscribersKnown([a], [0])
  await b.broadcast.start()
  await until(() => a.broadcast.subscribers(TOPIC).length === 1, { timeoutMs: 15_000 })
  await a.broadcast.publish(TOPIC, 'back')
  await allGot([b], 1)
})
