import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { FakeClock, seededRng } from '@penin/testing'
import { BaseDatastore, MemoryDatastore } from 'datastore-core'
import fc from 'fast-check'
import { Key } from 'interface-datastore'
import { describe, expect, it } from 'vitest'
import { decodeEntry, encodeEntry } from '../src/address-book/records.js'
import { BOOK_PREFIX, fromJSON, openAddressBook, openStore, toJSON } from '../src/index.js'
import { candidate, HOUR, idOf, makeBook, SECRET, SELF, signed } from './address-book-support.js'
import { collect, makeDir } from './support.js'
import type { OpenAddressBookOptions, StoredAddressBook, StoredEntry, AddressBook } from '../src/index.js'
import type { Datastore, Pair } from 'interface-datastore'

async function open(datastore: Datastore, more: Partial<OpenAddressBookOptions> = {}): Promise<StoredAddressBook> {
  return openAddressBook({ datastore, selfId: SELF, rng: seededRng(1), clock: new FakeClock(), ...more })
}

/** A book with something of everything in it. */
function fill(book: AddressBook, count = 40): void {
  for (let n = 0; n < count; n++) {
    book.add(n % 2 === 0 ? signed(n, BigInt(n)) : candidate(n))
    book.attempt(idOf(n))
    if (n % 3 === 0) {
      book.good(idOf(n), { address: book.get(idOf(n))?.addresses[0]?.text ?? '' })
    } else if (n % 5 === 0) {
      book.failed(idOf(n))
    }
  }
  book.ban(idOf(1))
  book.ban(idOf(2), 1_800_000_000_000 + HOUR)
  book.mark(idOf(3), { persistent: true, private: true })
  book.mark(idOf(500), { unconditional: true })
  book.setAnchors([idOf(0), idOf(3)])
}

function contents(book: AddressBook): unknown {
  const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)
  const { entries, bans, marks, anchors } = book.snapshot()
  return { entries: entries.sort(byId), bans: bans.sort(byId), marks: marks.sort(byId), anchors }
}

const rowsOf = async (datastore: Datastore): Promise<Pair[]> => collect(datastore.query({ prefix: BOOK_PREFIX }))

