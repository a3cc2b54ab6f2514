import type { Connection, Stream } from '@libp2p/interface'
import { until } from '@penin/testing'
import type { Libp2p } from 'libp2p'
import { describe, expect, it } from 'vitest'
import { encodeAnswer, encodeRequest, PEX_PROTOCOL } from '../src/index.js'
import { crowd, dial, exchanger, plainNode, recordOf, shared, somebody } from './support.js'

const peers = await crowd(65)
const records = await Promise.all(peers.map(async (peer) => recordOf(peer, { addresses: ['/ip4/127.0.0.1/tcp/1'] })))
const [first, second] = records as [Uint8Array, Uint8Array]

/** A message with its length before it. */
function framed(message: Uint8Array): Uint8Array {
  const { length } = message
  const prefix =
    length < 128
      ? [length]
      : length < 16_384
        ? [(length & 127) | 128, length >> 7]
        : [(length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14]
  return Buffer.concat([Buffer.from(prefix), message])
}

/** An answer of any number of records, with the limits of nobody. */
function answerOf(list: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    list.map((record) => Buffer.concat([Buffer.from([0x1a, (record.length & 127) | 128, record.length >> 7]), record]))
  )
}

function forged(): Uint8Array {
  const bad = new Uint8Array(first)
  bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1
  return bad
}

/** A node that answers every question with these bytes. */
async function liar(answer: (stream: Stream) => void | Promise<void>): Promise<Libp2p> {
  const node = await plainNode({})
  await node.handle(PEX_PROTOCOL, async (stream) => {
    await answer(stream)
  })
  return node
}

const say =
  (...messages: Uint8Array[]) =>
  async (stream: Stream): Promise<void> => {
    for (const message of messages) {
      stream.send(message)
    }
    await stream.close()
  }

const signedByOther = await recordOf({
  id: (peers[0] as { id: (typeof peers)[0]['id'] }).id,
  key: (await somebody()).key
})
const answers: Array<[string, string, (stream: Stream) => void | Promise<void>]> = [
  ['A4: more records than the cap', 'malformed', say(framed(answerOf(records)))],
  ['A4: more records than were wanted', 'over-long', say(framed(answerOf(records.slice(0, 4))))],
  ['A4: the same record twice', 'repeated', say(framed(answerOf([first, first])))],
  ['A4: the same record 10^4 times', 'malformed', say(framed(answerOf(Array<Uint8Array>(200).fill(first))))],
  [
    'A4: two records of one peer',
    'repeated',
    say(framed(answerOf([first, await recordOf(peers[0] as (typeof peers)[0], { seq: 9n })])))
  ],
  ['A7: a bad signature', 'forged', say(framed(answerOf([second, forged()])))],
  ['A7: a record signed by another peer', 'forged', say(framed(answerOf([second, signedByOther])))],
  ['A7: an oversized record', 'malformed', say(framed(answerOf([new Uint8Array(2049)])))],
  ['A7: garbage for a record', 'malformed', say(framed(answerOf([second, new Uint8Array(200).fill(0xde)])))],
  ['garbage', 'malformed', say(framed(Uint8Array.of(0xde, 0xad, 0xbe, 0xef)))],
  ['A1: a length over the limit', 'malformed', say(Uint8Array.of(0x81, 0x80, 0x04))],
  ['A1: an endless length prefix', 'malformed', say(new Uint8Array(64).fill(0xff))],
  ['A1: half a message and then the end', 'malformed', say(Uint8Array.of(100, 0x1a, 90))],
  ['A4: its answer twice', 'unsolicited', say(framed(encodeAnswer([first])), framed(encodeAnswer([first])))],
  ['A4: a second answer unasked', 'unsolicited', say(framed(encodeAnswer([first])), framed(encodeAnswer([second])))],
  ['a byte too much', 'unsolicited', say(framed(encodeAnswer([first])), Uint8Array.of(0x05))]
]

