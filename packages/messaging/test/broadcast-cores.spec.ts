import { generateKeyPair } from '@libp2p/crypto/keys'
import type { RPC } from '@libp2p/gossipsub/message'
import type { ComponentLogger, Logger, PeerStore } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { FakeClock, lifecycleCompliance } from '@penin/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { broadcast, type BroadcastComponents } from '../src/broadcast/index.js'
import { FirstBringers } from '../src/broadcast/first-bringers.js'
import { BoundedMessageCache } from '../src/broadcast/message-cache.js'
import { idKey, messageId } from '../src/broadcast/message-id.js'
import { ReplayGuard } from '../src/broadcast/replay-guard.js'
import { applicationScore, SCORE_THRESHOLDS, TOPIC_SCORE, topicScores } from '../src/broadcast/score.js'
import { BroadcastStatistics } from '../src/broadcast/statistics.js'
import { TopicNames } from '../src/broadcast/topics.js'
import { someKey } from './broadcast-support.js'

const quiet = Object.assign(() => {}, { error: () => {}, trace: () => {}, enabled: false }) as unknown as Logger
const logger: ComponentLogger = { forComponent: () => quiet }

/** Components of a node that does nothing; `held` counts what a service has left with them. */
async function components(): Promise<{ given: BroadcastComponents; held: () => number }> {
  const privateKey = await generateKeyPair('Ed25519')
  const held = new Set<string>()
  let last = 0
  const given: BroadcastComponents = {
    peerId: peerIdFromPrivateKey(privateKey),
    privateKey,
    peerStore: {} as PeerStore,
    connectionManager: { getConnections: () => [] },
    logger,
    registrar: {
      handle: async (protocol) => {
        await Promise.resolve()
        expect(held.has(protocol)).toBe(false)
        held.add(protocol)
      },
      unhandle: async (protocol) => {
        await Promise.resolve()
        held.delete(protocol)
      },
      register: async () => {
        await Promise.resolve()
        held.add(`topology ${++last}`)
        return `topology ${last}`
      },
      unregister: (id) => {
        held.delete(id)
      },
      getProtocols: () => [...held]
    }
  }
  return { given, held: () => held.size }
}

for (const start of ['with-node', 'first-use'] as const) {
  lifecycleCompliance(
    `broadcast ${start}`,
    async (clock) => {
      const { given, held } = await components()
      const service = broadcast({ networkId: 'x', clock, start })(given)
      service.subscribe('topic', () => {})
      return { service, held }
    },
    { describe, it }
  )
}

