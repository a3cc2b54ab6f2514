import type { Connection, Stream } from '@libp2p/interface'
import { lifecycleCompliance, until } from '@penin/testing'
import type { Libp2p } from 'libp2p'
import { describe, expect, it } from 'vitest'
import { LEGACY_PROTOCOL, legacyMessages, type LegacyMessagesComponents, type MentalState } from '../src/index.js'
import { HeartbeatLedger } from '../src/heartbeat-ledger.js'
import { dial, frame, plainNode, received, talker, type Talker } from './message-support.js'

lifecycleCompliance(
  'legacyMessages',
  (clock) => {
    let handlers = 0
    const components = {
      peerId: { toString: () => 'self' },
      connectionManager: { getConnections: () => [] },
      registrar: { handle: async () => void handlers++, unhandle: async () => void handlers-- }
    } as unknown as LegacyMessagesComponents
    return { service: legacyMessages({ clock })(components), held: () => handlers }
  },
  { describe, it }
)

const named = (name: string, fields: object = {}): Error => expect.objectContaining({ name, ...fields }) as Error
const heartbeatOf = (node: Libp2p, change: object = {}): string =>
  JSON.stringify({
    msg_type: 'heartbeat',
    sender_id: node.peerId.toString(),
    timestamp: 1,
    payload: { status: 'healthy', node_id: node.peerId.toString() },
    signature: null,
    msg_id: 'x',
    ...change
  })

async function pair(): Promise<[Talker, Talker, Connection]> {
  const [a, b] = await Promise.all([talker(), talker()])
  const connection = await dial(a.node, b.node)
  await until(() => b.node.getConnections().length === 1)
  return [a, b, connection]
}

