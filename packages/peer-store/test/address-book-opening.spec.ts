import { FakeClock, seededRng } from '@penin/testing'
import { MemoryDatastore } from 'datastore-core'
import fc from 'fast-check'
import { Key } from 'interface-datastore'
import { describe, expect, it } from 'vitest'
import { EntryReader } from '../src/address-book/entry-reader.js'
import { examineAddress } from '../src/address-book/address-facts.js'
import { unpacked } from '../src/address-book/packed-addresses.js'
import { plainIp4 } from '../src/address-book/plain-ip4.js'
import { decodeEntry, encodeEntry } from '../src/address-book/records.js'
import { BOOK_PREFIX, openAddressBook, openStore } from '../src/index.js'
import { candidate, DAY, idOf, SELF, signed } from './address-book-support.js'
import { collect, makeDir, withLevel } from './support.js'
import type { GuardedDatastore, OpenAddressBookOptions, StoredAddressBook, StoredEntry } from '../src/index.js'

async function open(more: Partial<OpenAddressBookOptions> = {}): Promise<StoredAddressBook> {
  const datastore = new MemoryDatastore()
  return openAddressBook({ datastore, selfId: SELF, rng: seededRng(1), clock: new FakeClock(), ...more })
}

describe('reading a whole book', () => {
  const text = fc.oneof(fc.stringMatching(/^[ -~]{0,30}$/), fc.string({ maxLength: 200, unit: 'binary' }))
  const time = fc.oneof(fc.nat(), fc.nat({ max: 8.64e15 }))
  const stored: fc.Arbitrary<StoredEntry> = fc.record(
    {
      id: fc.constant(idOf(1)),
      addresses: fc.array(fc.record({ text, certified: fc.boolean() }), { maxLength: 8 }),
      sources: fc.array(fc.constantFrom('pex', 'dht', 'mdns', 'manual'), { maxLength: 4 }) as fc.Arbitrary<['pex']>,
      sourceGroup: text,
      group: text,
      tried: fc.boolean(),
      newGroups: fc.array(text, { maxLength: 4 }),
      firstSeen: time,
      lastSeen: time,
      lastSuccess: time,
      lastAttempt: time,
      attempts: fc.nat(),
      failures: fc.nat(),
      seq: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      record: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      recordScopes: fc.nat()
    },
    {
      requiredKeys: [
        'id',
        'addresses',
        'sources',
        'sourceGroup',
        'group',
        'tried',
        'newGroups',
        'firstSeen',
        'lastSeen',
        'lastSuccess',
        'lastAttempt',
        'attempts',
        'failures',
        'recordScopes'
      ]
    }
  )

  it('gives what was written, whatever text and numbers were in it', () => {
    fc.assert(
      fc.property(stored, (entry) => {
        expect(decodeEntry(entry.id, encodeEntry(entry))).toEqual(entry)
      }),
      { numRuns: 300 }
    )
  })

  it('reads the usual entries without the generated decoder, and leaves the unusual ones to it', () => {
    const reader = new EntryReader()
    const read = (entry: StoredEntry): StoredEntry | undefined => {
      const bytes = encodeEntry(entry)
      return reader.read(entry.id, bytes, 1, bytes.byteLength - 5)
    }
    const [usual] = fc.sample(stored, { numRuns: 1, seed: 1 }) as [StoredEntry]
    const times = { firstSeen: 1.8e12, lastSeen: 1.8e12, lastSuccess: 0, lastAttempt: 1.8e12 }
    const plain: StoredEntry = {
      ...usual,
      ...times,
      sourceGroup: '1.2',
      group: '3.4',
      newGroups: ['1.2'],
      addresses: []
    }
    expect(read({ ...plain, seq: 1_800_000_000_000n })).toMatchObject({ seq: 1_800_000_000_000n })
    expect(read({ ...plain, seq: 2n ** 61n })).toMatchObject({ seq: 2n ** 61n })
    expect(read({ ...plain, group: 'é' })).toBeUndefined()
    expect(read({ ...plain, seq: 2n ** 63n })).toBeUndefined()
  })

  it('packs addresses only if each is a usual one of the same host, and unpacks them as they were', () => {
    const host = fc.constantFrom('8.8.8.8', '8.8.8.9', '9.9.9.9', '10.0.0.1', '8.8.8.256', '8.8.08.8', '127.0.0.1')
    const port = fc.constantFrom('1', '4001', '65535', '65536', '0', '04001', '', '999999')
    const end = fc.constantFrom('', '', '', '/quic-v1', '/quic-v1', '/ws', '/')
    const address = fc
      .tuple(host, fc.constantFrom('tcp', 'udp'), port, end)
      .map(([ip, transport, number, rest]) => `/ip4/${ip}/${transport}/${number}${rest}`)
    const same = fc.tuple(fc.constantFrom('8.8.8.8', '203.1.14.77'), fc.uniqueArray(fc.nat(65_535), { maxLength: 5 }))
    const usual = same.map(([ip, ports]) =>
      ports.map((n, i) => (i % 2 === 0 ? `/ip4/${ip}/tcp/${n}` : `/ip4/${ip}/udp/${n}/quic-v1`))
    )
    const lists = fc.oneof(usual, fc.array(address, { maxLength: 8 }))
    const plain = { sourceGroup: '1.2', group: '3.4', newGroups: ['1.2'], seq: 5n, lastSeen: 7, lastSuccess: 7 }
    const times = { firstSeen: 1.8e12, lastAttempt: 1.8e12 }
    let packed = 0
    fc.assert(
      fc.property(stored, lists, fc.nat(255), (entry, texts, bits) => {
        const addresses = texts.map((text, i) => ({ text, certified: (bits & (1 << i)) !== 0 }))
        const whole = {
          ...entry,
          ...plain,
          ...times,
          addresses,
          ...(addresses.length > 1 ? { proven: addresses[1]?.text ?? '' } : {})
        }
        const { packed: found, ...rest } = decodeEntry(whole.id, encodeEntry(whole), true) as StoredEntry
        const told = found == null ? rest.addresses : unpacked(found)
        expect(told.map(({ text, certified }) => ({ text, certified }))).toEqual(addresses)
        if (found != null) {
          packed++
          expect(rest).toEqual({ ...whole, addresses: [] })
          expect(unpacked(found)).toMatchObject(addresses.map((one) => ({ ...one, host: found.host })))
          expect(found.count).toBe(new Set(texts).size)
        }
      }),
      { numRuns: 1000 }
    )
    expect(packed).toBeGreaterThan(100)
  })

  it('puts every entry of a crowded book back where it was, in whatever order they lie', async () => {
    const datastore = new MemoryDatastore()
    const first = await open({ datastore, maxSize: 640 })
    for (let n = 0; n < 4_000; n++) {
      first.book.add(candidate(n))
      if (n % 5 === 0) {
        first.book.good(idOf(n))
      }
    }
    const places = (book: StoredAddressBook['book']): unknown[] =>
      [...book.ids()].sort().map((id) => [id, book.get(id)?.table, book.stored(id)?.places])
    const before = places(first.book)
    await first.close()
    const second = await open({ datastore, maxSize: 640, rng: seededRng(2) })
    expect(second.loaded).toMatchObject({ entries: first.book.size, dropped: 0 })
    expect(places(second.book)).toEqual(before)
    expect(second.book.checkInvariants()).toEqual([])
    await second.close()
    // Places of another size mean nothing: the entries are placed anew.
    const third = await open({ datastore, maxSize: 1280 })
    expect(third.book.size).toBeGreaterThan(second.book.size * 0.8)
    expect(third.book.checkInvariants()).toEqual([])
  })

  it('finds its own addresses, and hosts that are full, among those it has not looked at yet', async () => {
    const datastore = new MemoryDatastore()
    const first = await open({ datastore })
    const [own, other] = ['/ip4/9.1.1.1/tcp/4001', '/ip4/9.1.1.1/tcp/4002']
    for (let n = 1; n <= 4; n++) {
      first.book.add(candidate(n, { multiaddrs: n === 1 ? [own, other] : [`/ip4/9.1.1.1/udp/${n}/quic-v1`] }))
    }
    first.book.add(candidate(5, { multiaddrs: ['/ip4/9.2.2.2/tcp/4001'] }))
    await first.close()
    const { book } = await open({ datastore })
    expect(book.add(candidate(6, { multiaddrs: ['/ip4/9.1.1.1/tcp/5'] }))).toMatchObject({ reason: 'host-full' })
    book.setOwnAddresses([own])
    expect(book.get(idOf(1))?.addresses.map(({ text }) => text)).toEqual([other])
    expect(book.get(idOf(5))?.addresses).toMatchObject([
      { text: '/ip4/9.2.2.2/tcp/4001', scope: 'public', group: '9.2' }
    ])
    book.mark(idOf(2), { persistent: true })
    book.remove(idOf(3))
    expect(book.add(candidate(6, { multiaddrs: ['/ip4/9.1.1.1/tcp/5'] }))).toMatchObject({ status: 'added' })
    expect(book.checkInvariants()).toEqual([])
  })

  it('throws for no bytes whatever, and never reads beyond the message', () => {
    const reader = new EntryReader()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, end) => {
        const found = reader.read('x', bytes, 0, Math.min(end, bytes.byteLength))
        expect(found?.record?.byteLength ?? 0).toBeLessThanOrEqual(end)
      })
    )
  })

  it('knows the usual addresses for just what they are', () => {
    const part = fc.oneof(fc.nat(300).map(String), fc.constantFrom('', '01', '1a', ' 1', '-1'))
    const port = fc.oneof(fc.nat(70_000).map(String), fc.constantFrom('', '0', '04001', '4001 ', '1e3'))
    const above = fc.constantFrom('', '/', '/quic-v1', '/ws', '/tls/ws', '/quic', '/webrtc-direct')
    const address = fc
      .tuple(part, part, part, part, fc.constantFrom('tcp', 'udp', 'sctp'), port, above)
      .map(([a, b, c, d, transport, number, rest]) => `/ip4/${a}.${b}.${c}.${d}/${transport}/${number}${rest}`)
    fc.assert(
      fc.property(address, (usual) => {
        const found = plainIp4(usual)
        // With an id behind it the address goes the long way.
        const whole = examineAddress(`${usual}/p2p/${SELF}`, SELF)
        if (found != null) {
          expect(whole).toEqual(found)
        }
      }),
      { numRuns: 3000 }
    )
    expect(plainIp4('/ip4/8.8.8.8/tcp/4001')).toBeDefined()
    expect(plainIp4('/ip4/8.8.8.8/udp/4001/quic-v1')).toBeDefined()
    expect(plainIp4('/ip4/10.0.0.1/tcp/4001')).toBeUndefined()
  })

  it('takes more entries than one read gives, and leaves the records beside them alone', async () => {
    const dataDir = await makeDir()
    {
      await using store = await openStore({ dataDir })
      await store.datastore.put(new Key('/penin/booker'), Uint8Array.of(1))
      await store.datastore.put(new Key('/penin/bool'), Uint8Array.of(1))
      await using stored = await open({ datastore: store.datastore })
      for (let n = 0; n < 3000; n++) {
        stored.book.add(n % 2 === 0 ? candidate(n) : signed(n, 1n))
      }
      stored.book.mark(idOf(1), { persistent: true })
      stored.book.ban(idOf(2))
    }
    await withLevel(dataDir, async (level) => {
      // Keys that are no UTF-8, before, between and behind the entries, more than one read gives.
      for (let n = 0; n < 1100; n++) {
        const key = Buffer.concat([Buffer.from(`${BOOK_PREFIX}entry/`), Buffer.of(0xff, n >> 8, n & 255)])
        await level.put(key as never, Uint8Array.of(1), { keyEncoding: 'buffer' } as never)
      }
    })
    await using store = await openStore({ dataDir })
    await using again = await open({ datastore: store.datastore })
    expect(again.loaded).toMatchObject({ newKey: false, bans: 1, marks: 1, dropped: 1100 })
    expect(again.loaded.entries).toBeGreaterThan(2500)
    expect(again.book.size).toBe(again.loaded.entries)
    expect(again.book.checkInvariants()).toEqual([])
  })

  it('deletes records whose keys are no UTF-8, so that they are dropped once only', async () => {
    const dataDir = await makeDir()
    const names = ['entry/', 'ban/', 'nothing/'].map((name) => Buffer.from(`${BOOK_PREFIX}${name}`))
    const garbage = names.flatMap((name) => [
      Buffer.concat([name, Buffer.of(0xff)]),
      Buffer.concat([name, Buffer.of(0xfe)]), // the same text
      Buffer.concat([name, Buffer.from('\uFFFD')])
    ])
    await (await openStore({ dataDir })).close()
    await withLevel(dataDir, async (level) => {
      for (const key of garbage) {
        await level.put(key as never, Uint8Array.of(1), { keyEncoding: 'buffer' } as never)
      }
    })
    for (const dropped of [9, 0]) {
      await using store = await openStore({ dataDir })
      await using stored = await open({ datastore: store.datastore })
      expect(stored.loaded.dropped).toBe(dropped)
    }
  })

  it('gives rows from a key to another, and none of a closed store', async () => {
    const dataDir = await makeDir()
    await using store = await openStore({ dataDir })
    const datastore = store.datastore as GuardedDatastore
    for (const name of ['w', 'x/a', 'x/b', 'x0']) {
      await datastore.put(new Key(`/penin/${name}`), Uint8Array.of(1))
    }
    const found = (await collect(datastore.rows('/penin/x/', '/penin/x0'))).flat()
    expect(found.map(([key]) => key)).toEqual(['/penin/x/a', '/penin/x/b'])
    await store.close()
    await expect(datastore.rows('/a', '/b').next()).rejects.toMatchObject({ name: 'NotRunningError' })
  })

  it('ends when its signal says so', async () => {
    const dataDir = await makeDir()
    await using store = await openStore({ dataDir })
    const signal = AbortSignal.abort(new RangeError('enough'))
    await expect(open({ datastore: store.datastore, signal })).rejects.toThrow('enough')
  })
})

