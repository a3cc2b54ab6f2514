import type { RPC } from '@libp2p/gossipsub/message'
import type { PeerId } from '@libp2p/interface'
import { FakeClock, until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import type { Verdict } from '../src/broadcast/index.js'
import {
  caster,
  link,
  NETWORK,
  noControl,
  rawPeer,
  row,
  rsaKey,
  signed,
  someKey,
  subscribe,
  subscribersKnown,
  TOPIC,
  WIRE_TOPIC,
  type Caster,
  type RawPeer
} from './broadcast-support.js'
import { text } from './support.js'

/** A victim that listens, an honest peer of it that listens as well, and an attacker of the victim, all in the mesh. */
async function besieged(init: Parameters<typeof caster>[0] = {}): Promise<[Caster, Caster, RawPeer]> {
  const [victim, honest] = (await row(2, [init])) as [Caster, Caster]
  victim.listen()
  honest.listen()
  await subscribersKnown([victim, honest], [1, 1])
  const attacker = await rawPeer(victim)
  attacker.send({ ...subscribe(WIRE_TOPIC), control: { ...noControl(), graft: [{ topicID: WIRE_TOPIC }] } })
  await subscribersKnown([victim], [2])
  return [victim, honest, attacker]
}

/** Whatever was sent before has been dealt with once a good message behind it has arrived. */
async function settled(victim: Caster, attacker: RawPeer): Promise<void> {
  const marker = `marker ${victim.got.length}`
  attacker.send({ messages: [await signed(attacker.key, { data: text(marker) })] })
  await until(() => victim.texts().includes(marker))
}

describe('invalid messages', () => {
  const noLies = ({ bytes }: { bytes: Uint8Array }): boolean => bytes[0] !== '!'.charCodeAt(0)

  it('are stopped at the first hop, and their sender is reported once for each', async () => {
    // liar - first - second - third; the liar has no validator
    const casters = (await row(4)) as [Caster, Caster, Caster, Caster]
    const [liar, first, second, third] = casters
    liar.listen()
    for (const { listen } of [first, second, third]) {
      listen(noLies)
    }
    await subscribersKnown(casters, [1, 2, 2, 1])
    for (let n = 0; n < 3; n++) {
      await liar.broadcast.publish(TOPIC, `!lie ${n}`)
    }
    await liar.broadcast.publish(TOPIC, 'truth')
    await until(() => third.got.length === 1 && first.reporter.reports.length === 3)
    expect(first.reporter.reasons(liar.id)).toEqual(['broadcast-invalid', 'broadcast-invalid', 'broadcast-invalid'])
    expect(first.reporter.reports[0]).toMatchObject({ tolerance: 'mid' })
    expect(first.broadcast.stats().topics[TOPIC]).toMatchObject({ delivered: 1, dropped: { invalid: 3 } })
    for (const { reporter, broadcast, texts } of [second, third]) {
      expect(texts()).toEqual(['truth'])
      expect(reporter.reports).toEqual([])
      expect(broadcast.stats().total.dropped).toEqual({})
    }
  })

  it('blame who passed them on, more mildly, and never their author', async () => {
    const casters = (await row(3)) as [Caster, Caster, Caster]
    const [author, relay, victim] = casters
    author.listen()
    relay.listen()
    victim.listen(noLies)
    await subscribersKnown(casters, [1, 2, 1])
    await author.broadcast.publish(TOPIC, '!lie')
    await until(() => victim.reporter.reports.length === 1)
    expect(victim.reporter.reasons(relay.id)).toEqual(['broadcast-invalid-relayed'])
    expect(victim.reporter.reports[0]).toMatchObject({ tolerance: 'high' })
    expect(victim.reporter.reasons(author.id)).toEqual([])
  })

  it('are told from what is only ignored, by validators that are slow, throw or read no JSON', async () => {
    const clock = new FakeClock()
    const [a, b] = (await row(2, [{}, { clock }])) as [Caster, Caster]
    const verdicts: Record<string, () => Verdict | Promise<Verdict>> = {
      ignore: () => 'ignore',
      throws: () => {
        throw new TypeError('a bug')
      },
      never: async () => new Promise(() => {}),
      'no json': () => false,
      '"json"': () => true
    }
    b.listen((message) => {
      const verdict = verdicts[message.text()]
      return verdict?.() ?? message.json() !== undefined
    })
    await subscribersKnown([a], [1])
    for (const payload of [...Object.keys(verdicts), '{']) {
      await a.broadcast.publish(TOPIC, payload)
    }
    await until(() => b.got.length === 1 && b.reporter.reports.length === 2 && b.broadcast.stats().pending === 1)
    await clock.tickAsync(2_000)
    await until(() => b.broadcast.stats().pending === 0)
    expect(b.broadcast.stats().total.dropped).toEqual({ ignored: 3, invalid: 2 })
    expect(b.reporter.reasons()).toEqual(['broadcast-invalid', 'broadcast-invalid'])
  })

  it('cost their sender its place in the mesh, and then its voice', async () => {
    const [victim, , attacker] = await besieged()
    victim.listen(noLies)
    for (let n = 0; n < 40; n++) {
      attacker.send({ messages: [await signed(attacker.key, { data: text('!lie') })] })
    }
    await until(() => (victim.broadcast.stats().total.dropped.invalid ?? 0) === 40)
    await until(() => victim.broadcast.stats().subscriptions[TOPIC]?.mesh === 1)
    await until(async () => {
      attacker.send({ messages: [await signed(attacker.key)] })
      return (victim.broadcast.stats().total.dropped.graylisted ?? 0) > 0
    })
  })
})

describe('networks and peers', () => {
  it('a message of another network is neither delivered nor passed on, and nobody is blamed', async () => {
    const [victim, honest, attacker] = await besieged()
    const other = `/penin/other/${TOPIC}`
    attacker.send({
      ...subscribe(other, TOPIC, `/penin/${NETWORK}/`),
      messages: [await signed(attacker.key, { topic: other }), await signed(attacker.key, { topic: TOPIC })]
    })
    await settled(victim, attacker)
    expect(victim.got).toHaveLength(1)
    expect(victim.broadcast.stats().total.dropped).toEqual({ 'foreign-topic': 2 })
    expect(victim.reporter.reports).toEqual([])
    expect(honest.broadcast.stats().total.dropped).toEqual({})
  })

  it('two networks on the same connections do not hear each other', async () => {
    const casters = await Promise.all(['red', 'blue', 'red'].map(async (networkId) => caster({ networkId })))
    const [a, b, c] = casters as [Caster, Caster, Caster]
    await link(a.node, b.node)
    await link(b.node, c.node)
    await link(a.node, c.node)
    for (const { listen } of casters) {
      listen()
    }
    await subscribersKnown(casters, [1, 0, 1])
    await a.broadcast.publish(TOPIC, 'red')
    await until(() => c.got.length === 1)
    await expect(b.broadcast.publish(TOPIC, 'blue')).rejects.toMatchObject({ name: 'NoSubscribersError' })
    expect(b.got).toEqual([])
  })

  it('only peers that were greeted are heard and spoken to, whichever side greets first', async () => {
    const greeted = new Set<string>()
    const isPeer = (peer: PeerId): boolean => greeted.has(peer.toString())
    const [a, b] = (await row(2, [{ isPeer }])) as [Caster, Caster]
    a.listen()
    b.listen()
    // b has opened its stream and said what it subscribes to; a keeps it unread.
    await until(() => a.node.getConnections()[0]?.streams.some(({ protocol }) => protocol.startsWith('/meshsub/')))
    expect(a.broadcast.subscribers(TOPIC)).toEqual([])
    expect(a.broadcast.stats().peers).toBe(0)
    await expect(a.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'NoSubscribersError' })
    greeted.add(b.id.toString())
    a.broadcast.peerGreeted(b.id)
    await subscribersKnown([a, b], [1, 1])
    await b.broadcast.publish(TOPIC, 'from b')
    await a.broadcast.publish(TOPIC, 'from a')
    await until(() => a.got.length === 1 && b.got.length === 1)
  })

  it('a peer that is never greeted has its stream closed in time', async () => {
    const clock = new FakeClock()
    const a = await caster({ clock, isPeer: () => false })
    const raw = await rawPeer(a)
    raw.send(subscribe(WIRE_TOPIC))
    await until(() => a.node.getConnections()[0]?.streams.some(({ protocol }) => protocol.startsWith('/meshsub/')))
    await clock.tickAsync(15_000)
    await until(() => raw.stream.status !== 'open')
    expect(a.broadcast.stats().peers).toBe(0)
    expect(raw.received).toEqual([])
  })

  it('a peer of bad reputation is left out', async () => {
    const scores = new Map<string, number>()
    const [a, b] = (await row(2, [{ scoreOf: (peer) => scores.get(peer) ?? 50 }])) as [Caster, Caster]
    a.listen()
    b.listen()
    await subscribersKnown([a, b], [1, 1])
    await until(() => a.broadcast.stats().subscriptions[TOPIC]?.mesh === 1)
    scores.set(b.id.toString(), 0)
    await until(() => a.broadcast.stats().subscriptions[TOPIC]?.mesh === 0)
    await until(async () => {
      await b.broadcast.publish(TOPIC, 'let me in')
      return (a.broadcast.stats().total.dropped.graylisted ?? 0) > 0
    })
    await expect(a.broadcast.publish(TOPIC, 'x')).rejects.toMatchObject({ name: 'NoSubscribersError' })
  })
})

