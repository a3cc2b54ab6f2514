import type { PeerId } from '@libp2p/interface'
import { until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { MESSAGES_PROTOCOL } from '../src/index.js'
import { introduce, talker, type Talker } from './support.js'

/** What a message is counted with beside its payload, as the README says. */
const OVERHEAD = 512

/** What a peer may always have waiting, however much others have. */
const RESERVED = 65_536

/** Senders to one receiver, each sending until it is told to stop. */
class Crowd {
  readonly counts = new Map<string, number>()
  isOver = false
  total = 0
  #running: Array<Promise<void>> = []

  constructor(
    readonly to: Talker,
    readonly senders: Talker[]
  ) {}

  static async gather(to: Talker, size: number, init: Parameters<typeof talker>[0]): Promise<Crowd> {
    const senders: Talker[] = []
    for (let n = 0; n < size; n++) {
      senders.push(await talker(init))
    }
    return new Crowd(to, senders)
  }

  count(from: PeerId): void {
    const name = from.toString()
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    this.total++
  }

  async sendEndlessly(payload: Uint8Array): Promise<void> {
    for (const { node, messages } of this.senders) {
      await introduce(node, this.to.node)
      const sink = messages.openStream(this.to.id, 'x')
      const send = async (): Promise<void> => {
        while (!this.isOver) {
          await sink.send(payload)
          this.sent++
        }
        await sink.close()
      }
      this.#running.push(send())
    }
  }

  /** Messages that senders were asked to send. */
  sent = 0

  async end(): Promise<void> {
    this.isOver = true
    await Promise.all(this.#running)
  }
}

/** Bytes that the streams of messages hold, which nobody has read or written yet. */
function buffered({ node }: Talker): { read: number; write: number } {
  const streams = node.getConnections().flatMap(({ streams }) => streams)
  const ours = streams.filter(({ protocol }) => protocol === MESSAGES_PROTOCOL)
  return {
    read: ours.reduce((sum, { readBufferLength }) => sum + readBufferLength, 0),
    write: ours.reduce((sum, { writeBufferLength }) => sum + writeBufferLength, 0)
  }
}

describe('100 peers that send to one node as fast as it takes', () => {
  // What one peer may have under way at once is small against its share, so that the cut falls on nobody's burst.
  const UNDER_WAY = 32
  const PER_PEER = 200

  const cases: Array<[string, () => Promise<void> | undefined]> = [
    ['a handler that is done at once', () => undefined],
    ['a handler that takes its time', async () => new Promise((resolve) => setImmediate(resolve))]
  ]
  it.each(cases)('get half of an equal share each, at least: %s', { timeout: 60_000 }, async (_, work) => {
    const receiveBytes = 1_000_000
    const b = await talker({ limits: { receiveBytes } })
    const crowd = await Crowd.gather(b, 100, { limits: { outboxPeerMessages: 2 * UNDER_WAY } })
    const payload = new Uint8Array(1000).fill(7)
    let mostWaiting = 0
    let base: ReadonlyMap<string, number> | undefined
    const cut = Promise.withResolvers<Map<string, number>>()
    b.messages.handle('x', ({ from }) => {
      crowd.count(from)
      const { received, taken } = b.messages.stats().total
      mostWaiting = Math.max(mostWaiting, received - taken)
      if (base === undefined && crowd.counts.size === 100) {
        base = new Map(crowd.counts)
        crowd.total = 0
      } else if (base !== undefined && crowd.total === 100 * PER_PEER) {
        cut.resolve(new Map([...crowd.counts].map(([name, count]) => [name, count - (base?.get(name) ?? 0)])))
      }
      return work()
    })
    await crowd.sendEndlessly(payload)
    const shares = [...(await cut.promise).values()]
    await crowd.end()
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(PER_PEER / 2)
    expect(mostWaiting).toBeLessThanOrEqual(100 * UNDER_WAY)
    expect(mostWaiting * (1000 + OVERHEAD)).toBeLessThanOrEqual(receiveBytes + 100 * (RESERVED + 32_768))
    expect(b.messages.stats().total).toMatchObject({ taken: crowd.sent, received: crowd.sent, duplicates: 0 })
    expect(b.reporter.reports).toEqual([])
  })
})

describe('handlers that do not come back for a while', () => {
  it('hold no more than the bounds at either side, whatever waits in the streams included', async () => {
    const PEERS = 8
    const windowBytes = 300_000
    const receiveBytes = 500_000
    const outboxPeerBytes = 1_000_000
    const b = await talker({ limits: { windowBytes, receiveBytes } })
    const gate = Promise.withResolvers<void>()
    const crowd = await Crowd.gather(b, PEERS, { limits: { outboxPeerBytes } })
    b.messages.handle('x', async ({ from }) => {
      await gate.promise
      crowd.count(from)
    })
    const payload = new Uint8Array(10_000).fill(7)
    await crowd.sendEndlessly(payload)

    const isFull = ({ messages }: Talker): boolean => messages.stats().total.outboxBytes > 480_000
    await until(() => crowd.senders.every(isFull))
    // Everybody has written what the window allows: nothing moves any more.
    await until(() => crowd.senders.every(({ messages }) => messages.stats().total.inFlight === 30))
    await until(() => crowd.senders.every((sender) => buffered(sender).write === 0))

    for (const sender of crowd.senders) {
      // Sinks take half of the outbox, and whoever asks has one more message in hand.
      expect(sender.messages.stats().total.outboxBytes).toBeLessThanOrEqual(outboxPeerBytes / 2 + 10_000 + OVERHEAD)
    }
    const { received, taken } = b.messages.stats().total
    expect(taken).toBe(0)
    // One read is as much as Yamux lets through at once before the stream is paused: no more than the window.
    expect(received * (10_000 + OVERHEAD)).toBeLessThanOrEqual(receiveBytes + PEERS * (RESERVED + windowBytes))
    expect(received * 10_000 + buffered(b).read).toBeLessThanOrEqual(PEERS * (windowBytes + 30 * 32))

    gate.resolve()
    await crowd.end()
    expect(b.messages.stats().total).toMatchObject({ taken: crowd.sent, duplicates: 0 })
    for (const { messages } of crowd.senders) {
      expect(messages.stats().total).toMatchObject({ outboxBytes: 0, inFlight: 0, queued: 0 })
    }
    expect(b.reporter.reports).toEqual([])
  })
})
