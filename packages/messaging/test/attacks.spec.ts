import { randomBytes } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import { FakeClock, until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { encodeData, encodeOpen } from '../src/direct/wire/data-frame.js'
import { MESSAGES_PROTOCOL, type MessagingInit } from '../src/index.js'
import {
  EPOCH,
  frame,
  introduce,
  pair,
  plainNode,
  rawReceiver,
  rawSender,
  talker,
  text,
  type RawSender,
  type Talker
} from './support.js'

async function attacked(init: MessagingInit = {}): Promise<{ b: Talker; sender: RawSender }> {
  const b = await talker(init)
  b.messages.handle('x', () => {})
  return { b, sender: await rawSender(await plainNode(), b) }
}

const x = text('x')

describe('a sender that breaks the rules is reported and its stream reset:', () => {
  const cases: Array<[string, string, (sender: RawSender) => void, MessagingInit?]> = [
    ['an empty frame', 'msg-malformed', ({ stream }) => void stream.send(Uint8Array.of(0))],
    ['a frame without an id', 'msg-malformed', ({ stream }) => void stream.send(Uint8Array.of(2, 0x10, 1))],
    ['a length prefix without an end', 'msg-malformed', ({ stream }) => void stream.send(new Uint8Array(8).fill(0xff))],
    [
      'a frame that is too long',
      'msg-over-long',
      ({ stream }) => void stream.send(Uint8Array.of(0xff, 0xff, 0xff, 0x7f))
    ],
    [
      'a size that is too large',
      'msg-over-long',
      ({ send }) => {
        send(frame({ id: 0, name: x, size: 2 ** 40 }))
      }
    ],
    [
      'a second opening',
      'msg-malformed',
      ({ stream }) =>
        void stream.send(encodeOpen({ epoch: EPOCH, lowest: 0, durableEpoch: undefined, durableLowest: 0 }))
    ],
    [
      'a durable id without an epoch',
      'msg-malformed',
      ({ send }) => {
        send(frame({ id: 0, name: x, flags: 1 }))
      }
    ],
    [
      'a type number that means nothing',
      'msg-malformed',
      ({ send }) => {
        send(frame({ id: 0, type: 20 }))
      }
    ],
    [
      'a name that is no UTF-8',
      'msg-malformed',
      ({ send }) => {
        send(frame({ id: 0, name: Uint8Array.of(0xff) }))
      }
    ],
    [
      'a number that is given away twice',
      'msg-malformed',
      ({ send }) => {
        send(frame({ id: 0, type: 16, name: x }), frame({ id: 1, type: 16, name: text('y') }))
      }
    ],
    [
      'a flood of type names',
      'msg-type-flood',
      ({ send }) => {
        send(...Array.from({ length: 257 }, (_, id) => frame({ id, type: 16 + id, name: text(`n${id}`) })))
      }
    ]
  ]
  it.each(cases)('%s: %s', async (_, reason, attack, init) => {
    const { b, sender } = await attacked(init)
    attack(sender)
    await until(() => sender.isClosed())
    await until(() => b.reporter.reports.length > 0)
    expect(b.reporter.reports).toMatchObject([{ reason, tolerance: 'mid' }])
  })

  it('one that ignores acknowledgements and the window', async () => {
    const { b, sender } = await attacked({ limits: { windowMessages: 8 } })
    b.messages.handle('stuck', async () => new Promise<void>(() => {}))
    sender.send(...Array.from({ length: 8 }, (_, id) => frame({ id, name: text('stuck') })))
    await until(() => b.messages.stats().total.received === 8)
    expect(b.reporter.reports).toEqual([])
    sender.send(frame({ id: 8, name: x }))
    await until(() => sender.isClosed())
    expect(b.reporter.reasons()).toEqual(['msg-window'])
  })

  it('one that sends more bytes than the window, compressed so that they are few on the wire', async () => {
    const { b, sender } = await attacked({ limits: { windowBytes: 1_500_000 } })
    b.messages.handle('stuck', async () => new Promise<void>(() => {}))
    const packed = zstdCompressSync(new Uint8Array(1_000_000))
    const big = (id: number) => frame({ id, name: text('stuck'), size: 1_000_000, payload: packed })
    sender.send(big(0), big(1))
    await until(() => sender.isClosed())
    expect(b.reporter.reasons()).toEqual(['msg-window'])
  })

  it('one that sends a zstd bomb: nothing beyond what it said is ever unpacked', async () => {
    const { b, sender } = await attacked()
    let got = 0
    b.messages.handle('y', ({ bytes }) => void (got += bytes.length))
    const bomb = zstdCompressSync(new Uint8Array(500_000_000))
    expect(bomb.length).toBeLessThan(64_000)
    const before = process.memoryUsage().rss
    sender.send(
      frame({ id: 0, name: text('y'), size: 1_048_576, payload: bomb }),
      frame({ id: 1, name: text('y'), size: 10, payload: zstdCompressSync(new Uint8Array(5)) }),
      frame({ id: 2, name: text('y'), size: 10, payload: randomBytes(10) }),
      frame({ id: 3, name: text('y'), size: 0, payload: bomb })
    )
    await until(() => sender.refused().length === 4)
    expect(sender.refused().map(([, reason]) => reason)).toEqual([6, 6, 6, 6])
    expect(b.reporter.reasons()).toEqual(Array(4).fill('msg-bomb'))
    expect(got).toBe(0)
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000)
  })

  it('one that floods with types that nobody handles', async () => {
    const { b, sender } = await attacked()
    sender.send(...Array.from({ length: 1000 }, (_, id) => frame({ id, name: text('nobody') })))
    await until(() => sender.refused().length === 1000)
    expect(b.reporter.reports).toMatchObject([{ reason: 'msg-unknown-type', tolerance: 'high' }])
  })

  it('one that says nothing loses its stream after 10 s, without a report', async () => {
    const clock = new FakeClock()
    const b = await talker({ clock })
    const from = await plainNode()
    const connection = await from.dial(b.node.getMultiaddrs())
    const stream = await connection.newStream(MESSAGES_PROTOCOL)
    await until(() => clock.pending() > 0)
    await clock.tickAsync(10_000)
    await until(() => stream.status !== 'open')
    expect(b.reporter.reports).toEqual([])
  })
})