describe('remembering', () => {
  it('reopens as it was closed, in a real database', async () => {
    const dataDir = await makeDir()
    const store = await openStore({ dataDir })
    const first = await open(store.datastore)
    fill(first.book, 300)
    const before = contents(first.book)
    await first.close()
    await store.close()
    await using again = await openStore({ dataDir })
    await using second = await open(again.datastore, { rng: seededRng(2) })
    expect(contents(second.book)).toEqual(before)
    expect(second.loaded).toEqual({ entries: first.book.size, bans: 2, marks: 2, dropped: 0, newKey: false })
    expect(second.stats()).toMatchObject({ dirty: 0, written: 0 })
    expect(second.book.checkInvariants()).toEqual([])
  })

  it('takes peer ids and multiaddrs of libp2p', async () => {
    const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const { book } = await open(new MemoryDatastore())
    const address = multiaddr(`/ip4/1.2.3.4/tcp/4001/p2p/${id.toString()}`)
    book.add({ id, multiaddrs: [address], source: 'manual', sourceGroup: 'config' })
    expect(book.good(id, { address })).toEqual({ status: 'tried' })
    expect(book.get(id)).toMatchObject({ id: id.toString(), proven: '/ip4/1.2.3.4/tcp/4001' })
  })

  it('writes within a second of a change, in one go, and nothing while nothing changes', async () => {
    const datastore = new MemoryDatastore()
    const clock = new FakeClock()
    const { book, stats, close } = await open(datastore, { clock })
    await clock.tickAsync(1000)
    const { written } = stats()
    book.add(candidate(1))
    book.attempt(idOf(1))
    book.failed(idOf(1))
    expect(clock.untilNext()).toBeLessThanOrEqual(500)
    await clock.tickAsync(500)
    expect(stats()).toEqual({ dirty: 0, written: written + 1, writeErrors: 0 })
    expect(clock.pending()).toBe(0)
    book.seen(idOf(1))
    expect(clock.pending()).toBe(0)
    book.remove(idOf(1))
    await close()
    expect((await rowsOf(datastore)).map(({ key }) => key.toString())).toEqual([`${BOOK_PREFIX}key`])
    book.add(candidate(2))
    expect(clock.pending()).toBe(0)
  })

  it('a crash loses what was not yet written, and no more', async () => {
    const datastore = new MemoryDatastore()
    const clock = new FakeClock()
    const { book } = await open(datastore, { clock })
    book.add(candidate(1))
    await clock.tickAsync(1000)
    book.add(candidate(2))
    const after = await open(datastore)
    expect(Array.from(after.book.entries(), ({ id }) => id)).toEqual([idOf(1)])
  })

  it('bans that were over while the node was off are forgotten, for ever is for ever', async () => {
    const datastore = new MemoryDatastore()
    const clock = new FakeClock()
    const { book, close } = await open(datastore, { clock })
    book.ban(idOf(1), clock.now() + HOUR)
    book.ban(idOf(2))
    await close()
    clock.tick(2 * HOUR)
    const after = await open(datastore, { clock })
    expect(after.book.bans()).toEqual([{ id: idOf(2), until: Infinity }])
    await after.close()
    expect((await rowsOf(datastore)).map(({ key }) => key.name()).sort()).toEqual([idOf(2), 'key'].sort())
  })

  it('a disk that takes no writes loses nothing once it takes them again', async () => {
    const inner = new MemoryDatastore()
    let isSick = true
    const datastore: Datastore = Object.assign(Object.create(inner) as Datastore, {
      query: inner.query.bind(inner),
      batch: () => {
        const batch = inner.batch()
        return {
          ...batch,
          commit: async () => {
            if (isSick) {
              throw new TypeError('sick')
            }
            await batch.commit()
          }
        }
      }
    })
    const clock = new FakeClock()
    const { book, stats } = await open(datastore, { clock })
    fill(book)
    await clock.tickAsync(5000)
    expect(stats().writeErrors).toBeGreaterThan(2)
    isSick = false
    await clock.tickAsync(1000)
    expect(stats().dirty).toBe(0)
    expect(contents((await open(inner)).book)).toEqual(contents(book))
  })

  it('more unwritten changes than can be kept apart become one writing of everything', async () => {
    const datastore = new MemoryDatastore()
    await datastore.put(new Key(`${BOOK_PREFIX}nonsense`), Uint8Array.of(1))
    const { book, stats, flush } = await open(datastore)
    await flush()
    await datastore.put(new Key(`${BOOK_PREFIX}ban/${idOf(7)}`), Uint8Array.of(1))
    fill(book)
    for (let n = 1000; n < 120_000; n++) {
      book.add(candidate(n))
      book.remove(idOf(n))
    }
    expect(stats().dirty).toBeLessThan(110_000)
    await flush()
    const after = await open(datastore)
    expect(after.loaded).toMatchObject({ dropped: 0, newKey: false })
    expect(contents(after.book)).toEqual(contents(book))
  })

  it('a lower maxSize keeps what has room, and deletes the rest', async () => {
    const datastore = new MemoryDatastore()
    const { book, close } = await open(datastore)
    fill(book, 1000)
    await close()
    const small = await open(datastore, { maxSize: 320 })
    expect(small.book.size).toBeLessThanOrEqual(320)
    expect(small.book.size).toBeGreaterThan(100)
    expect(small.book.checkInvariants()).toEqual([])
    await small.close()
    const again = await open(datastore, { maxSize: 320 })
    expect(again.loaded.dropped).toBe(0)
    expect(contents(again.book)).toEqual(contents(small.book))
  })
})