describe('an answer that breaks the rules is reported, and nothing of it is taken', () => {
  it.each(answers)('%s is %s', async (_what, offence, answer) => {
    const [a, peer] = await Promise.all([exchanger(), liar(answer)])
    await dial(a.node, peer)
    await expect(a.service.ask(peer.peerId, { want: 3 })).rejects.toMatchObject({ name: 'PexMalformedError', offence })
    expect(a.reporter.reports).toMatchObject([{ reason: `pex-${offence}`, tolerance: 'mid' }])
    expect(a.reporter.reasons(peer.peerId)).toHaveLength(1)
    expect([a.sink.candidates, a.service.stats().taken]).toEqual([[], 0])
    expect(a.service.stats().askFailures).toMatchObject({ [offence]: 1 })
  })

  it('A4: but not one with ourselves in it, which is only dropped', async () => {
    const a = await exchanger()
    const own = (await a.node.peerStore.get(a.node.peerId)).peerRecordEnvelope
    const key = { id: a.node.peerId }
    expect(own).toBeUndefined() // libp2p keeps none of its own, so a real one is fetched from a peer that it was told to
    const b = await exchanger()
    await dial(a.node, b.node)
    await a.service.ask(b.node.peerId)
    const record = await until(() => b.sink.candidates[0]?.record?.envelope)
    const mirror = await liar(say(framed(encodeAnswer([record, first]))))
    await dial(a.node, mirror)
    expect(await a.service.ask(mirror.peerId)).toEqual({ received: 2, taken: 1 })
    expect(a.sink.candidates.some(({ id }) => id.equals(key.id))).toBe(false)
    expect(a.service.stats().dropped.own).toBe(1)
    expect(a.reporter.reports).toEqual([])
  })
})

describe('a question that breaks the rules is reported, and not answered', () => {
  const request = framed(encodeRequest({ want: 3 }))
  const attacks: Array<[string, string, Uint8Array[]]> = [
    ['A4: an answer that nobody has asked for', 'malformed', [framed(encodeAnswer(records.slice(0, 5)))]],
    ['an empty message', 'malformed', [Uint8Array.of(0)]],
    ['wanting 65', 'malformed', [framed(Uint8Array.of(0x10, 65))]],
    ['wanting 2^32-1', 'malformed', [framed(Buffer.from('10ffffffff0f', 'hex'))]],
    ['garbage', 'malformed', [framed(Uint8Array.of(0xde, 0xad, 0xbe, 0xef))]],
    ['A1: a length over the limit', 'malformed', [Uint8Array.of(0x81, 0x80, 0x04)]],
    ['A1: half a message and then the end', 'malformed', [Uint8Array.of(100, 0x0a, 90)]],
    ['two questions on one stream', 'unsolicited', [request, request]],
    ['A4: an answer behind the question', 'unsolicited', [request, framed(encodeAnswer([first]))]]
  ]

  it.each(attacks)('%s is %s', async (_what, offence, messages) => {
    const [a, peer] = await Promise.all([exchanger(), plainNode({})])
    a.source.records = await shared(peers.slice(0, 3), { addresses: ['/ip4/127.0.0.1/tcp/1'] })
    const connection = await dial(peer, a.node)
    await say(...messages)(await connection.newStream(PEX_PROTOCOL))
    await until(() => a.reporter.reports.length === 1)
    expect(a.reporter.reports).toMatchObject([{ reason: `pex-${offence}`, tolerance: 'mid' }])
    expect(a.reporter.reasons(peer.peerId)).toHaveLength(1)
    expect(a.service.stats()).toMatchObject({ answered: 0, told: 0, refused: { [offence]: 1 } })
    expect(a.sink.candidates).toEqual([])
  })

  it.each<[string, Uint8Array]>([
    ['A7: somebody else’s record', first],
    ['A7: garbage for a record', new Uint8Array(20).fill(1)]
  ])('%s as its own is reported, and nobody hears of it', async (_what, record) => {
    const [a, peer] = await Promise.all([exchanger(), plainNode({})])
    const connection = await dial(peer, a.node)
    await say(framed(encodeRequest({ want: 3, record })))(await connection.newStream(PEX_PROTOCOL))
    await until(() => a.reporter.reports.length === 1)
    expect(a.reporter.reports[0]?.reason).toMatch(/^pex-(forged|malformed)$/)
    expect(a.sink.candidates).toEqual([])
  })
})