describe('old messages', () => {
  const MINUTE = 60_000

  it('are refused as soon as GossipSub may have forgotten them, and never before', () => {
    const clock = new FakeClock()
    const guard = new ReplayGuard(10, clock)
    expect(guard.admit('a', 5n)).toBe(true)
    clock.tick(MINUTE - 1)
    expect(guard.admit('a', 4n)).toBe(true) // late, but GossipSub knows whether it is new
    clock.tick(MINUTE + 1)
    expect(guard.admit('a', 5n)).toBe(false)
    expect(guard.admit('a', 4n)).toBe(false)
    expect(guard.admit('a', 6n)).toBe(true)
    expect(guard.admit('b', 1n)).toBe(true)
  })

  it('are refused whatever comes in between, and only they', () => {
    const step = fc.record({ wait: fc.nat({ max: 3 * MINUTE }), number: fc.nat({ max: 50 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new FakeClock()
        const guard = new ReplayGuard(1, clock)
        const taken: Array<{ at: number; number: number }> = []
        for (const { wait, number } of steps) {
          clock.tick(wait)
          const now = clock.monotonic()
          const isOld = taken.some((other) => number <= other.number && now - other.at >= 2 * MINUTE)
          const mayBeOld = taken.some((other) => number <= other.number && now - other.at >= MINUTE)
          const isAdmitted = guard.admit('a', BigInt(number))
          if (isOld) {
            expect(isAdmitted).toBe(false)
          }
          if (!mayBeOld) {
            expect(isAdmitted).toBe(true)
          }
          if (isAdmitted) {
            taken.push({ at: now, number })
          }
        }
      })
    )
  })

  it('are known of as many authors as there is room for', () => {
    const guard = new ReplayGuard(100, new FakeClock())
    for (let author = 0; author < 1000; author++) {
      guard.admit(String(author), 1n)
    }
    expect(guard.size).toBe(100)
  })
})

describe('messages kept for others', () => {
  const kept = (n: number, size: number, topic = 't'): [{ msgId: Uint8Array; msgIdStr: string }, RPC.Message] => [
    { msgId: Uint8Array.of(n), msgIdStr: String(n) },
    { topic, data: new Uint8Array(size) }
  ]

  it('take no more bytes than they may, and the oldest go first', () => {
    const cache = new BoundedMessageCache(10 * 2024)
    for (let n = 0; n < 25; n++) {
      cache.put(...kept(n, 1000))
    }
    expect(cache.size).toBe(10)
    expect(cache.bytes).toBe(10 * 2024)
    expect(cache.getWithIWantCount('14', 'p')).toBeNull()
    expect(cache.getWithIWantCount('15', 'p')).toMatchObject({ count: 1 })
    expect(cache.put(...kept(20, 1000))).toBe(false)
  })

  it('are announced for three heartbeats, given for five, and then forgotten', () => {
    const cache = new BoundedMessageCache(1_000_000)
    cache.put(...kept(1, 10))
    for (let beat = 0; beat < 5; beat++) {
      expect(cache.getGossipIDs(new Set(['t'])).size).toBe(beat < 3 ? 1 : 0)
      expect(cache.getWithIWantCount('1', 'p')).not.toBeNull()
      cache.shift()
    }
    expect(cache.getWithIWantCount('1', 'p')).toBeNull()
    expect(cache).toMatchObject({ size: 0, bytes: 0 })
  })

  it('are given to one peer within bounds, anew with each heartbeat', () => {
    const cache = new BoundedMessageCache(100_000_000)
    for (let n = 0; n < 1000; n++) {
      cache.put(...kept(n, n < 600 ? 0 : 65_536))
    }
    const given = (from: number, to: number, peer: string): number => {
      let count = 0
      for (let n = from; n < to; n++) {
        count += cache.getWithIWantCount(String(n), peer) === null ? 0 : 1
      }
      return count
    }
    expect(given(0, 600, 'a')).toBe(500)
    expect(given(600, 1000, 'b')).toBe(8)
    expect(given(0, 1, 'a')).toBe(0)
    cache.shift()
    expect(given(0, 600, 'a')).toBe(500)
  })
})

describe('names', () => {
  it('of topics come back from the wire, and no other network has the same', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/)
    const network = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/)
    fc.assert(
      fc.property(network, network, name, (a, b, topic) => {
        const wire = new TopicNames(a).toWire(topic)
        expect(new TopicNames(a).fromWire(wire)).toBe(topic)
        expect(new TopicNames(b).fromWire(wire)).toBe(a === b ? topic : undefined)
      })
    )
  })

  it('that peers make up are never taken for topics unless they could be', () => {
    const names = new TopicNames('n')
    const odd = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }).map((rest) => `/penin/n/${rest}`)
    )
    fc.assert(
      fc.property(odd, (wire) => {
        const topic = names.fromWire(wire)
        if (topic !== undefined) {
          expect(names.toWire(topic)).toBe(wire)
        }
      })
    )
  })

  it('of messages are their author and number', async () => {
    const author = (await someKey()).publicKey.toMultihash().bytes
    const id = messageId(author, 258n)
    expect([...id]).toEqual([...author, 0, 0, 0, 0, 0, 0, 1, 2])
    expect(idKey(id)).toHaveLength(46)
  })
})

describe('scores', () => {
  it('rise with reputation, and only a poor one costs anything', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99 }), (reputation) => {
        expect(applicationScore(reputation + 1)).toBeGreaterThanOrEqual(applicationScore(reputation))
        expect(applicationScore(reputation) < 0).toBe(reputation < 25)
      })
    )
    expect(applicationScore(0)).toBeLessThan(SCORE_THRESHOLDS.graylistThreshold)
    expect(applicationScore(50)).toBeGreaterThan(0)
    expect(applicationScore(100)).toBeCloseTo(10)
    expect(applicationScore(1000)).toBeCloseTo(10)
    expect(applicationScore(-5)).toBe(-100)
  })

  it('count for every topic of the network, and take no memory for any', () => {
    const scores = topicScores('/penin/n/')
    expect(scores['/penin/n/anything']).toBe(TOPIC_SCORE)
    expect(scores['/penin/m/anything']).toBeUndefined()
    expect(Object.keys(scores)).toEqual([])
  })
})

it('statistics are kept of the topics that were heard of last', () => {
  const statistics = new BroadcastStatistics()
  for (let n = 0; n < 1000; n++) {
    statistics.published(`t${n}`, 2)
    statistics.dropped('invalid', 't0')
  }
  expect(Object.keys(statistics.topics())).toHaveLength(256)
  expect(statistics.topics()).toMatchObject({
    t0: { published: 1, dropped: { invalid: 1000 } },
    t999: { published: 1 }
  })
  expect(statistics.total).toMatchObject({ published: 1000, publishedBytes: 2000, dropped: { invalid: 1000 } })
})

it('good messages are counted for the peers that brought one last, until the number is taken', () => {
  const bringers = new FirstBringers()
  bringers.add('a')
  bringers.add('b')
  bringers.add('a')
  expect([bringers.take('a'), bringers.take('a'), bringers.take('stranger')]).toEqual([2, 0, 0])
  for (let n = 0; n < 2_000; n++) {
    bringers.add(`sybil ${n}`)
    bringers.add('b')
  }
  expect(bringers.size).toBe(1_024)
  expect([bringers.take('b'), bringers.take('sybil 0'), bringers.take('sybil 1999')]).toEqual([2_001, 0, 1])
})