describe('frames may be cut anywhere', () => {
  it('byte by byte over a real connection', async () => {
    const { b, sender } = await attacked()
    const got: string[] = []
    b.messages.handle('cut', (message) => void got.push(message.text()))
    const bytes = Buffer.concat(
      [0, 1, 2].map((id) => encodeData(frame({ id, name: text('cut'), payload: text(`no ${id}`) })))
    )
    for (const byte of bytes) {
      sender.stream.send(Uint8Array.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => sender.taken().length === 3)
    expect(got).toEqual(['no 0', 'no 1', 'no 2'])
  })

  it('a stream that ends in the middle of a frame hurts nobody', async () => {
    const bytes = encodeData(frame({ id: 0, name: x, payload: text('payload') }))
    const b = await talker()
    const from = await plainNode()
    for (let at = 1; at < bytes.length; at++) {
      const sender = await rawSender(from, b)
      sender.stream.send(bytes.subarray(0, at))
      sender.stream.abort(new RangeError('gone'))
    }
    expect(b.messages.stats().total).toMatchObject({ received: 0, taken: 0 })
    expect(b.reporter.reports).toEqual([])
  })
})

describe('time', () => {
  it('a message that has expired on arrival, or in line, is refused and never handled', async () => {
    const clock = new FakeClock()
    const b = await talker({ clock })
    const gate = Promise.withResolvers<void>()
    const got: string[] = []
    b.messages.handle('x', async (message) => {
      got.push(message.text())
      await gate.promise
    })
    const sender = await rawSender(await plainNode(), b)
    const named = { name: x }
    sender.send(
      frame({ id: 0, ...named, lifetime: 0, payload: text('dead') }),
      frame({ id: 1, ...named, lifetime: 5_000, payload: text('alive') }),
      frame({ id: 2, ...named, lifetime: 5_000, payload: text('waits') }),
      frame({ id: 3, ...named, lifetime: Number.MAX_SAFE_INTEGER, payload: text('for ever') })
    )
    await until(() => b.messages.stats().total.received === 4)
    await clock.tickAsync(5_000)
    gate.resolve()
    await until(() => sender.refused().length === 2 && sender.taken().length === 2)
    expect([got, sender.refused()]).toEqual([
      ['alive', 'for ever'],
      [
        [0, 4],
        [2, 4]
      ]
    ])
  })

  it('a handler that never returns is given up after 30 s, and the next message gets its turn', async () => {
    const clock = new FakeClock()
    const [a, b] = await pair({}, { clock })
    const signals: AbortSignal[] = []
    b.messages.handle('x', async ({ signal }) => {
      signals.push(signal)
      await new Promise<void>(() => {})
    })
    const outcomes = Promise.allSettled([a.messages.send(b.id, 'x'), a.messages.send(b.id, 'x')])
    for (const n of [1, 2]) {
      await until(() => signals.length === n)
      await clock.tickAsync(30_000)
    }
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: { name: 'MessageRefusedError', reason: 'handler-timeout' } })
    }
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })

  it('a peer that vanishes before its answer leaves the asker with an error once the time is over', async () => {
    const clock = new FakeClock()
    const [a, b] = await pair({ clock })
    b.messages.handle('x', async () => {
      await b.node.stop()
    })
    const asked = a.messages.request(b.id, 'x', '', { ttl: 5_000 }).catch((error: unknown) => error)
    let error: unknown
    void asked.then((value) => (error = value))
    await until(async () => {
      await clock.tickAsync(500)
      return error !== undefined
    })
    expect(['MessageExpiredError', 'PeerUnreachableError', 'AnswerTimeoutError']).toContain((error as Error).name)
    expect(a.messages.stats().total).toMatchObject({ inFlight: 0, outboxBytes: 0 })
  })

  it('a receiver that takes a request and never answers ends in an AnswerTimeoutError', async () => {
    const clock = new FakeClock()
    const a = await talker({ clock })
    const b = await rawReceiver()
    await introduce(a.node, b.node)
    const asked = a.messages.request(b.node.peerId, 'x').catch((error: unknown) => error)
    await until(() => b.frames.length === 1)
    b.answer({ taken: [[0, 1]] })
    await until(() => a.messages.stats().total.delivered === 1)
    await clock.tickAsync(60_000)
    expect(await asked).toMatchObject({ name: 'AnswerTimeoutError' })
  })
})

