import { FakeClock, seededRng } from '@penin/testing'
import fc from 'fast-check'
import { MemoryDatastore } from 'datastore-core'
import { describe, expect, it } from 'vitest'
import type { AddressBook, StoredAddressBook } from '../src/index.js'
import { addressGroup, fromJSON, openAddressBook, toJSON } from '../src/index.js'
import { candidate, DAY, HOUR, idOf, ipOf, makeBook, MINUTE, SELF, signed } from './address-book-support.js'

const YEAR = 365 * DAY

/** Places in a book of usual size: 256 new buckets and 64 tried ones of 64 places, of which one group reaches 1/16. */
const NEW_SHARE = 16 * 64
const TRIED_SHARE = 4 * 64

/** Ids far from those of honest peers. */
const EVIL = 1e7

/** A book on a disk in memory, which can be closed and opened again. */
function onDisk(clock = new FakeClock()): { open: () => Promise<StoredAddressBook>; clock: FakeClock } {
  const datastore = new MemoryDatastore()
  let starts = 0
  const open = async (): Promise<StoredAddressBook> =>
    openAddressBook({ datastore, selfId: SELF, clock, rng: seededRng(++starts) })
  return { open, clock }
}

function flood(book: AddressBook, count: number, sourceGroup: string, from = EVIL): void {
  for (let n = from; n < from + count; n++) {
    book.add({ id: idOf(n), multiaddrs: [`/ip4/${ipOf(n)}/tcp/4001`], source: 'pex', sourceGroup })
  }
}

function honest(book: AddressBook, count: number): string[] {
  for (let n = 0; n < count; n++) {
    book.add(candidate(n))
    if (n % 4 === 0) {
      book.good(idOf(n))
    }
  }
  return Array.from(book.entries(), ({ id }) => id)
}

const isEvil = (id: string): boolean => id >= idOf(EVIL)

describe('A7: a signed record', () => {
  it('that is older than the one known changes nothing, after a restart either', async () => {
    const { open } = onDisk()
    const first = await open()
    first.book.add(signed(1, 7n, { multiaddrs: ['/ip4/1.1.1.1/tcp/1'] }))
    await first.close()
    const { book } = await open()
    for (const seq of [0n, 6n]) {
      expect(book.add(signed(1, seq, { multiaddrs: ['/ip4/66.66.6.6/tcp/1'] }))).toMatchObject({ reason: 'old-record' })
    }
    expect(book.get(idOf(1))?.addresses.map(({ text }) => text)).toEqual(['/ip4/1.1.1.1/tcp/1'])
  })

  it('that nobody has checked never passes for one that somebody has', () => {
    const { book } = makeBook()
    book.add(signed(1, 7n, { multiaddrs: ['/ip4/1.1.1.1/tcp/1'] }))
    const multiaddrs = ['/ip4/66.66.6.6/tcp/1']
    book.add({ ...candidate(1, { multiaddrs }), record: { seq: 99n, certified: false, bytes: new Uint8Array(4) } })
    expect(book.get(idOf(1))).toMatchObject({ seq: 7n, addresses: [{ certified: true }, { certified: false }] })
  })
})

describe('A11: what the owner of few source groups can hold', () => {
  it('is 1/16 of new for each of them, and no honest entry goes for it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer(), (groups, seed) => {
        const { book, clock } = makeBook({}, seed)
        const before = honest(book, 800)
        clock.tick(HOUR)
        for (let group = 0; group < groups; group++) {
          flood(book, 5_000, `66.${group}`, EVIL + group * 5_000)
        }
        expect(before.filter((id) => book.get(id) == null)).toEqual([])
        const held = Array.from(book.entries()).filter(({ id }) => isEvil(id)).length
        expect(held).toBeGreaterThan((groups * NEW_SHARE) / 2)
        expect(held).toBeLessThanOrEqual(groups * NEW_SHARE)
        expect(book.checkInvariants()).toEqual([])
      }),
      { numRuns: 5 }
    )
  })

  it('is 1/16 of new and 1/16 of tried for a whole /24 that answers every call for two months', () => {
    const { book, clock } = makeBook()
    const before = honest(book, 800)
    for (let day = 0; day < 60; day++) {
      for (let host = 1; host < 255; host++) {
        const n = EVIL + day * 254 + host
        const address = `/ip4/66.66.66.${host}/tcp/${4001 + (n % 9)}`
        book.add({ id: idOf(n), multiaddrs: [address], source: 'pex', sourceGroup: addressGroup(address) })
        book.good(idOf(n), { address })
      }
      for (const id of before) {
        book.seen(id) // as honest peers are, while they live
      }
      clock.tick(DAY)
    }
    const evil = Array.from(book.entries()).filter(({ id }) => isEvil(id))
    expect(evil.filter(({ table }) => table === 'tried').length).toBeLessThanOrEqual(TRIED_SHARE)
    expect(evil.length).toBeGreaterThan(100)
    expect(evil.length).toBeLessThanOrEqual(TRIED_SHARE + NEW_SHARE)
    expect(before.filter((id) => book.get(id) == null)).toEqual([])
    expect(book.checkInvariants()).toEqual([])
  })
})

