import type { PeerId } from '@libp2p/interface'
import { FakeClock, seededRng } from '@penin/testing'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { Answers } from '../src/answers.js'
import { encodeAnswer } from '../src/codec.js'
import { Counters } from '../src/counters.js'
import type { SharedRecord } from '../src/index.js'
import { crowd, recordOf, shared, somebody, stubSource, type Somebody, type StubSource } from './support.js'

const DAY = 24 * 3_600_000
const everybody = await crowd(500)
const records = await shared(everybody)

let clock: FakeClock
let own: Somebody
let asker: PeerId
beforeEach(async () => {
  clock = new FakeClock()
  own = await somebody()
  asker = (await somebody()).id
})

function make(source: StubSource): { answers: Answers; counters: Counters } {
  const counters = new Counters()
  return { answers: new Answers({ own: own.id, source, clock, rng: seededRng(1), counters }), counters }
}

const as = (list: readonly Uint8Array[]): Set<string> =>
  new Set(list.map((bytes) => Buffer.from(bytes).toString('hex')))

describe('an answer', () => {
  it('has at most the larger of 16 and 23 % of the book, at most 64, and at most as many as wanted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(500), fc.integer({ min: 1, max: 64 }), async (size, want) => {
        const { answers } = make(stubSource(records.slice(0, size)))
        const told = await answers.for(asker, 'public', want)
        expect(told).toHaveLength(Math.min(want, size, 64, Math.max(16, Math.floor(size * 0.23))))
        expect(as(told).size).toBe(told.length)
      }),
      { numRuns: 50 }
    )
  })

  it('keeps to its limits when the source does not: too many, repeated, unreadable, swapped, our own', async () => {
    const [first, second] = records as [SharedRecord, SharedRecord]
    const source = stubSource([
      first,
      first,
      { id: second.id, envelope: first.envelope },
      { id: second.id, envelope: new Uint8Array(10) },
      { id: own.id, envelope: await recordOf(own) },
      ...records.slice(10)
    ])
    source.size = 10_000
    source.sampleForExchange = () => source.records
    const { answers, counters } = make(source)
    const told = await answers.for(asker, 'public', 64)
    expect(told).toHaveLength(60)
    expect(as(told)).toEqual(as([first, ...records.slice(10, 69)].map(({ envelope }) => envelope)))
    expect(counters.stats.leftOut).toBe(4)
  })

  it('A4: never has the asker’s own record in it', async () => {
    const { answers } = make(stubSource(records.slice(0, 16)))
    for (const { id, envelope } of records.slice(0, 16)) {
      const told = await answers.for(id, 'public', 64)
      expect(told).toHaveLength(15)
      expect(as(told)).not.toContain(Buffer.from(envelope).toString('hex'))
    }
  })

  it('fits into one message, however large the records are', async () => {
    const addresses = Array.from({ length: 20 }, (_, i) => `/dns4/${'x'.repeat(60)}.example.com/tcp/${i + 1}`)
    const source = stubSource(await shared(everybody.slice(0, 64), { addresses }))
    source.size = 1_000
    const { answers } = make(source)
    const told = await answers.for(asker, 'public', 64)
    expect(told.length).toBeGreaterThan(30)
    expect(encodeAnswer(told).byteLength).toBeLessThanOrEqual(65_536)
  })

  it('never tells of an address that the asker’s scope has nothing to do with', async () => {
    const of = async (index: number, ...addresses: string[]): Promise<SharedRecord> =>
      (await shared(everybody.slice(index, index + 1), { addresses }))[0] as SharedRecord
    const all = {
      public: await of(0, '/ip4/203.0.113.7/tcp/1'),
      named: await of(1, '/dns4/example.com/tcp/1'),
      lan: await of(2, '/ip4/192.168.1.5/tcp/1'),
      mixed: await of(3, '/ip4/203.0.113.7/tcp/1', '/ip4/10.0.0.5/tcp/1'),
      host: await of(4, '/ip4/127.0.0.1/tcp/1'),
      lanAndHost: await of(5, '/ip4/192.168.1.5/tcp/1', '/ip4/127.0.0.1/tcp/1'),
      zone: await of(6, '/ip6/fe80::1/tcp/1'),
      nowhere: await of(7, '/ip4/0.0.0.0/tcp/1'),
      empty: await of(8)
    }
    const { answers, counters } = make(stubSource(Object.values(all)))
    const told = async (scope: 'public' | 'private' | 'loopback'): Promise<string[]> => {
      const got = as(await answers.for(asker, scope, 64))
      return Object.entries(all).flatMap(([name, { envelope }]) =>
        got.has(Buffer.from(envelope).toString('hex')) ? [name] : []
      )
    }
    expect(await told('public')).toEqual(['public', 'named'])
    expect(await told('private')).toEqual(['public', 'named', 'lan', 'mixed'])
    expect(await told('loopback')).toEqual(['public', 'named', 'lan', 'mixed', 'host', 'lanAndHost'])
    expect(counters.stats.leftOut).toBe(7 + 5 + 3)
  })

  it('asks the source for the scope, and never for us', async () => {
    const asked: unknown[] = []
    const source = stubSource()
    source.sampleForExchange = (options) => {
      asked.push(options)
      return []
    }
    await make(source).answers.for(asker, 'private', 64)
    expect(asked).toEqual([{ scope: 'private', max: 16, exclude: [own.id] }])
  })
})