describe('who has left the book', () => {
  it('is told for removed, expired and displaced peers, and not while the book is opened', async () => {
    const datastore = new MemoryDatastore()
    const clock = new FakeClock()
    const first = await open({ datastore, clock })
    for (let n = 0; n < 2000; n++) {
      first.book.add(candidate(n))
    }
    await first.close()
    const removed: string[] = []
    const onRemoved = (id: string): void => void removed.push(id)
    const { book, loaded, close } = await open({ datastore, clock, maxSize: 320, onRemoved })
    expect(loaded.dropped).toBeGreaterThan(0)
    expect(removed).toEqual([])
    const [one, two] = Array.from(book.entries(), ({ id }) => id) as [string, string]
    book.remove(one)
    expect(removed.splice(0)).toEqual([one])
    for (let i = 0; i < 3; i++) {
      book.attempt(two)
      book.failed(two)
    }
    clock.tick(DAY)
    expect(book.expire(10_000)).toBe(1)
    expect(removed.splice(0)).toEqual([two])
    const before = new Set(Array.from(book.entries(), ({ id }) => id))
    clock.tick(40 * DAY)
    for (let n = 10_000; n < 12_000; n++) {
      book.add(candidate(n))
    }
    const gone = [...before].filter((id) => book.get(id) == null)
    expect(gone.length).toBeGreaterThan(0)
    expect(removed.filter((id) => before.has(id)).sort()).toEqual(gone.sort())
    await close()
  })
})

describe('leaving out', () => {
  it('is by anything that can say whether it has an id', async () => {
    const { book, close } = await open()
    for (let n = 0; n < 200; n++) {
      book.add(signed(n, 1n))
    }
    const exclude = { has: (id: string) => id !== idOf(7) }
    expect(book.select({ count: 200, exclude }).every(({ id }) => id === idOf(7))).toBe(true)
    expect(book.sampleForExchange({ scope: 'public', exclude }).every(({ id }) => id === idOf(7))).toBe(true)
    expect(book.feelerCandidate({ exclude: { has: () => true } })).toBeUndefined()
    await close()
  })
})