it('A14: 10^4 free ids at one IP address are four entries, and hardly ever the ones that are dialled', () => {
  const { book } = makeBook()
  honest(book, 800)
  for (let n = EVIL; n < EVIL + 10_000; n++) {
    const address = `/ip4/66.66.6.6/tcp/${1 + (n % 60_000)}`
    book.add({ id: idOf(n), multiaddrs: [address], source: 'pex', sourceGroup: `${n % 200}.9` })
    book.good(idOf(n), { address })
  }
  expect(Array.from(book.entries()).filter(({ id }) => isEvil(id))).toHaveLength(4)
  const picks = Array.from({ length: 2_000 }, () => book.select({ count: 8 })).flat()
  expect(picks.filter(({ id }) => isEvil(id)).length / picks.length).toBeLessThan(0.03)
})

it('CometBFT hole a: what is held against a peer outlives its connection, its entry and a restart', async () => {
  const { open, clock } = onDisk()
  const first = await open()
  first.book.add(candidate(1))
  first.book.ban(idOf(1), clock.now() + DAY)
  expect(first.book.add(candidate(1))).toMatchObject({ reason: 'banned' })
  first.book.remove(idOf(1))
  first.book.seen(idOf(1))
  expect(first.book.add(candidate(1))).toMatchObject({ reason: 'banned' })
  await first.close()
  const second = await open()
  expect(second.book.add(signed(1, 9n))).toMatchObject({ reason: 'banned' })
  clock.tick(DAY)
  expect(second.book.add(candidate(1)).status).toBe('added')
})

it('CometBFT hole b: the source group is that of the address a peer is seen at, and ports do not make it another', () => {
  const groupsOf = (...observed: string[]): number => new Set(observed.map((address) => addressGroup(address))).size
  const { book } = makeBook()
  for (let n = EVIL; n < EVIL + 20_000; n++) {
    // connected from one /16, each time from another host and port, with claims all over the world
    const observed = `/ip4/66.66.${n % 250}.${1 + (n % 253)}/tcp/${1_024 + (n % 60_000)}`
    const claimed = [`/ip4/${ipOf(n)}/tcp/4001`, `/ip4/${ipOf(n * 7)}/tcp/4001`, `/dns4/host-${n}.example.com/tcp/1`]
    book.add(signed(n, 1n, { multiaddrs: claimed, sourceGroup: addressGroup(observed) }))
  }
  expect(book.stats().newPlaces).toBeGreaterThan(NEW_SHARE / 2)
  expect(book.stats().newPlaces).toBeLessThanOrEqual(NEW_SHARE)
  expect(groupsOf('/ip6/2a00:1:2::3/tcp/1', '/ip6/2a00:1:ffff::9/udp/9/quic-v1')).toBe(1)
  expect(groupsOf('/ip4/66.66.1.1/tcp/1', '/ip4/66.67.1.1/tcp/1')).toBe(2)
})

it('CometBFT hole c, A5: who floods again after every restart, under fresh ids, gets no more places than before', async () => {
  const { open } = onDisk()
  for (let start = 0; start < 4; start++) {
    const stored = await open()
    expect(stored.loaded).toMatchObject({ newKey: start === 0, dropped: 0 })
    flood(stored.book, 10_000, '66.66', EVIL + start * 10_000)
    expect(stored.book.stats().newPlaces).toBeGreaterThan(NEW_SHARE / 2)
    expect(stored.book.stats().newPlaces).toBeLessThanOrEqual(NEW_SHARE)
    expect(stored.book.checkInvariants()).toEqual([])
    await stored.close()
  }
})

