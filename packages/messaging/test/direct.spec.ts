import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { FakeClock, lifecycleCompliance, until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { MESSAGING_LIMITS, messaging, MessageType, type MessagingComponents } from '../src/index.js'
import { introduce, pair, plainNode, talker } from './support.js'

const named = (name: string): unknown => expect.objectContaining({ name })

lifecycleCompliance(
  'messaging',
  (clock) => {
    let held = 0
    const components = {
      peerId: undefined,
      connectionManager: {},
      registrar: {
        handle: async () => void held++,
        unhandle: async () => void held--,
        register: async () => (held++, 'id'),
        unregister: () => void held--
      }
    } as unknown as MessagingComponents
    return { service: messaging({ clock })(components), held: () => held }
  },
  { describe, it }
)

describe('messages between two libp2p nodes', () => {
  it('resolve once the handler has taken them', async () => {
    const [a, b] = await pair()
    const got: unknown[] = []
    b.messages.handle('greeting', async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      got.push([message.from.toString(), message.type, message.text(), message.wantsAnswer])
    })
    await a.messages.send(b.id, 'greeting', 'hi')
    expect(got).toEqual([[a.id.toString(), 'greeting', 'hi', false]])
    expect(a.messages.stats().total).toMatchObject({ sent: 1, delivered: 1, queued: 0, inFlight: 0, outboxBytes: 0 })
    expect(b.messages.stats().peers[a.id.toString()]).toMatchObject({ received: 1, taken: 1, receivedBytes: 2 })
    expect(a.messages.stats().total.rtt.p50).toBeGreaterThan(0)
  })

  it('carry bytes, text and JSON of every known type and of named ones', async () => {
    const [a, b] = await pair()
    const got: unknown[] = []
    const types = [0, 1, 2, 3, 4, 5, 6].map((n) => n as MessageType)
    for (const type of [...types, 'é'.repeat(32)]) {
      b.messages.handle(type, (message) => void got.push([message.type, message.json()]))
      await a.messages.send(b.id, type, { type })
    }
    expect(got).toEqual([...types, 'é'.repeat(32)].map((type) => [type, { type }]))
    await expect(a.messages.send(b.id, 'é'.repeat(33), '')).rejects.toThrow(named('InvalidArgumentError'))
    await expect(a.messages.send(b.id, '', '')).rejects.toThrow(named('InvalidArgumentError'))
    await expect(a.messages.send(b.id, 9 as MessageType)).rejects.toThrow(named('InvalidArgumentError'))
    await expect(a.messages.send(a.id, 'x')).rejects.toThrow(named('InvalidArgumentError'))
  })

  it('of 0 bytes, 1 byte and the longest are taken, a longer one is not even sent', async () => {
    const [a, b] = await pair()
    const lengths: number[] = []
    b.messages.handle(MessageType.DATA, ({ bytes }) => void lengths.push(bytes.length))
    for (const length of [0, 1, 1_048_576]) {
      await a.messages.send(b.id, MessageType.DATA, randomBytes(length))
      await a.messages.send(b.id, MessageType.DATA, new Uint8Array(length))
    }
    expect(lengths).toEqual([0, 0, 1, 1, 1_048_576, 1_048_576])
    const tooLong = a.messages.send(b.id, MessageType.DATA, new Uint8Array(1_048_577))
    await expect(tooLong).rejects.toMatchObject({ name: 'MessageTooLongError', length: 1_048_577, max: 1_048_576 })
  })

  it('longer than the receiver takes fail at the sender, and the others go on', async () => {
    const [a, b] = await pair({}, { limits: { maxMessageBytes: 1000 } })
    b.messages.handle('x', () => {})
    const both = [a.messages.send(b.id, 'x', randomBytes(1001)), a.messages.send(b.id, 'x', randomBytes(1000))]
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    expect(b.reporter.reports).toEqual([])
  })

  it('up to 16 MiB where both ends allow it', async () => {
    const limits = { maxMessageBytes: 16 * 1024 * 1024, outboxPeerBytes: 64 * 1024 * 1024 }
    const [a, b] = await pair({ limits }, { limits })
    const payload = randomBytes(limits.maxMessageBytes)
    b.messages.handle('x', ({ bytes }) => Buffer.compare(bytes, payload).toString())
    expect((await a.messages.request(b.id, 'x', payload)).text()).toBe('0')
  })

  it('keep their order within a type, though the handler is slower for some', async () => {
    const [a, b] = await pair()
    const got: number[] = []
    b.messages.handle('slow', async (message) => {
      const n = Number(message.text())
      await new Promise((resolve) => setTimeout(resolve, n % 3 === 0 ? 2 : 0))
      got.push(n)
    })
    const all = Array.from({ length: 100 }, (_, n) => a.messages.send(b.id, 'slow', n))
    await Promise.all(all)
    expect(got).toEqual(Array.from({ length: 100 }, (_, n) => n))
  })

  it('are handled side by side where the handler says so', async () => {
    const [a, b] = await pair()
    let at = 0
    let most = 0
    const handler = async (): Promise<void> => {
      most = Math.max(most, ++at)
      await new Promise((resolve) => setTimeout(resolve, 5))
      at--
    }
    b.messages.handle('wide', handler, { concurrency: 4 })
    await Promise.all(Array.from({ length: 20 }, () => a.messages.send(b.id, 'wide')))
    expect(most).toBe(4)
  })

  it('of high priority overtake those that wait', async () => {
    const [a, b] = await pair()
    const got: string[] = []
    b.messages.handle('x', (message) => void got.push(message.text()))
    await Promise.all([
      a.messages.send(b.id, 'x', 'low', { priority: 'low' }),
      a.messages.send(b.id, 'x', 'normal'),
      a.messages.send(b.id, 'x', 'high', { priority: 'high' })
    ])
    expect(got).toEqual(['high', 'normal', 'low'])
  })

  it('of many types share one stream: more than get numbers are sent by name', async () => {
    const [a, b] = await pair()
    for (let n = 0; n < 300; n++) {
      b.messages.handle(`type-${n}`, (message) => message.type)
    }
    const answers = Array.from({ length: 600 }, async (_, n) =>
      (await a.messages.request(b.id, `type-${n % 300}`)).text()
    )
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 600 }, (_, n) => `type-${n % 300}`))
    expect(b.reporter.reports).toEqual([])
  })

  it('have one handler for each type, until it is taken back', async () => {
    const [a, b] = await pair()
    const off = b.messages.handle('x', () => 'first')
    expect(() => b.messages.handle('x', () => {})).toThrow(named('HandlerExistsError'))
    expect((await a.messages.request(b.id, 'x')).text()).toBe('first')
    off()
    await expect(a.messages.send(b.id, 'x')).rejects.toMatchObject({ reason: 'unknown-type' })
    b.messages.handle('x', () => 'second')
    off()
    expect((await a.messages.request(b.id, 'x')).text()).toBe('second')
    b.messages.unhandle('x')
    await expect(a.messages.request(b.id, 'x')).rejects.toMatchObject({ name: 'MessageRefusedError' })
  })

  it('are refused with the reason when the handler throws, at once or later', async () => {
    const [a, b] = await pair()
    b.messages.handle('now', () => {
      throw new TypeError('no')
    })
    b.messages.handle('later', async () => Promise.reject(new TypeError('no')))
    b.messages.handle('json', (message) => void message.json())
    for (const type of ['now', 'later', 'json']) {
      await expect(a.messages.send(b.id, type, '{')).rejects.toMatchObject({ reason: 'handler-failed' })
    }
    await expect(a.messages.request(b.id, 'now')).rejects.toMatchObject({ reason: 'handler-failed' })
    expect(b.messages.stats().total.refusals).toEqual({ 'handler-failed': 4 })
    expect(a.messages.stats().total).toMatchObject({ refused: 4, delivered: 0 })
  })

  it('above 1 KiB are compressed if it pays, and only then', async () => {
    const [a, b] = await pair()
    const got: number[] = []
    b.messages.handle('x', ({ bytes }) => void got.push(bytes.length))
    const prose = 'to be or not to be, that is the question. '.repeat(100)
    for (const payload of [prose, prose.repeat(50), randomBytes(5000), randomBytes(100_000), 'short']) {
      await a.messages.send(b.id, 'x', payload)
    }
    expect(got).toEqual([4200, 210_000, 5000, 100_000, 5])
    const { compressedFrom, compressionRatio, wireBytesOut } = a.messages.stats().total
    expect(compressedFrom).toBe(214_200)
    expect(compressionRatio).toBeLessThan(0.1)
    expect(wireBytesOut).toBeLessThan(110_000)
    await a.messages.send(b.id, 'x', prose, { compress: false })
    expect(a.messages.stats().total.compressedFrom).toBe(214_200)
  })
})