describe('a peer that takes its time', () => {
  it('to answer is not waited for longer than 10 s, and not blamed', async () => {
    const [a, peer] = await Promise.all([exchanger(), liar(() => {})])
    await dial(a.node, peer)
    const outcome = a.service.ask(peer.peerId).catch((error: unknown) => error)
    await until(() => a.service.stats().asked === 1)
    await a.clock.tickAsync(10_000)
    expect(await outcome).toMatchObject({ name: 'PexFailedError', peer: peer.peerId.toString() })
    expect(a.reporter.reports).toEqual([])
    expect(a.service.stats().askFailures.failed).toBe(1)
  })

  it('to end its answer gets nothing taken', async () => {
    const answer = (stream: Stream): void => void stream.send(framed(encodeAnswer([first])))
    const [a, peer] = await Promise.all([exchanger(), liar(answer)])
    await dial(a.node, peer)
    const outcome = a.service.ask(peer.peerId).catch((error: unknown) => error)
    await until(() => a.service.stats().asked === 1)
    await a.clock.tickAsync(10_000)
    expect(await outcome).toMatchObject({ name: 'PexFailedError' })
    expect(a.sink.candidates).toEqual([])
  })

  it('to ask is not waited for longer than 10 s, and not blamed', async () => {
    const [a, peer] = await Promise.all([exchanger(), plainNode({})])
    const idle = a.clock.pending()
    const stream = await (await dial(peer, a.node)).newStream(PEX_PROTOCOL)
    stream.send(Uint8Array.of(2, 0x10))
    await until(() => a.clock.pending() > idle)
    await a.clock.tickAsync(10_000)
    await until(() => a.service.stats().refused.failed === 1)
    await until(() => stream.status !== 'open')
    expect([a.reporter.reports, a.clock.pending()]).toEqual([[], idle])
  })

  it('to ask has two streams, and a third is reset', async () => {
    const [a, asker] = await Promise.all([exchanger(), plainNode({})])
    const connection = await dial(asker, a.node)
    const open = (): number =>
      a.node.getConnections()[0]?.streams.filter(({ protocol }) => protocol === PEX_PROTOCOL).length ?? 0
    const streams: Stream[] = []
    for (const count of [1, 2]) {
      streams.push(await connection.newStream(PEX_PROTOCOL))
      await until(() => open() === count)
    }
    const third = await connection.newStream(PEX_PROTOCOL)
    await until(() => third.status !== 'open')
    expect([third.status, open(), ...streams.map(({ status }) => status)]).toEqual(['reset', 2, 'open', 'open'])
    expect(a.reporter.reports).toEqual([])
  })

  it('does not keep others from being answered', async () => {
    const [a, b, slow] = await Promise.all([exchanger(), exchanger(), plainNode({})])
    b.source.records = await shared(peers.slice(0, 3), { addresses: ['/ip4/127.0.0.1/tcp/1'] })
    const connection = await dial(slow, b.node)
    await connection.newStream(PEX_PROTOCOL)
    await connection.newStream(PEX_PROTOCOL)
    await dial(a.node, b.node)
    expect(await a.service.ask(b.node.peerId)).toMatchObject({ taken: 3 })
  })
})

it('A6: bears a peer that hangs up in every moment of the exchange, without a report', async () => {
  const a = await exchanger()
  const idle = a.clock.pending()
  const moments: Array<(connection: Connection) => unknown> = [
    async (connection) => connection.newStream(PEX_PROTOCOL),
    async (connection) => (await connection.newStream(PEX_PROTOCOL)).send(Uint8Array.of(2)),
    async (connection) => say(framed(encodeRequest({ want: 3 })))(await connection.newStream(PEX_PROTOCOL)),
    async (connection) => {
      ;(await connection.newStream(PEX_PROTOCOL)).abort(new RangeError('bye'))
    }
  ]
  for (const moment of moments) {
    const peer = await plainNode({})
    const connection = await dial(peer, a.node)
    await moment(connection)
    connection.abort(new RangeError('bye'))
    await until(() => a.node.getConnections().length === 0)
  }
  const hanger = await liar((stream) => {
    stream.abort(new RangeError('bye'))
  })
  await dial(a.node, hanger)
  await expect(a.service.ask(hanger.peerId)).rejects.toMatchObject({ name: 'PexFailedError' })
  await until(() => a.clock.pending() === idle)
  expect([a.reporter.reports, a.sink.candidates]).toEqual([[], []])
})