it('CometBFT hole d: a file with any byte changed or cut off is a book or a typed error', () => {
  const { book } = makeBook()
  honest(book, 20)
  book.ban(idOf(3))
  book.mark(idOf(4), { persistent: true })
  const text = JSON.stringify(toJSON(book.snapshot()))
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom('', '"', '{', ']', '0', '-', 'x', '\u0000'), (at, char) => {
      for (const damaged of [text.slice(0, at), text.slice(0, at) + char + text.slice(at + 1)]) {
        try {
          makeBook().book.restore(fromJSON(damaged))
        } catch (error) {
          expect(error).toMatchObject({ name: 'AddressBookMalformedError' })
        }
      }
    }),
    { numRuns: 300 }
  )
})

it('CometBFT hole e: a bucket of n places never holds n + 1, among the new or the tried, whatever n is', () => {
  for (const size of [1, 2, 3]) {
    const { book } = makeBook({ maxSize: size * 320 })
    for (let n = 0; n < size * 4_000; n++) {
      book.add(candidate(n))
      if (n % 2 === 0) {
        book.good(idOf(n))
      }
    }
    const { newPlaces, newCapacity, tried, triedCapacity } = book.stats()
    expect([newCapacity, triedCapacity]).toEqual([size * 256, size * 64])
    expect(newPlaces).toBeLessThanOrEqual(newCapacity)
    expect(tried).toBeLessThanOrEqual(triedCapacity)
    expect(book.size).toBeLessThanOrEqual(size * 320)
    expect(book.checkInvariants()).toEqual([])
  }
})

it('CometBFT hole f: newcomers are turned away from a full book until its entries turn out to be terrible', () => {
  const { book, clock } = makeBook({ maxSize: 640 })
  for (let n = 0; n < 20_000; n++) {
    book.add(candidate(n))
  }
  const before = Array.from(book.entries(), ({ id }) => id)
  clock.tick(20 * DAY)
  flood(book, 20_000, '66.66')
  expect(before.filter((id) => book.get(id) == null)).toEqual([])
  const dead = new Set(before.filter((_id, i) => i % 2 === 0))
  for (const id of dead) {
    for (let i = 0; i < 3; i++) {
      book.attempt(id)
      book.failed(id)
    }
  }
  clock.tick(2 * MINUTE)
  for (let n = 30_000; n < 60_000; n++) {
    book.add(candidate(n))
  }
  expect(before.filter((id) => book.get(id) == null && !dead.has(id))).toEqual([])
  expect([...dead].filter((id) => book.get(id) == null).length).toBeGreaterThan(dead.size / 2)
})

it('CometBFT hole g: no jump of the wall clock costs the book a peer, in a running node or over a restart', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: -10, max: 10 }), { maxLength: 5 }), async (jumps) => {
      const { open, clock } = onDisk()
      let stored = await open()
      const before = honest(stored.book, 50)
      for (const years of jumps) {
        clock.jump(years * YEAR)
        stored.book.expire(100_000)
        flood(stored.book, 100, '66.66')
        await stored.close()
        stored = await open()
        expect(stored.loaded.dropped).toBe(0)
      }
      clock.jump(-YEAR * jumps.reduce((sum, years) => sum + years, 0))
      expect(before.filter((id) => stored.book.get(id) == null)).toEqual([])
      expect(stored.book.checkInvariants()).toEqual([])
    }),
    { numRuns: 25 }
  )
})

it('CometBFT hole h: a persistent peer that has not answered for three years is still known, and nothing displaces it', async () => {
  const { open, clock } = onDisk()
  let stored = await open()
  stored.book.mark(idOf(1), { persistent: true })
  stored.book.add(candidate(1, { source: 'persistent' }))
  for (let quarter = 0; quarter < 12; quarter++) {
    for (let i = 0; i < 90; i++) {
      clock.tick(DAY)
      stored.book.attempt(idOf(1))
      stored.book.failed(idOf(1))
    }
    stored.book.expire(100_000)
    flood(stored.book, 1_000, `66.${quarter}`, EVIL + quarter * 1_000)
    await stored.close()
    stored = await open()
  }
  expect(stored.book.get(idOf(1))).toMatchObject({ failures: 1_080, marks: { persistent: true } })
  expect(stored.book.get(idOf(1))?.addresses).toHaveLength(1)
})