describe('Python messages between two plain libp2p nodes', () => {
  it('arrive at the handlers of their type, and at nobody else', async () => {
    const [a, b] = await pair()
    const got: unknown[] = []
    const stop = b.service.handle('vote', ({ payload }, { peer }) => void got.push([payload, peer.toString()]))
    b.service.handle('proposal', () => void got.push('proposal'))
    const id = await a.service.send(b.node.peerId, 'vote', { yes: true })
    await until(() => got.length === 1)
    expect(got).toEqual([[{ yes: true }, a.node.peerId.toString()]])
    expect(b.messages).toMatchObject([{ msg_id: id, timestamp: a.clock.now() / 1000, signature: null }])
    expect(id).toMatch(/^[0-9a-f]{16}$/)
    stop()
    await a.service.send(b.node.peerId, 'vote', {})
    await until(() => b.messages.length === 2)
    expect(got).toHaveLength(1)
    await until(() => b.service.stats().streams === 0)
    expect([a.service.stats().sent, b.service.stats().received]).toEqual([2, 2])
    expect([a.clock.pending(), b.clock.pending(), b.reporter.reports]).toEqual([0, 0, []])
  })

  it('answer a status query with the mental state, or with an empty one', async () => {
    const [a, b] = await pair()
    expect(await a.service.queryStatus(b.node.peerId)).toMatchObject({
      recent_outcomes: [],
      sr_statistics: { count: 0 }
    })
    const state: MentalState = {
      pending_recommendations: [{ id: '1', task: 't', expected_sr: 0.5, age_seconds: 3, metadata: { a: [1] } }],
      recent_outcomes: [{ id: '1', success: false, actual_sr: 0.1, message: 'm', timestamp: 4 }],
      current_concerns: [{ task: 't', success_rate: 0.2, total_attempts: 3, severity: 'high' }],
      sr_statistics: { count: 1, avg_sr: 0.1, latest_sr: 0.1, stability: 1 },
      timestamp: 5.5
    }
    const c = await talker({ mentalState: async () => state })
    await dial(a.node, c.node)
    expect(await a.service.queryStatus(c.node.peerId)).toEqual(state)
    expect(b.messages[0]?.payload).toEqual({
      requester_id: a.node.peerId.toString(),
      target_peer_id: b.node.peerId.toString()
    })
    await until(() => a.clock.pending() + b.clock.pending() + c.clock.pending() === 0)
  })

  it('answer a heartbeat once, and never an answer', async () => {
    const [a, b] = await pair()
    const answer = await a.service.heartbeat(b.node.peerId)
    expect(answer.payload).toEqual({ status: 'healthy', node_id: b.node.peerId.toString() })
    expect(await b.service.heartbeat(a.node.peerId)).toMatchObject({ sender_id: a.node.peerId.toString() })
    await until(() => a.service.stats().streams + b.service.stats().streams === 0)
    expect([a.messages.length, b.messages.length, a.service.stats().sent, b.service.stats().sent]).toEqual([2, 2, 2, 2])
  })

  it('end when both beat at once, and when the other answers every heartbeat on a new stream', async () => {
    const [a, b] = await pair()
    await Promise.all([a.service.heartbeat(b.node.peerId), b.service.heartbeat(a.node.peerId)])
    const naive = await plainNode()
    let heard = 0
    await naive.handle(LEGACY_PROTOCOL, async (stream, connection) => {
      for await (const _ of stream) {
        heard++
        const back = await connection.newStream(LEGACY_PROTOCOL)
        back.send(frame(heartbeatOf(naive)))
        void received(back).then(async (bytes) => {
          if (bytes.length > 0) {
            heard++
            const again = await connection.newStream(LEGACY_PROTOCOL)
            again.send(frame(heartbeatOf(naive)))
            await again.close()
          }
        })
        await back.close()
      }
      await stream.close()
    })
    const connection = await dial(a.node, naive)
    const from = a.messages.length
    expect(await a.service.heartbeat(naive.peerId)).toMatchObject({ sender_id: naive.peerId.toString() })
    expect([heard, a.messages.length - from]).toEqual([1, 1])
    const stream = await (naive.getConnections(a.node.peerId)[0] as Connection).newStream(LEGACY_PROTOCOL)
    stream.send(frame(heartbeatOf(naive)))
    await stream.close()
    expect((await received(stream)).toString()).toContain('healthy') // its question is answered
    await until(() => a.service.stats().streams === 0 && a.messages.length - from === 2)
    expect([heard, connection.status]).toEqual([1, 'open'])
  })

  it('can be answered by a handler, with whatever type it likes', async () => {
    const [a, b] = await pair()
    b.service.handle('knowledge_request', async ({ payload }, { answer }) =>
      answer('error', { error: 'unknown asset', context: payload.asset_id, timestamp: 1 })
    )
    const stream = await (a.node.getConnections()[0] as Connection).newStream(LEGACY_PROTOCOL)
    const payload = { asset_id: 'x', terms: {}, requester_id: 'a' }
    stream.send(frame(heartbeatOf(a.node, { msg_type: 'knowledge_request', payload })))
    await stream.close()
    expect((await received(stream)).toString()).toContain('"error":"unknown asset","context":"x"')
  })

  it('go on when a handler throws or hangs, and say which', async () => {
    const [a, b] = await pair()
    b.service.handle('vote', () => {
      throw new RangeError('broken')
    })
    b.service.handle('vote', async () => new Promise(() => {}))
    let calls = 0
    b.service.handle('proposal', () => void calls++)
    await a.service.send(b.node.peerId, 'vote', {})
    await until(() => b.failed.length === 1 && b.clock.pending() === 1)
    await b.clock.tickAsync(10_000)
    await until(() => b.failed.length === 2)
    expect(b.failed).toMatchObject([
      { type: 'vote', error: { message: 'broken' } },
      { type: 'vote', error: { name: 'TimeoutError' } }
    ])
    await a.service.send(b.node.peerId, 'proposal', {})
    await until(() => calls === 1)
  })

  it('fail with a type of their own: no connection, no such protocol, too large, no answer, cancelled, stopped', async () => {
    const [a, b] = await pair()
    const [stranger, silent] = await Promise.all([plainNode(), plainNode()])
    await silent.handle(LEGACY_PROTOCOL, () => {})
    const send = async (to: Libp2p): Promise<unknown> => a.service.send(to.peerId, 'vote', {})
    await expect(send(stranger)).rejects.toEqual(named('LegacyNotConnectedError', { peer: stranger.peerId.toString() }))
    await Promise.all([dial(a.node, stranger), dial(a.node, silent)])
    await expect(send(stranger)).rejects.toEqual(named('LegacySendError', { type: 'vote' }))
    await expect(a.service.send(b.node.peerId, 'vote', { x: 'x'.repeat(1 << 20) })).rejects.toEqual(
      named('LegacyMessageInvalidError')
    )
    const asking = expect(a.service.queryStatus(silent.peerId)).rejects.toEqual(
      named('LegacyTimeoutError', { timeout: 10_000 })
    )
    await until(() => a.service.stats().sent === 1)
    await a.clock.tickAsync(10_000)
    await asking
    const controller = new AbortController()
    const cancelled = expect(a.service.heartbeat(silent.peerId, controller)).rejects.toThrow('enough')
    await until(() => a.service.stats().sent === 2)
    controller.abort(new RangeError('enough'))
    await cancelled
    const stopped = expect(a.service.heartbeat(silent.peerId)).rejects.toEqual(named('NotRunningError'))
    await until(() => a.service.stats().sent === 3)
    await a.service.stop()
    await stopped
    await expect(send(b.node)).rejects.toEqual(named('NotRunningError'))
    expect(a.clock.pending()).toBe(0)
  })
})