describe('requests', () => {
  it('give what the handler returns', async () => {
    const [a, b] = await pair()
    b.messages.handle('add', (message) => {
      const [x, y] = message.json() as [number, number]
      return { sum: x + y }
    })
    b.messages.handle('none', () => {})
    const answers = Array.from({ length: 50 }, async (_, n) => (await a.messages.request(b.id, 'add', [n, 1])).json())
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 50 }, (_, n) => ({ sum: n + 1 })))
    expect((await a.messages.request(b.id, 'none')).bytes).toHaveLength(0)
    expect(a.messages.stats().total).toMatchObject({ inFlight: 0, outboxBytes: 0 })
    await expect(a.messages.request(b.id, 'add', '', { durable: true })).rejects.toThrow(named('InvalidArgumentError'))
  })

  it('may go both ways at once', async () => {
    const [a, b] = await pair()
    a.messages.handle('ask', async (message) => (await a.messages.request(message.from, 'name')).text() + '!')
    b.messages.handle('name', () => 'b')
    expect((await b.messages.request(a.id, 'ask')).text()).toBe('b!')
  })
})

describe('many messages', () => {
  it('go no faster than the receiver takes them, in bounded memory', async () => {
    const limits = { windowMessages: 16, outboxPeerMessages: 32 }
    const [a, b] = await pair({ limits }, { limits })
    let most = 0
    b.messages.handle('x', async () => {
      const { received, taken } = b.messages.stats().total
      most = Math.max(most, received - taken)
      await Promise.resolve()
    })
    async function* source() {
      for (let n = 0; n < 1000; n++) {
        yield String(n)
        const { queued, inFlight } = a.messages.stats().total
        expect(queued + inFlight).toBeLessThanOrEqual(16)
      }
    }
    expect(await a.messages.sendAll(b.id, 'x', source())).toBe(1000)
    expect(most).toBeLessThanOrEqual(16)
    expect(b.reporter.reports).toEqual([])
  })

  it('stop at the first that fails', async () => {
    const [a, b] = await pair()
    const sink = a.messages.openStream(b.id, 'nobody')
    await sink.send('x')
    await expect(sink.close()).rejects.toThrow(named('MessageRefusedError'))
    await expect(sink.send('y')).rejects.toThrow(named('MessageStreamClosedError'))
    await expect(a.messages.sendAll(b.id, 'nobody', ['x'])).rejects.toThrow(named('MessageRefusedError'))
  })

  it('beyond the room are refused at once, and the rest arrives', async () => {
    const limits = { outboxPeerMessages: 10 }
    const [a, b] = await pair({ limits })
    b.messages.handle('x', () => {})
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => a.messages.send(b.id, 'x')))
    expect(outcomes.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(2)
    expect(outcomes.at(-1)).toMatchObject({ reason: { name: 'OutboxFullError', bound: 'peer-messages' } })
  })

  it('are held to the bandwidth limit by waiting, without a report', async () => {
    const clock = new FakeClock()
    const perPeer = { messagesPerSecond: 10 }
    const [a, b] = await pair({ clock, bandwidthLimit: { perPeer }, retry: { within: 600_000 } })
    let got = 0
    b.messages.handle('x', () => void got++)
    const all = Promise.all(Array.from({ length: 25 }, () => a.messages.send(b.id, 'x')))
    await until(() => got === 10)
    const from = clock.monotonic()
    await until(async () => {
      await clock.tickAsync(100)
      return got === 25
    })
    expect(clock.monotonic() - from).toBeGreaterThanOrEqual(1400)
    await all
    expect(b.reporter.reports).toEqual([])
  })

  it("of a peer over the receiver's limit wait on its stream, and it is not blamed", async () => {
    const clock = new FakeClock()
    const [a, b] = await pair({}, { clock, bandwidthLimit: { total: { bytesPerSecond: 100_000 } } })
    b.messages.handle('x', () => {})
    const all = Promise.all(Array.from({ length: 40 }, () => a.messages.send(b.id, 'x', randomBytes(10_000))))
    let isDone = false
    void all.then(() => (isDone = true))
    const from = clock.monotonic()
    await until(async () => {
      await clock.tickAsync(100)
      return isDone
    })
    expect(clock.monotonic() - from).toBeGreaterThan(0)
    expect(b.reporter.reports).toEqual([])
  })
})