describe('a flood of questions', () => {
  /** Asks once, and says how many bytes came back; nothing if the stream was reset. */
  async function once(connection: Connection): Promise<number | undefined> {
    const stream = await connection.newStream(PEX_PROTOCOL)
    try {
      await say(framed(encodeRequest({ want: 64 })))(stream)
      let bytes = 0
      for await (const chunk of stream) {
        bytes += chunk.byteLength
      }
      return bytes
    } catch {
      return undefined
    }
  }

  it('A5, CometBFT hole a: gets 16 answers, three empty ones, then resets and a report each, in new connections too', async () => {
    const [a, peer] = await Promise.all([exchanger(), plainNode({})])
    a.source.records = await shared(peers.slice(0, 3), { addresses: ['/ip4/127.0.0.1/tcp/1'] })
    const answers: Array<number | undefined> = []
    for (let i = 0; i < 20; i++) {
      const connection = peer.getConnections()[0] ?? (await dial(peer, a.node))
      answers.push(await once(connection))
      if (i % 5 === 4) {
        await connection.close()
        await until(() => a.node.getConnections().length === 0)
      }
    }
    expect(answers.slice(0, 16).every((bytes) => (bytes ?? 0) > 300)).toBe(true)
    expect(answers.slice(16, 19)).toEqual([1, 1, 1])
    expect(answers.slice(19)).toEqual([undefined])
    expect(a.reporter.reasons(peer.peerId)).toEqual(['pex-flood'])
    expect(a.service.stats().refused).toMatchObject({ 'too-soon': 3, flood: 1 })
  })

  it('A6: is no honest peer’s fault: what it gets is an empty answer, and no report, when its neighbours flood', async () => {
    const limits = { answer: { perGroup: { burst: 2, perSecond: 0.001 } } }
    const [a, b, c] = await Promise.all([exchanger({ limits }), plainNode({}), exchanger()])
    a.source.records = await shared(peers.slice(0, 3), { addresses: ['/ip4/127.0.0.1/tcp/1'] })
    const connection = await dial(b, a.node)
    await once(connection)
    await once(connection)
    await dial(c.node, a.node)
    expect(await c.service.ask(a.node.peerId)).toEqual({ received: 0, taken: 0 })
    expect(a.reporter.reports).toEqual([])
    expect(a.service.stats().refused.busy).toBe(1)
  })
})

describe('CometBFT hole b: the source group is where a peer is seen, not where it says it is', () => {
  it('for its own record, for the news it brings, and for the questions it asks', async () => {
    const limits = { intake: { burst: 3, perSecond: 0.001 }, answer: { perGroup: { burst: 3, perSecond: 0.001 } } }
    const a = await exchanger({ limits }, { remote: '/ip4/66.66.1.2/tcp/50000' })
    const answered: number[] = []
    for (let i = 0; i < 5; i++) {
      const peer = await exchanger(
        {},
        { addresses: [`/ip4/${11 + i}.5.6.7/tcp/4001`, `/dns4/host-${i}.example.com/tcp/1`] }
      )
      await dial(peer.node, a.node)
      await peer.service.ask(a.node.peerId)
      answered.push(a.service.stats().answered)
    }
    await until(() => a.sink.candidates.length === 3)
    expect(a.sink.candidates.map(({ observed }) => observed?.toString())).toEqual(
      Array<string>(3).fill('/ip4/66.66.1.2/tcp/50000')
    )
    expect(answered).toEqual([1, 2, 3, 3, 3])
    expect(a.service.stats()).toMatchObject({ refused: { busy: 2 } })
    expect(a.reporter.reports).toEqual([])
  })
})

describe('strangers', () => {
  it('are not answered', async () => {
    const [a, b] = await Promise.all([exchanger({ isPeer: () => false }), exchanger()])
    await dial(b.node, a.node)
    await expect(b.service.ask(a.node.peerId)).rejects.toMatchObject({ name: 'PexFailedError' })
    expect(a.service.stats().refused.stranger).toBe(1)
    expect([a.reporter.reports, a.sink.candidates]).toEqual([[], []])
  })

  it('that are about to be introduced are waited for', async () => {
    const introduced = Promise.withResolvers<boolean>()
    const [a, b] = await Promise.all([exchanger({ isPeer: async () => introduced.promise }), exchanger()])
    a.source.records = await shared(peers.slice(0, 3), { addresses: ['/ip4/127.0.0.1/tcp/1'] })
    await dial(b.node, a.node)
    const idle = a.clock.pending()
    const answer = b.service.ask(a.node.peerId)
    await until(() => a.clock.pending() > idle)
    introduced.resolve(true)
    expect(await answer).toMatchObject({ taken: 3 })
  })
})
