import { describe, expect, it } from 'vitest'
import { candidate, HOUR, idOf, ipOf, makeBook, MINUTE, SELF, signed } from './address-book-support.js'
import type { BookEntry } from '../src/index.js'

describe('choosing', () => {
  const share = (entries: BookEntry[][], isCounted: (entry: BookEntry) => boolean): number => {
    const all = entries.flat()
    return all.filter(isCounted).length / all.length
  }

  it.each([
    ['small', 40],
    ['large', 4000]
  ])('picks 85 %% tried from a %s book', (_, size) => {
    const { book, clock } = makeBook()
    for (let n = 0; n < size; n++) {
      book.add(candidate(n))
      if (n % 2 === 0) {
        book.good(idOf(n))
      }
    }
    clock.tick(HOUR)
    const picks = Array.from({ length: 3000 }, () => book.select())
    expect(share(picks, ({ table }) => table === 'tried')).toBeGreaterThan(0.82)
    expect(share(picks, ({ table }) => table === 'tried')).toBeLessThan(0.88)
  })

  it('fills up from the other side when one runs short, each peer once', () => {
    const { book } = makeBook()
    for (let n = 0; n < 200; n++) {
      book.add(candidate(n))
    }
    book.good(idOf(1))
    const ids = book.select({ count: 50 }).map(({ id }) => id)
    expect(new Set(ids).size).toBe(50)
    const { book: small } = makeBook()
    small.add(candidate(1))
    small.add(candidate(2))
    small.good(idOf(2))
    expect(
      small
        .select({ count: 8 })
        .map(({ id }) => id)
        .sort()
    ).toEqual([idOf(1), idOf(2)])
    expect(makeBook().book.select({ count: 8 })).toEqual([])
  })

  it('never picks who is excluded, banned or not reachable from here', () => {
    for (const size of [30, 500]) {
      const { book } = makeBook()
      for (let n = 0; n < size; n++) {
        book.add(candidate(n, n % 2 === 0 ? { multiaddrs: [`/ip4/10.0.${n >> 8}.${n & 255}/tcp/1`] } : {}))
      }
      book.ban(idOf(1))
      const exclude = new Set([idOf(3), idOf(5)])
      for (let i = 0; i < 200; i++) {
        for (const { id, addresses } of book.select({ count: 5, exclude, scopeFilter: ['public'] })) {
          expect([idOf(1), idOf(3), idOf(5)]).not.toContain(id)
          expect(addresses[0]?.scope).toBe('public')
        }
      }
    }
  })

  it('finds the three peers of a rare scope in a book of thousands', () => {
    const { book } = makeBook()
    for (let n = 0; n < 5000; n++) {
      book.add(candidate(n))
    }
    for (const n of [1, 2, 3]) {
      book.add(candidate(9000 + n, { multiaddrs: [`/ip4/192.168.1.${n}/tcp/4001`] }))
    }
    const ids = book.select({ count: 8, scopeFilter: ['private'] }).map(({ id }) => id)
    expect(ids.sort()).toEqual([idOf(9001), idOf(9002), idOf(9003)].sort())
  })

  it('wants a relay and its scope for relayed addresses', () => {
    const { book } = makeBook()
    book.add(candidate(1, { multiaddrs: [`/ip4/1.2.3.4/tcp/1/p2p/${SELF}/p2p-circuit`] }))
    expect(book.select({ scopeFilter: ['public'] })).toEqual([])
    expect(book.select({ scopeFilter: ['relay', 'private'] })).toEqual([])
    expect(book.select({ scopeFilter: ['relay', 'public'] })).toHaveLength(1)
  })

  it('prefers peers without failures, and those that were not tried just now', () => {
    const { book, clock } = makeBook()
    for (let n = 0; n < 40; n++) {
      book.add(candidate(n))
    }
    for (let n = 0; n < 20; n++) {
      book.attempt(idOf(n))
    }
    const recent = Array.from({ length: 500 }, () => book.select())
    expect(share(recent, ({ lastAttempt }) => lastAttempt != null)).toBeLessThan(0.05)
    clock.tick(11 * MINUTE)
    for (let n = 0; n < 20; n++) {
      book.failed(idOf(n))
      book.failed(idOf(n))
    }
    const failing = Array.from({ length: 3000 }, () => book.select())
    const expected = 0.66 ** 2 / (1 + 0.66 ** 2)
    expect(share(failing, ({ failures }) => failures > 0)).toBeGreaterThan(expected - 0.05)
    expect(share(failing, ({ failures }) => failures > 0)).toBeLessThan(expected + 0.05)
  })

  it('a feeler goes to a new peer, never to a tried one', () => {
    for (const size of [20, 400]) {
      const { book } = makeBook()
      for (let n = 0; n < size; n++) {
        book.add(candidate(n))
        if (n % 4 !== 0) {
          book.good(idOf(n))
        }
      }
      for (let i = 0; i < 100; i++) {
        expect(book.feelerCandidate()?.table).toBe('new')
      }
      expect(book.feelerCandidate({ scopeFilter: ['private'] })).toBeUndefined()
    }
  })

  it('looks at a bounded number of entries, however large the book and whatever the filter', () => {
    const { book } = makeBook()
    for (let n = 0; n < 60_000; n++) {
      book.add(signed(n, 1n))
      if (n % 7 === 0) {
        book.good(idOf(n))
      }
    }
    expect(book.size).toBeGreaterThan(15_000)
    const cost = (work: () => unknown): number => {
      const { touched } = book.stats()
      work()
      return book.stats().touched - touched
    }
    const exclude = new Set(Array.from(book.entries(), ({ id }) => id))
    expect(cost(() => book.add(candidate(70_000)))).toBeLessThanOrEqual(16)
    expect(cost(() => book.add(signed(1, 2n)))).toBeLessThanOrEqual(16)
    expect(cost(() => book.good(idOf(1)))).toBeLessThanOrEqual(8)
    expect(cost(() => book.failed(idOf(1)))).toBeLessThanOrEqual(8)
    expect(cost(() => book.select({ count: 8 }))).toBeLessThanOrEqual(8 * 64)
    expect(cost(() => book.select({ count: 8, exclude }))).toBeLessThanOrEqual(2 * 64)
    expect(cost(() => book.select({ count: 8, scopeFilter: ['onion'] }))).toBeLessThanOrEqual(2 * 64)
    expect(cost(() => book.feelerCandidate())).toBeLessThanOrEqual(64)
    expect(cost(() => book.sampleForExchange({ scope: 'public' }))).toBeLessThanOrEqual(64 + 8 * 64)
    expect(cost(() => book.sampleForExchange({ scope: 'private' }))).toBeLessThanOrEqual(64 + 8 * 64)
    expect(cost(() => book.expire())).toBeLessThanOrEqual(1024)
    expect(cost(() => [book.get(idOf(1)), book.ban(idOf(2)), book.anchors()])).toBeLessThanOrEqual(2)
  })
})