describe('scraping', () => {
  it('gets nobody more than one choice of records a day for each scope, under however many names', async () => {
    const source = stubSource(records)
    source.sampleForExchange = ({ max }) => {
      source.samples++
      return source.records.slice(source.samples * 64, source.samples * 64 + max)
    }
    const { answers } = make(source)
    const seen = new Set<string>()
    for (const { id } of everybody.slice(0, 100)) {
      for (const bytes of await answers.for(id, 'public', 64)) {
        seen.add(Buffer.from(bytes).toString('hex'))
      }
      clock.tick(DAY / 101)
    }
    expect([source.samples, seen.size]).toEqual([1, 64])
    await answers.for(asker, 'private', 64)
    expect(source.samples).toBe(2)
    clock.tick(DAY / 101)
    await answers.for(asker, 'public', 64)
    expect(source.samples).toBe(3)
  })

  it('sees the book again as soon as a tenth of it has changed, and not before', async () => {
    const source = stubSource(records.slice(0, 200))
    const { answers } = make(source)
    await answers.for(asker, 'public', 64)
    source.version = 19
    await answers.for(asker, 'public', 64)
    expect(source.samples).toBe(1)
    source.version = 20
    await answers.for(asker, 'public', 64)
    expect(source.samples).toBe(2)
  })

  it('CometBFT hole g: gets nothing more when the wall clock jumps by years', async () => {
    const source = stubSource(records)
    const { answers } = make(source)
    for (const years of [0, 10, -20, 10]) {
      clock.jump(years * 31_557_600_000)
      await answers.for(asker, 'public', 64)
    }
    expect(source.samples).toBe(1)
  })

  it('does not keep a node from telling of its first peers', async () => {
    const source = stubSource()
    const { answers } = make(source)
    expect(await answers.for(asker, 'public', 64)).toEqual([])
    source.records = records.slice(0, 1)
    source.size = source.version = 1
    expect(await answers.for(asker, 'public', 64)).toHaveLength(1)
  })

  it('costs one look into the book, however many ask at once', async () => {
    const source = stubSource(records)
    const { answers } = make(source)
    await Promise.all(everybody.slice(0, 50).map(async ({ id }) => answers.for(id, 'public', 64)))
    clock.tick(DAY)
    await Promise.all(everybody.slice(0, 50).map(async ({ id }) => answers.for(id, 'public', 64)))
    expect(source.samples).toBe(2)
  })
})

describe('private peers', () => {
  it('are never told of when the source leaves them out, nor once they have become private or banned', async () => {
    const hidden = new Set<string>()
    const source = stubSource(records.slice(0, 16))
    source.isShareable = (id) => !hidden.has(id.toString())
    const { answers } = make(source)
    expect(await answers.for(asker, 'public', 64)).toHaveLength(16)
    hidden.add((records[3] as SharedRecord).id.toString())
    const told = await answers.for(asker, 'public', 64)
    expect(told).toHaveLength(15)
    expect(as(told)).not.toContain(Buffer.from((records[3] as SharedRecord).envelope).toString('hex'))
    expect(source.samples).toBe(1)
  })
})

it('a source that fails once is asked again', async () => {
  const source = stubSource(records)
  const { sampleForExchange } = source
  source.sampleForExchange = async () => Promise.reject(new RangeError('closed'))
  const { answers } = make(source)
  await expect(answers.for(asker, 'public', 64)).rejects.toThrow('closed')
  source.sampleForExchange = sampleForExchange
  expect(await answers.for(asker, 'public', 64)).toHaveLength(64)
})