describe('Python messages of peers that misbehave', () => {
  async function attacked(init = {}): Promise<{ a: Talker; peer: Libp2p; open: () => Promise<Stream> }> {
    const [a, peer] = await Promise.all([talker(init), plainNode()])
    const connection = await dial(peer, a.node)
    return { a, peer, open: async () => connection.newStream(LEGACY_PROTOCOL) }
  }

  it('are dropped and reported if the sender is somebody else, and the next one is taken', async () => {
    const { a, peer, open } = await attacked()
    const stream = await open()
    stream.send(frame(heartbeatOf(peer, { sender_id: a.node.peerId.toString() })))
    stream.send(frame(heartbeatOf(peer, { msg_type: 'vote' })))
    await until(() => a.messages.length === 1)
    expect(a.reporter.reports).toMatchObject([{ reason: 'legacy-sender-mismatch', tolerance: 'low' }])
    expect(a.reporter.reasons(peer.peerId)).toHaveLength(1)
    expect([a.service.stats().dropped['sender-mismatch'], a.service.stats().sent]).toEqual([1, 0])
  })

  it.each<[string, Uint8Array]>([
    ['a length just over the limit', Uint8Array.of(0x81, 0x80, 0x40)],
    ['an endless length prefix', new Uint8Array(64).fill(0xff)],
    ['no JSON', frame('{"msg_type":')],
    ['nothing in a frame', Uint8Array.of(0)],
    ['a hundred thousand brackets', frame('['.repeat(100_000))],
    ['half a message and then the end', Uint8Array.of(100, 0x7b)]
  ])('are reported once and end the stream: %s', async (_what, bytes) => {
    const { a, open } = await attacked()
    const stream = await open()
    stream.send(bytes)
    await stream.close().catch(() => {})
    await until(() => a.reporter.reports.length === 1 && a.service.stats().streams === 0)
    expect(a.reporter.reports).toMatchObject([{ reason: 'legacy-malformed', tolerance: 'mid' }])
    expect(a.service.stats().dropped.malformed).toBe(1)
  })

  it('are only counted if their type is unknown, or their target is somebody else', async () => {
    const { a, peer, open } = await attacked()
    const stream = await open()
    stream.send(frame(heartbeatOf(peer, { msg_type: 'later' })))
    const payload = { requester_id: 'x', target_peer_id: 'y' }
    stream.send(frame(heartbeatOf(peer, { msg_type: 'status_request', payload })))
    await stream.close()
    expect(await received(stream)).toHaveLength(0)
    expect(a.dropped.map(({ reason }) => reason)).toEqual(['unknown-type', 'other-target'])
    expect(a.reporter.reports).toEqual([])
  })

  it('are read no faster than allowed, and nobody is reported for it', async () => {
    const { a, peer, open } = await attacked({ rateLimit: { burst: 3, perSecond: 1 } })
    const stream = await open()
    for (let n = 0; n < 5; n++) {
      stream.send(frame(heartbeatOf(peer, { msg_type: 'vote', payload: { n } })))
    }
    await until(() => a.messages.length === 3 && a.clock.pending() === 2)
    await a.clock.tickAsync(999)
    expect(a.messages).toHaveLength(3)
    await a.clock.tickAsync(101)
    await until(() => a.messages.length === 4 && a.clock.pending() === 2)
    await a.clock.tickAsync(1_100)
    await until(() => a.messages.length === 5)
    expect([a.reporter.reports, a.dropped]).toEqual([[], []])
  })

  it('wait at their sender while a handler is busy, however many megabytes they are', async () => {
    const { a, peer, open } = await attacked()
    const busy = Promise.withResolvers<void>()
    a.service.handle('vote', async () => busy.promise)
    const stream = await open()
    let sent = 0
    const sending = (async () => {
      for (; sent < 12; sent++) {
        const vote = heartbeatOf(peer, { msg_type: 'vote', payload: { n: sent, x: 'x'.repeat(1_000_000) } })
        if (!stream.send(frame(vote))) {
          await stream.onDrain()
        }
      }
    })()
    await until(() => a.messages.length === 1)
    busy.resolve()
    await sending
    await stream.close()
    await until(() => a.messages.length === 12 && a.service.stats().streams === 0)
    expect(a.messages.map(({ payload }) => (payload as { n?: number }).n)).toEqual([...Array(12).keys()])
    expect([a.dropped, a.failed, a.reporter.reports]).toEqual([[], [], []])
  })

  it('may not keep a stream that they say nothing on, nor more streams than there are', async () => {
    const { a, open } = await attacked()
    const slow = await open()
    slow.send(Uint8Array.of(100))
    await until(() => a.service.stats().streams === 1 && a.clock.pending() === 1)
    await a.clock.tickAsync(10_000)
    await until(() => a.service.stats().streams === 0)
    const opened = async (): Promise<void> => (await open()).send(Uint8Array.of(100)) as unknown as undefined
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, opened))
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
    await until(() => a.service.stats().streams === 8)
    expect(a.reporter.reports).toEqual([])
    await a.service.stop()
    await until(() => a.service.stats().streams === 0 && a.clock.pending() === 0)
  })

  it('may hang up in every moment', async () => {
    const [a, peer] = await Promise.all([talker(), plainNode()])
    for (const bytes of [Uint8Array.of(), Uint8Array.of(100), frame(heartbeatOf(peer))]) {
      const connection = await dial(peer, a.node)
      const stream = await connection.newStream(LEGACY_PROTOCOL)
      stream.send(bytes)
      connection.abort(new RangeError('bye'))
      await until(() => a.node.getConnections().length === 0 && a.service.stats().streams === 0)
    }
    expect([a.reporter.reports, a.clock.pending()]).toEqual([[], 0])
  })
})

it('the memory of heartbeats is bounded', () => {
  let now = 0
  const ledger = new HeartbeatLedger({ monotonic: () => now } as never)
  for (let n = 0; n < 5_000; n++) {
    expect(ledger.isQuestion(`peer${n}`, false)).toBe(true)
  }
  expect(ledger.size).toBe(1024)
  expect(ledger.isQuestion('peer4999', false)).toBe(false)
  now = 5_000
  expect(ledger.isQuestion('peer4999', true)).toBe(false)
  expect(ledger.isQuestion('peer4999', false)).toBe(true)
})