describe('a receiver that breaks the rules', () => {
  it('by acknowledging what was never sent is reported, and nothing is taken for delivered', async () => {
    const clock = new FakeClock()
    const a = await talker({ clock })
    const b = await rawReceiver()
    await introduce(a.node, b.node)
    const sent = a.messages.send(b.node.peerId, 'x').catch((error: unknown) => error)
    await until(() => b.frames.length === 1)
    b.answer({ taken: [[1, 2 ** 50]] })
    await until(() => a.reporter.reports.length > 0)
    expect(a.reporter.reasons()).toEqual(['msg-bad-ack'])
    await a.messages.stop()
    expect(await sent).toMatchObject({ name: 'NotRunningError' })
  })

  it('by a flood of acknowledgements of nothing is reported', async () => {
    const a = await talker()
    const b = await rawReceiver()
    await introduce(a.node, b.node)
    const sent = a.messages.send(b.node.peerId, 'x')
    await until(() => b.frames.length === 1)
    for (let n = 0; n < 1002; n++) {
      b.answer({ taken: [[0, 1]] })
    }
    await sent
    await until(() => a.reporter.reports.length > 0)
    expect(a.reporter.reasons()).toEqual(['msg-ack-flood'])
  })

  it('by never acknowledging holds no more than its window, and its messages expire', async () => {
    const clock = new FakeClock()
    const a = await talker({ clock })
    const b = await rawReceiver({ instance: EPOCH, windowBytes: 1000, windowMessages: 5, maxPayload: 1000 })
    await introduce(a.node, b.node)
    const outcomes = Promise.allSettled(Array.from({ length: 20 }, async () => a.messages.send(b.node.peerId, 'x')))
    await until(() => b.frames.length === 5)
    expect(a.messages.stats().total).toMatchObject({ queued: 15, inFlight: 5 })
    await clock.tickAsync(60_000)
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: { name: 'MessageExpiredError' } })
    }
    expect(b.frames).toHaveLength(5)
    expect(a.messages.stats().total).toMatchObject({ queued: 0, outboxBytes: 0, expired: 20 })
  })
})

describe('slow handlers', () => {
  it('hold the memory of both sides under the bounds, and nobody who sends little has to wait', async () => {
    const limits = { receiveBytes: 200_000, windowBytes: 1_000_000 }
    const b = await talker({ limits })
    const gate = Promise.withResolvers<void>()
    b.messages.handle('slow', async () => {
      await gate.promise
    })
    b.messages.handle('quick', () => {})
    const senders = await Promise.all([talker({ limits }), talker({ limits }), talker({ limits })])
    const all = senders.map(async ({ node, messages }) => {
      await introduce(node, b.node)
      return messages.sendAll(
        b.id,
        'slow',
        Array.from({ length: 40 }, () => randomBytes(50_000))
      )
    })
    await until(() => b.messages.stats().total.received >= 5)
    const late = await talker()
    await introduce(late.node, b.node)
    await late.messages.send(b.id, 'quick', 'hello')
    // Of the 6 MB, the budget and, for each sender, what is reserved and what one read brings.
    expect(b.messages.stats().total.receivedBytes).toBeLessThanOrEqual(200_000 + 3 * (65_536 + 300_000))
    gate.resolve()
    expect(await Promise.all(all)).toEqual([40, 40, 40])
    expect(b.reporter.reports).toEqual([])
  })
})
