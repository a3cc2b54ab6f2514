import type { PeerId } from '@libp2p/interface'
import { systemRng } from '@penin/interface'
import { FakeClock } from '@penin/testing'
import { MemoryDatastore } from 'datastore-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AckCollector } from '../src/direct/ack-collector.js'
import { Meter } from '../src/direct/bandwidth.js'
import { DurableStore } from '../src/direct/durable-store.js'
import { IN_PROGRESS, Lane, REFUSED, TAKEN, UNKNOWN } from '../src/direct/lane.js'
import { ID_SPAN } from '../src/direct/limits.js'
import { Outgoing, OutgoingQueue, type Priority } from '../src/direct/outgoing.js'
import { RttHistogram } from '../src/direct/statistics.js'
import { messaging, type MessagingComponents } from '../src/index.js'

describe('what is remembered of ids', () => {
  it('is what a set of all of them would say, within the span', () => {
    const step = fc.tuple(fc.nat({ max: 3000 }), fc.constantFrom(TAKEN, REFUSED + 1, undefined))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const lane = new Lane('epoch', 0)
        const model = new Map<number, number>()
        for (const [id, outcome] of steps) {
          expect(lane.admit(id)).toBe(model.get(id) ?? UNKNOWN)
          if (!model.has(id)) {
            model.set(id, IN_PROGRESS)
          }
          if (outcome !== undefined && model.get(id) === IN_PROGRESS) {
            lane.settle(id, outcome)
            model.set(id, outcome)
          }
        }
      })
    )
  })

  it('is bounded, whatever ids come, and old ones count as taken', () => {
    const lane = new Lane('epoch', 0)
    lane.admit(0)
    lane.admit(Number.MAX_SAFE_INTEGER - 1)
    expect(lane.state(0)).toBe(TAKEN)
    expect(lane.high - lane.low).toBe(ID_SPAN)
    expect(lane.state(lane.low)).toBe(UNKNOWN)
    lane.confirm(lane.low + 10)
    expect([lane.state(lane.low + 9), lane.state(lane.low + 10)]).toEqual([TAKEN, UNKNOWN])
  })

  it('begins where the sender says that it begins', () => {
    const lane = new Lane('epoch', 1000)
    expect([lane.admit(999), lane.admit(1000)]).toEqual([TAKEN, UNKNOWN])
    lane.confirm(5000)
    expect([lane.admit(4999), lane.admit(5000)]).toEqual([TAKEN, UNKNOWN])
  })
})

describe('acknowledgements', () => {
  it('of ids in a row are one range', () => {
    const acks = new AckCollector()
    for (const id of [5, 6, 7, 3, 9]) {
      acks.add(id, TAKEN, false)
    }
    acks.add(8, REFUSED + 2, false)
    acks.add(1, TAKEN, true)
    expect(acks.take()).toEqual({
      taken: [
        [5, 3],
        [3, 1],
        [9, 1]
      ],
      refused: [[8, 2]],
      durableTaken: [[1, 1]],
      durableRefused: []
    })
    expect(acks.isEmpty).toBe(true)
  })
})

describe('the line', () => {
  it('goes by priority, then by order, and passes over what was settled or is not ready', () => {
    const queue = new OutgoingQueue()
    const entry = (priority: Priority, id: number): Outgoing => {
      const made = new Outgoing('x', new Uint8Array(0))
      made.priority = priority
      made.id = id
      queue.push(made)
      return made
    }
    const entries = [entry('low', 0), entry('normal', 1), entry('normal', 2), entry('high', 3), entry('normal', 4)]
    entries[2]!.state = 'done'
    entries[3]!.isReady = false
    const order: number[] = []
    for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
      queue.shift(next)
      order.push(next.id)
      entries[3]!.isReady = true
    }
    expect(order).toEqual([1, 3, 4, 0])
  })

  it('does not keep what was given up behind one that waits', () => {
    const queue = new OutgoingQueue()
    for (let n = 0; n < 10_000; n++) {
      const entry = new Outgoing('x', new Uint8Array(0))
      queue.push(entry)
      entry.state = n === 0 ? 'queued' : 'done'
    }
    expect([...queue]).toHaveLength(1)
  })
})

describe('the meter', () => {
  it('lets through what it is made for, and a message larger than the burst, by making the next one wait', () => {
    const clock = new FakeClock()
    const total = new Meter({ bytesPerSecond: 1000 }, clock)
    const meter = new Meter({ messagesPerSecond: 10 }, clock, total)
    expect(meter.delay()).toBe(0)
    meter.take(5000, 1)
    expect(meter.delay()).toBe(4001)
    void clock.tick(4001)
    expect(meter.delay()).toBe(0)
    expect(new Meter(undefined, clock).isLimited).toBe(false)
  })
})

describe('round trips', () => {
  it('are known to within 10 %, in bounded memory', () => {
    const histogram = new RttHistogram()
    expect(histogram.quantile(0.5)).toBeUndefined()
    for (let n = 1; n <= 1000; n++) {
      histogram.add(n / 10)
    }
    histogram.add(0)
    histogram.add(Number.MAX_VALUE)
    expect(histogram.quantile(0.5)! / 50).toBeGreaterThan(0.9)
    expect(histogram.quantile(0.5)! / 50).toBeLessThan(1.1)
    expect(histogram.quantile(0.99)! / 99).toBeLessThan(1.1)
  })
})

describe("options that can't be kept", () => {
  it.each([
    [{ limits: { maxMessageBytes: 17 * 1024 * 1024 } }],
    [{ limits: { windowMessages: 0 } }],
    [{ limits: { windowMessages: 100_000 } }],
    [{ retry: { attempts: 0 } }],
    [{ retry: { within: -1 } }]
  ])('%j', (init) => {
    expect(() => messaging(init)({} as MessagingComponents)).toThrow(
      expect.objectContaining({ name: 'InvalidArgumentError' })
    )
  })
})

it('senders of durable messages are remembered on the disk, 4096 of them, across restarts; who was heard longest ago goes', async () => {
  const datastore = new MemoryDatastore()
  const epoch = 'ab'.repeat(8)
  const sender = (n: number): PeerId => ({ toString: () => `peer-${n}` }) as PeerId
  const stored = async (): Promise<Set<string>> => {
    const names = new Set<string>()
    for await (const key of datastore.queryKeys({ prefix: '/penin/messages/in' })) {
      names.add(key.baseNamespace())
    }
    return names
  }
  const lane = new Lane(epoch, 0, ID_SPAN)
  const store = new DurableStore(datastore, systemRng)
  for (let n = 0; n < 4_096; n++) {
    await store.putInLane(sender(n), lane)
  }
  await store.putInLane(sender(0), lane) // heard again
  await store.putInLane(sender(5_000), lane)
  let names = await stored()
  expect([names.size, names.has('peer-0'), names.has('peer-1'), names.has('peer-5000')]).toEqual([
    4_096,
    true,
    false,
    true
  ])
  const restarted = new DurableStore(datastore, systemRng)
  await restarted.load()
  await restarted.putInLane(sender(5_001), lane)
  names = await stored()
  expect([names.size, names.has('peer-5001')]).toEqual([4_096, true])
})