describe('signatures', () => {
  it('unsigned, badly signed, foreign-keyed and misattributed messages are dropped, and their sender is reported', async () => {
    const [victim, honest, attacker] = await besieged()
    const good = await signed(attacker.key)
    const { signature, from, seqno, ...bare } = await signed(attacker.key)
    const other = await someKey()
    const otherFrom = other.publicKey.toMultihash().bytes
    const key = Uint8Array.of(8, 1, 18, 32, ...other.publicKey.raw)
    const unsigned: RPC.Message[] = [
      bare,
      { ...bare, from, seqno },
      { ...bare, signature, seqno },
      { ...good, seqno: new Uint8Array(7) },
      { ...good, signature: new Uint8Array(65) },
      { ...good, key },
      await signed(await rsaKey())
    ]
    const badlySigned: RPC.Message[] = [
      { ...good, data: text('changed') },
      { ...good, seqno: new Uint8Array(8) },
      { ...good, from: otherFrom },
      { ...good, signature: new Uint8Array(64) }
    ]
    for (const message of [...unsigned, ...badlySigned]) {
      attacker.send({ messages: [message] })
    }
    await until(() => victim.reporter.reports.length === 11)
    await settled(victim, attacker)
    expect(victim.got).toHaveLength(1)
    expect(victim.broadcast.stats().total.dropped).toEqual({ unsigned: 7, 'bad-signature': 4 })
    expect(victim.reporter.reasons(attacker.id).toSorted()).toEqual([
      ...Array.from({ length: 4 }, () => 'broadcast-bad-signature'),
      ...Array.from({ length: 7 }, () => 'broadcast-unsigned')
    ])
    expect(honest.broadcast.stats().total.dropped).toEqual({})
    // A forgery with the author and number of a good message does not keep that from being taken.
    attacker.send({ messages: [good] })
    await until(() => victim.got.length === 2)
  })

  it('a message of the victim itself that comes back, of this run or an earlier one, is never delivered to it', async () => {
    const key = await someKey(9)
    const privateKey = await someKey(8)
    const victim = await caster({}, { privateKey })
    victim.listen()
    const attacker = await rawPeer(victim)
    attacker.send(subscribe(WIRE_TOPIC))
    await subscribersKnown([victim], [1])
    await victim.broadcast.publish(TOPIC, 'mine')
    await until(() => attacker.received.some(({ messages }) => messages.length === 1))
    const own = attacker.received.flatMap(({ messages }) => messages)
    attacker.send({ messages: [...own, ...own.map((message) => ({ ...message, data: text('changed') }))] })
    attacker.send({ messages: [await signed(privateKey, { data: text('of an earlier run') })] })
    attacker.send({ messages: [await signed(key, { data: text('of another') })] })
    await until(() => victim.got.length === 1)
    expect(victim.texts()).toEqual(['of another'])
    expect(victim.reporter.reports).toEqual([])
  })

  it('copies are delivered once, whoever sends them', async () => {
    const [victim, honest, attacker] = await besieged()
    const message = await signed(await someKey(), { data: text('once') })
    attacker.send({ messages: Array.from({ length: 50 }, () => message) })
    for (let n = 0; n < 50; n++) {
      attacker.send({ messages: [message] })
    }
    await settled(victim, attacker)
    await until(() => honest.got.length === 2)
    expect(victim.got).toHaveLength(2)
    expect(victim.broadcast.stats().total.duplicates).toBeGreaterThanOrEqual(99)
  })
})