describe('damage', () => {
  it('any byte flipped or cut off loses that record and no other', async () => {
    const datastore = new MemoryDatastore()
    const { book, close } = await open(datastore)
    fill(book)
    await close()
    const rows = await rowsOf(datastore)
    const damage = fc.record({
      row: fc.nat(rows.length - 1),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      bits: fc.integer({ min: 1, max: 255 }),
      cut: fc.boolean()
    })
    await fc.assert(
      fc.asyncProperty(damage, async ({ row, at, bits, cut }) => {
        const { key, value } = rows[row] as Pair
        const position = Math.floor(at * value.byteLength)
        const damaged = cut ? value.slice(0, position) : value.map((byte, i) => (i === position ? byte ^ bits : byte))
        const copy = await copyOf(rows, key, damaged)
        const after = await open(copy)
        expect(after.loaded.dropped).toBe(key.toString().startsWith(`${BOOK_PREFIX}key`) ? after.loaded.dropped : 1)
        expect(after.book.size).toBeGreaterThanOrEqual(book.size - 1)
        expect(after.book.checkInvariants()).toEqual([])
        await after.close()
        expect((await open(copy)).loaded.dropped).toBe(0)
      }),
      { numRuns: 200 }
    )
  })

  it('random bytes under any key give an empty book, never a throw', async () => {
    const names = fc.oneof(
      fc.constantFrom('key', 'anchors', 'entry', `entry/${idOf(1)}`, `ban/${idOf(2)}`, 'marks/x', 'entry/a/b', 'key/x'),
      fc.stringMatching(/^[a-z/]{1,20}$/)
    )
    const rows = fc.array(fc.tuple(names, fc.uint8Array({ maxLength: 200 })), { maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(rows, async (garbage) => {
        const datastore = new MemoryDatastore()
        for (const [name, value] of garbage) {
          await datastore.put(new Key(`${BOOK_PREFIX}${name}`), value)
        }
        const { book, loaded, close } = await open(datastore)
        expect([book.size, loaded.newKey]).toEqual([0, true])
        await close()
        expect((await rowsOf(datastore)).map(({ key }) => key.toString())).toEqual([`${BOOK_PREFIX}key`])
      }),
      { numRuns: 100 }
    )
  })

  it('more records than a book can have are not read', async () => {
    class Endless extends MemoryDatastore {
      read = 0;
      override *query(): Generator<Pair> {
        for (;;) {
          yield { key: new Key(`${BOOK_PREFIX}entry/${this.read++}`), value: Uint8Array.of(1) }
        }
      }
    }
    const datastore = new Endless()
    expect((await open(datastore)).loaded).toMatchObject({ entries: 0, dropped: 51_200 })
    expect(datastore.read).toBe(51_200)
  })

  it('a lost key is replaced, and the entries are placed anew', async () => {
    const datastore = new MemoryDatastore()
    const { book, close } = await open(datastore)
    fill(book, 60)
    await close()
    await datastore.put(new Key(`${BOOK_PREFIX}key`), Uint8Array.of(1, 2, 3))
    const after = await open(datastore, { rng: seededRng(99) })
    expect(after.loaded).toMatchObject({ newKey: true })
    expect(after.book.size).toBeGreaterThan(book.size - 3)
    expect(after.book.checkInvariants()).toEqual([])
    await after.close()
    const again = await open(datastore)
    expect(again.loaded).toMatchObject({ newKey: false, dropped: 0 })
    expect(contents(again.book)).toEqual(contents(after.book))
  })

  it('a datastore that can not be read gives an empty book that says why', async () => {
    class Sick extends BaseDatastore {
      // eslint-disable-next-line require-yield
      override async *query(): AsyncGenerator<Pair> {
        throw new TypeError('no such disk')
      }
    }
    const { book, loaded, close } = await open(new Sick())
    expect([book.size, loaded.failure]).toEqual([0, 'TypeError: no such disk'])
    await close()
    const aborted = AbortSignal.abort(new RangeError('enough'))
    await expect(open(new Sick(), { signal: aborted })).rejects.toThrow('enough')
  })

  it('a record that lies under the id of another peer is dropped', async () => {
    const { book } = makeBook()
    book.add(candidate(1))
    const stored = book.stored(idOf(1)) as StoredEntry
    expect(decodeEntry(idOf(1), encodeEntry(stored))).toEqual(stored)
    expect(decodeEntry(idOf(2), encodeEntry(stored))).toBeUndefined()
  })

  it('entries that no book would have stored are dropped, though their records are sound', async () => {
    const { book } = makeBook()
    book.add(candidate(1))
    const stored = book.stored(idOf(1)) as StoredEntry
    const wrong: Array<Partial<StoredEntry>> = [
      { id: SELF },
      { addresses: [] },
      { addresses: [{ text: '/ip4/0.0.0.0/tcp/1', certified: false }] },
      { addresses: [{ text: 'nonsense', certified: false }] },
      { sources: [] },
      { sources: ['nonsense' as 'pex'] },
      { group: '' },
      { firstSeen: 1e17 },
      { lastSeen: 0.5 },
      { failures: -1 }
    ]
    for (const change of wrong) {
      const { book: other } = makeBook()
      const { dropped } = other.restore({ entries: [{ ...stored, ...change }], bans: [], marks: [], anchors: [] })
      expect([change, other.size, dropped]).toEqual([change, 0, 1])
    }
    const { book: other } = makeBook()
    other.restore({ entries: [{ ...stored, tried: true }], bans: [], marks: [], anchors: [] })
    expect(other.get(idOf(1))?.table).toBe('new')
    expect(other.checkInvariants()).toEqual([])
  })
})

describe('JSON', () => {
  it('what was exported can be imported, also under another key', () => {
    const { book } = makeBook()
    fill(book, 50)
    const text = JSON.stringify(toJSON(book.snapshot()))
    expect(text).not.toContain(Buffer.from(SECRET).toString('base64'))
    const { book: same } = makeBook()
    expect(same.restore(fromJSON(text))).toEqual({ restored: book.size, dropped: 0, changed: [] })
    expect(contents(same)).toEqual(contents(book))
    const { book: other } = makeBook({ secret: SECRET.toReversed() })
    other.restore(fromJSON(JSON.parse(text)))
    expect(other.size).toBeGreaterThan(45)
    expect(other.checkInvariants()).toEqual([])
  })

  it('says where it is malformed, and takes nothing', () => {
    const { book } = makeBook()
    fill(book, 5)
    const whole = toJSON(book.snapshot())
    const [entry] = whole.entries
    const wrong: Array<[unknown, string]> = [
      [{ ...whole, entries: [entry, { ...entry, lastSeen: 'yesterday' }] }, 'entries[1].lastSeen'],
      [{ ...whole, entries: [{ ...entry, addresses: [{ text: 5 }] }] }, 'entries[0].addresses[0].text'],
      [{ ...whole, entries: [{ ...entry, sources: ['rumour'] }] }, 'entries[0].sources[0]'],
      [{ ...whole, entries: [{ ...entry, seq: '-1' }] }, 'entries[0].seq'],
      [{ ...whole, entries: [{ ...entry, record: '%' }] }, 'entries[0].record'],
      [{ ...whole, entries: [null] }, 'entries[0]'],
      [{ ...whole, bans: [{ id: 'x' }] }, 'bans[0].until'],
      [{ ...whole, marks: [{ id: 'x', private: 'yes' }] }, 'marks[0].private'],
      [{ ...whole, anchors: ['a', 'b', 'c'] }, 'anchors'],
      [{ ...whole, schema: 0 }, 'schema'],
      [Object.create({ schema: 1 }), 'schema']
    ]
    for (const [json, path] of wrong) {
      expect(() => fromJSON(json)).toThrow(expect.objectContaining({ name: 'AddressBookMalformedError', path }))
    }
    const newer = { ...whole, schema: 2 }
    expect(() => fromJSON(newer)).toThrow(expect.objectContaining({ name: 'AddressBookTooNewError', found: 2 }))
  })

  it('takes any JSON without throwing anything but its own errors', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(() => fromJSON(text)).toThrow(expect.objectContaining({ name: 'AddressBookMalformedError' }))
      })
    )
  })
})

async function copyOf(rows: Pair[], damagedKey: Key, damaged: Uint8Array): Promise<MemoryDatastore> {
  const datastore = new MemoryDatastore()
  for (const { key, value } of rows) {
    await datastore.put(key, key === damagedKey ? damaged : value)
  }
  return datastore
}