describe('an absent peer', () => {
  it('gets its messages when it comes by itself', async () => {
    const clock = new FakeClock()
    const [a, b] = await Promise.all([talker({ clock }), talker()])
    b.messages.handle('x', () => {})
    const sent = a.messages.send(b.id, 'x')
    await until(() => clock.pending() >= 2) // the message's end, and the next attempt
    await introduce(b.node, a.node)
    await b.node.dial(a.id)
    await sent
  })

  it('is dialled by whoever knows how', async () => {
    const b = await talker()
    b.messages.handle('x', () => {})
    const node: { dial?: Awaited<ReturnType<typeof plainNode>>['dial'] } = {}
    const a = await talker({ connect: async (_, signal) => node.dial!(b.node.getMultiaddrs(), { signal }) })
    node.dial = async (...args) => a.node.dial(...args)
    await a.messages.send(b.id, 'x')
  })

  it('that never comes ends in an error with the cause once the time is over, after three attempts', async () => {
    const clock = new FakeClock()
    let attempts = 0
    const connect = async () => {
      attempts++
      throw new RangeError('nobody there')
    }
    const [a, b] = await Promise.all([talker({ clock, connect }), talker()])
    const sent = a.messages.send(b.id, 'x').catch((error: unknown) => error)
    a.messages.notify(b.id, 'y')
    await until(async () => {
      await clock.tickAsync(1_000)
      return a.undelivered.length > 0
    })
    expect(await sent).toMatchObject({ name: 'PeerUnreachableError', cause: { message: 'nobody there' } })
    expect(a.undelivered).toMatchObject([{ type: 'y', error: { name: 'PeerUnreachableError' } }])
    expect(attempts).toBeGreaterThanOrEqual(3)
    expect(attempts).toBeLessThanOrEqual(6)
    expect(a.messages.stats().total).toMatchObject({ expired: 2, queued: 0, outboxBytes: 0 })
  })

  it('is remembered, but no more of them than the bound: the one used longest ago goes', async () => {
    expect(MESSAGING_LIMITS.peers).toBe(1_024)
    const a = await talker({ connect: async () => new Promise<never>(() => {}), limits: { peers: 3 } })
    const peers = await Promise.all(
      Array.from({ length: 5 }, async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519')))
    )
    const [first, second, third, fourth, fifth] = peers as [PeerId, PeerId, PeerId, PeerId, PeerId]
    const remembered = (): string[] => Object.keys(a.messages.stats().peers)
    for (const peer of [first, second, third, first, fourth]) {
      const controller = new AbortController()
      const sent = a.messages.send(peer, 'x', '', { signal: controller.signal })
      controller.abort('enough')
      await expect(sent).rejects.toBe('enough')
    }
    expect(remembered()).toEqual([third, first, fourth].map(String))
    for (const peer of [third, first, fourth]) {
      a.messages.notify(peer, 'waits')
    }
    await expect(a.messages.send(fifth, 'x')).rejects.toMatchObject({ name: 'OutboxFullError', bound: 'peers' })
    expect(remembered()).toEqual([third, first, fourth].map(String))
  })

  it('that speaks no messages is an error at once', async () => {
    const [a, b] = await Promise.all([talker(), plainNode()])
    await introduce(a.node, b)
    await expect(a.messages.send(b.peerId, 'x')).rejects.toThrow(named('MessagesUnsupportedError'))
  })

  it('costs nothing more when the call is aborted or the service stops', async () => {
    const connect = async () => new Promise<never>(() => {})
    const [a, b] = await Promise.all([talker({ connect }), talker()])
    const controller = new AbortController()
    const aborted = a.messages.send(b.id, 'x', '', { signal: controller.signal })
    const stopped = a.messages.send(b.id, 'x')
    controller.abort(new RangeError('enough'))
    await expect(aborted).rejects.toThrow('enough')
    expect(a.messages.stats().total.queued).toBe(1)
    await Promise.all([expect(stopped).rejects.toThrow(named('NotRunningError')), a.messages.stop()])
    await expect(a.messages.send(b.id, 'x')).rejects.toThrow(named('NotRunningError'))
    expect(() => a.messages.notify(b.id, 'x')).toThrow(named('NotRunningError'))
  })

  it('fills the outbox up to its bounds, by peer and in total', async () => {
    const connect = async () => new Promise<never>(() => {})
    const limits = { outboxPeerBytes: 10_000, outboxMessages: 12, outboxBytes: 20_000, peers: 3 }
    const [a, b, c, d] = await Promise.all([talker({ connect, limits }), talker(), talker(), talker()])
    a.messages.notify(b.id, 'x', randomBytes(8000))
    expect(() => a.messages.notify(b.id, 'x', randomBytes(8000))).toThrow(
      expect.objectContaining({ bound: 'peer-bytes' })
    )
    a.messages.notify(c.id, 'x', randomBytes(8000))
    expect(() => a.messages.notify(d.id, 'x', randomBytes(8000))).toThrow(
      expect.objectContaining({ bound: 'total-bytes' })
    )
    for (let n = 0; n < 5; n++) {
      a.messages.notify(d.id, 'x')
    }
    expect(() => a.messages.notify(d.id, 'x')).toThrow(expect.objectContaining({ bound: 'total-bytes' }))
    const e = await talker()
    expect(() => a.messages.notify(e.id, 'x')).toThrow(expect.objectContaining({ bound: 'peers' }))
  })
})