describe('floods', () => {
  it('a payload that is too long is dropped on receipt, at the first hop', async () => {
    const [victim, honest, attacker] = await besieged()
    attacker.send({ messages: [await signed(attacker.key, { data: new Uint8Array(65_537) })] })
    attacker.send({ messages: [await signed(attacker.key, { data: new Uint8Array(65_536) })] })
    await until(() => honest.got.length === 1)
    expect(victim.got.map(({ bytes }) => bytes.length)).toEqual([65_536])
    expect(victim.reporter.reasons(attacker.id)).toEqual(['broadcast-too-long'])
    expect(victim.broadcast.stats().topics[TOPIC]?.dropped).toEqual({ 'too-long': 1 })
  })

  it('a frame that is too long ends the stream before it is read', async () => {
    const [victim, , attacker] = await besieged()
    attacker.stream.send(Buffer.from([0xff, 0xff, 0xff, 0x07])) // 16 MiB are announced
    await until(() => attacker.stream.status !== 'open')
    expect(victim.reporter.reasons(attacker.id)).toEqual(['broadcast-frame-too-long'])
    expect(victim.broadcast.stats().total.dropped).toEqual({ 'frame-too-long': 1 })
  })

  it('frames with too many parts, or that can not be read, are dropped whole and reported', async () => {
    const [victim, , attacker] = await besieged()
    const id = new Uint8Array(46)
    const many = <T>(n: number, part: T): T[] => Array.from({ length: n }, () => part)
    const frames: Array<Partial<RPC>> = [
      subscribe(...many(129, WIRE_TOPIC)),
      { messages: many(1001, { topic: WIRE_TOPIC }) },
      { control: { ...noControl(), graft: many(129, { topicID: WIRE_TOPIC }) } },
      { control: { ...noControl(), prune: many(129, { peers: [] }) } },
      { control: { ...noControl(), ihave: many(129, { messageIDs: [] }) } },
      { control: { ...noControl(), ihave: [{ topicID: WIRE_TOPIC, messageIDs: many(5001, id) }] } },
      { control: { ...noControl(), iwant: [{ messageIDs: many(5001, id) }] } },
      { control: { ...noControl(), idontwant: [{ messageIDs: many(513, id) }] } },
      { control: { ...noControl(), prune: [{ peers: many(17, {}) }] } }
    ]
    for (const frame of frames) {
      attacker.send(frame)
    }
    attacker.sendBytes(Buffer.from([0x0a, 0xff]))
    await until(() => victim.reporter.reports.length === frames.length + 1)
    expect(new Set(victim.reporter.reasons(attacker.id))).toEqual(new Set(['broadcast-malformed']))
    await settled(victim, attacker)
  })

  it('a peer occupies as many topics as a node may have, however many it subscribes to', async () => {
    const [victim, , attacker] = await besieged()
    for (let n = 0; n < 20; n++) {
      const topics = Array.from({ length: 100 }, (_, index) => `/penin/${NETWORK}/flood-${n}-${index}`)
      attacker.send(subscribe(...topics))
      attacker.send(subscribe(...topics.map((topic) => topic.replace(NETWORK, `x${n}`))))
    }
    await settled(victim, attacker)
    const occupied = (n: number, index: number): boolean =>
      victim.broadcast.subscribers(`flood-${n}-${index}`).length > 0
    let count = 0
    for (let n = 0; n < 20; n++) {
      for (let index = 0; index < 100; index++) {
        count += occupied(n, index) ? 1 : 0
      }
    }
    expect(count).toBe(63) // and the one of the siege
    expect(new Set(victim.reporter.reasons(attacker.id))).toEqual(new Set(['broadcast-topic-flood']))
    attacker.send({ subscriptions: [{ subscribe: false, topic: `/penin/${NETWORK}/flood-0-0` }] })
    attacker.send(subscribe(`/penin/${NETWORK}/after`))
    await until(() => victim.broadcast.subscribers('after').length === 1)
  })

  it('announcements of messages that do not exist are asked for within bounds, and cost their sender its voice', async () => {
    const [victim, , attacker] = await besieged()
    let number = 0
    const announce = (): void => {
      const messageIDs = Array.from({ length: 1000 }, () => {
        const id = new Uint8Array(46)
        new DataView(id.buffer).setUint32(0, ++number)
        return id
      })
      const longer = new Uint8Array(60_000)
      attacker.send({
        control: { ...noControl(), ihave: [{ topicID: WIRE_TOPIC, messageIDs: [...messageIDs, longer] }] }
      })
    }
    for (let n = 0; n < 50; n++) {
      announce()
    }
    await settled(victim, attacker)
    const asked = attacker.received.flatMap(
      ({ control }) => control?.iwant.flatMap(({ messageIDs }) => messageIDs) ?? []
    )
    expect(asked.length).toBeGreaterThan(0)
    expect(asked.every(({ length }) => length === 46)).toBe(true)
    // 5000 for each heartbeat of 200 ms that the burst may have touched
    expect(asked.length).toBeLessThanOrEqual(15_000)
    // However many heartbeats the burst has touched: it goes on until the broken promises are counted.
    await until(
      () => {
        announce()
        attacker.send(subscribe(WIRE_TOPIC))
        return (victim.broadcast.stats().total.dropped.graylisted ?? 0) > 0
      },
      { timeoutMs: 40_000, intervalMs: 200 }
    )
  }, 60_000)

  it('requests are answered within bounds', async () => {
    const [victim, , attacker] = await besieged()
    const payload = new Uint8Array(60_000)
    for (let n = 0; n < 30; n++) {
      payload[0] = n
      await victim.broadcast.publish(TOPIC, payload)
    }
    await until(() => attacker.received.flatMap(({ messages }) => messages).length === 30)
    const ids = attacker.received.flatMap(({ messages }) =>
      messages.map(({ from = new Uint8Array(0), seqno = new Uint8Array(0) }) => new Uint8Array([...from, ...seqno]))
    )
    attacker.received.length = 0
    for (let n = 0; n < 10; n++) {
      attacker.send({ control: { ...noControl(), iwant: [{ messageIDs: ids }] } })
    }
    await settled(victim, attacker)
    await until(() => attacker.received.some(({ messages }) => messages.length > 0))
    const answers = attacker.received.filter(({ messages }) => messages.some(({ data }) => data?.length === 60_000))
    for (const { messages } of answers) {
      expect(messages.reduce((sum, { data }) => sum + (data?.length ?? 0), 0)).toBeLessThan(600_000)
    }
    expect(answers.length).toBeLessThanOrEqual(3) // one for each heartbeat that the burst may have touched
  })

  it('more new messages than are taken in a second are dropped without blame', async () => {
    const clock = new FakeClock()
    const [victim, , attacker] = await besieged({ clock, limits: { messagesPerSecond: 5 } })
    for (let n = 0; n < 30; n++) {
      attacker.send({ messages: [await signed(attacker.key)] })
    }
    await until(() => victim.broadcast.stats().total.dropped['rate-limited'] === 20)
    expect(victim.got).toHaveLength(10)
    expect(victim.reporter.reports).toEqual([])
    await clock.tickAsync(1_000)
    await settled(victim, attacker)
  })

  it('a peer that sends faster than it may is read later, not dropped', async () => {
    const clock = new FakeClock()
    const [victim, , attacker] = await besieged({ clock, limits: { peerBytesPerSecond: 10_000 } })
    for (let n = 0; n < 10; n++) {
      attacker.send({ messages: [await signed(attacker.key, { data: new Uint8Array(10_000) })] })
    }
    await until(() => victim.got.length > 0)
    expect(victim.got.length).toBeLessThan(10)
    await until(async () => {
      await clock.tickAsync(1_000)
      return victim.got.length === 10
    })
    expect(victim.reporter.reports).toEqual([])
  })

  it('slow handlers hold no more messages than they may', async () => {
    const clock = new FakeClock()
    const [a, b] = (await row(2, [{}, { clock, limits: { pendingMessages: 5 } }])) as [Caster, Caster]
    b.broadcast.subscribe(TOPIC, async () => new Promise(() => {}))
    await subscribersKnown([a], [1])
    for (let n = 0; n < 8; n++) {
      await a.broadcast.publish(TOPIC, 'x')
    }
    await until(() => b.broadcast.stats().total.dropped.overloaded === 3)
    expect(b.broadcast.stats()).toMatchObject({ pending: 5, total: { delivered: 5 } })
    await clock.tickAsync(30_000)
    await until(() => b.broadcast.stats().pending === 0)
    expect(b.broadcast.stats().total.handlerFailures).toBe(5)
  })
})