describe('what is named to others', () => {
  it('gives at most 64, at most 23 % of the book, and 16 of a small one', () => {
    const count = (size: number, max?: number): number => {
      const { book } = makeBook()
      for (let n = 0; n < size; n++) {
        book.add(signed(n, 1n))
      }
      return book.sampleForExchange({ scope: 'public', ...(max == null ? {} : { max }) }).length
    }
    expect(count(10)).toBe(10)
    expect(count(40)).toBe(16)
    expect(count(200)).toBeGreaterThan(40)
    expect(count(200)).toBeLessThanOrEqual(46)
    expect(count(5000)).toBe(64)
    expect(count(5000, 1000)).toBe(64)
    expect(count(5000, 5)).toBe(5)
  })

  it('gives records as they came, of peers that are neither private, banned, terrible nor excluded', () => {
    const { book, clock } = makeBook()
    for (let n = 0; n < 7; n++) {
      book.add(signed(n, 1n))
    }
    book.mark(idOf(0), { private: true })
    book.ban(idOf(1))
    for (let i = 0; i < 3; i++) {
      book.failed(idOf(2))
    }
    book.add(candidate(8))
    book.add(signed(9, 1n, { record: { seq: 1n, certified: true } }))
    book.add(signed(10, 1n, { record: { seq: 1n, certified: true, bytes: new Uint8Array(4000) } }))
    clock.tick(MINUTE)
    const given = book.sampleForExchange({ scope: 'public', exclude: new Set([idOf(3)]) })
    expect(given.map(({ id }) => id).sort()).toEqual([idOf(4), idOf(5), idOf(6)].sort())
    const { record, addresses, seq } = given.find(({ id }) => id === idOf(4)) ?? {}
    expect([record, addresses, seq]).toEqual([Uint8Array.of(1, 2, 3, 4), [`/ip4/${ipOf(4)}/tcp/4001`], 1n])
  })

  it('never gives a record with any address of another scope', () => {
    const { book } = makeBook()
    const publicOne = '/ip4/1.2.3.4/tcp/4001'
    const lan = '/ip4/192.168.1.5/tcp/4001'
    book.add(signed(1, 1n, { multiaddrs: [publicOne] }))
    book.add(signed(2, 1n, { multiaddrs: [lan] }))
    book.add(signed(3, 1n, { multiaddrs: ['/ip4/1.2.3.5/tcp/4001', lan] }))
    book.add(signed(4, 1n, { multiaddrs: ['/ip4/1.2.3.6/tcp/4001', '/ip4/169.254.1.1/tcp/4001'] }))
    book.add(signed(5, 1n, { multiaddrs: ['/ip4/127.0.0.1/tcp/4001'] }))
    book.add(signed(6, 1n, { multiaddrs: ['/dns4/example.com/tcp/4001'] }))
    book.add(signed(7, 1n, { multiaddrs: [`${publicOne}/p2p/${SELF}/p2p-circuit`] }))
    book.add(signed(8, 1n, { multiaddrs: [`${lan}/p2p/${SELF}/p2p-circuit`] }))
    const ids = (scope: Parameters<typeof book.sampleForExchange>[0]['scope']): string[] =>
      book
        .sampleForExchange({ scope })
        .map(({ id }) => id)
        .sort()
    expect(ids('public')).toEqual([idOf(1), idOf(6), idOf(7)].sort())
    expect(ids('private')).toEqual([idOf(2), idOf(8)].sort())
    expect(ids('loopback')).toEqual([idOf(5)])
    expect(ids('onion')).toEqual([])
    expect(ids(['private', 'public'])).toEqual([1, 2, 3, 6, 7, 8].map(idOf).sort())
  })
})
