import { describe, expect, it } from 'vitest'
import { AddressBook, DEFAULT_MAX_SIZE, isTerrible } from '../src/index.js'
import { candidate, DAY, HOUR, idOf, ipOf, makeBook, MINUTE, SECRET, SELF } from './address-book-support.js'
import type { TrackRecord } from '../src/index.js'

/** Two peers of one group that want the same place among the tried; the first has it, last reached 5 hours ago. */
function collision(): {
  book: AddressBook
  clock: ReturnType<typeof makeBook>['clock']
  incumbent: string
  challenger: string
} {
  const { book, clock } = makeBook()
  for (let n = 0; ; n++) {
    book.add(candidate(n, { multiaddrs: [`/ip4/1.2.${n >> 8}.${n & 255}/tcp/4001`] }))
    const result = book.good(idOf(n))
    if (result.status === 'collision') {
      clock.tick(5 * HOUR)
      return { book, clock, incumbent: result.incumbent, challenger: idOf(n) }
    }
  }
}

describe('new and tried', () => {
  it('a peer is new when named, and tried once it was reached', () => {
    const { book, clock } = makeBook()
    expect(book.add(candidate(1))).toEqual({ status: 'added', refusedAddresses: [] })
    expect(book.get(idOf(1))).toMatchObject({ table: 'new', attempts: 0, failures: 0, firstSeen: clock.now() })
    clock.tick(MINUTE)
    book.attempt(idOf(1))
    book.failed(idOf(1))
    expect(book.get(idOf(1))).toMatchObject({ table: 'new', attempts: 1, failures: 1, lastAttempt: clock.now() })
    expect(book.good(idOf(1), { address: `/ip4/${ipOf(1)}/tcp/4001` })).toEqual({ status: 'tried' })
    expect(book.get(idOf(1))).toMatchObject({ table: 'tried', attempts: 0, failures: 0, lastSuccess: clock.now() })
    expect(book.get(idOf(1))?.proven).toBe(`/ip4/${ipOf(1)}/tcp/4001`)
    expect(book.stats()).toMatchObject({ size: 1, new: 0, tried: 1, newPlaces: 0 })
    expect(book.checkInvariants()).toEqual([])
  })

  it('the group of the address that answered decides the place', () => {
    const { book } = makeBook()
    book.add(candidate(1, { multiaddrs: ['/ip4/1.1.1.1/tcp/1', '/ip4/2.2.2.2/tcp/1'] }))
    book.good(idOf(1), { address: '/ip4/2.2.2.2/tcp/1' })
    expect(book.get(idOf(1))?.group).toBe('2.2')
    book.good(idOf(1), { address: '/ip4/1.1.1.1/tcp/1' })
    expect(book.get(idOf(1))?.group).toBe('1.1')
    book.good(idOf(1), { address: '/ip4/7.7.7.7/tcp/1' })
    expect(book.get(idOf(1))?.group).toBe('1.1')
    expect(book.checkInvariants()).toEqual([])
  })

  it('a failure while this node itself is offline counts for nothing', () => {
    const { book } = makeBook()
    book.add(candidate(1))
    book.failed(idOf(1), { offline: true })
    expect(book.get(idOf(1))?.failures).toBe(0)
  })

  it('unknown peers are reported as such', () => {
    const { book } = makeBook()
    expect(book.good(idOf(1))).toEqual({ status: 'unknown' })
    expect([book.failed(idOf(1)), book.attempt(idOf(1)), book.seen(idOf(1)), book.remove(idOf(1))]).toEqual(
      Array(4).fill(false)
    )
  })

  it('a peer named by many source groups stands at up to 4 places, each less likely than the one before', () => {
    const { book } = makeBook()
    let once = 0
    for (let n = 0; n < 300; n++) {
      book.add(candidate(n, { sourceGroup: 'a' }))
      book.add(candidate(n, { sourceGroup: 'b' }))
      once = book.stats().newPlaces
    }
    expect(once / book.stats().new).toBeGreaterThan(1.3)
    expect(once / book.stats().new).toBeLessThan(1.7)
    for (let n = 0; n < 300; n++) {
      for (let source = 0; source < 60; source++) {
        book.add(candidate(n, { sourceGroup: `s${source}` }))
      }
    }
    expect(book.stats().newPlaces).toBeGreaterThan(3.8 * book.stats().new)
    expect(book.stats().newPlaces).toBeLessThanOrEqual(4 * book.stats().new)
    expect(book.checkInvariants()).toEqual([])
  })

  it.each([
    ['not heard of for 30 days', { lastSeen: -31 * DAY }, true],
    ['heard of 29 days ago', { lastSeen: -29 * DAY }, false],
    ['heard of in 11 minutes', { lastSeen: 11 * MINUTE }, true],
    ['heard of in 9 minutes', { lastSeen: 9 * MINUTE }, false],
    ['failed 3 times and never reached', { failures: 3 }, true],
    ['failed 2 times and never reached', { failures: 2 }, false],
    ['failed 10 times, reached 8 days ago', { failures: 10, lastSuccess: -8 * DAY }, true],
    ['failed 10 times, reached 6 days ago', { failures: 10, lastSuccess: -6 * DAY }, false],
    ['failed 9 times, reached 8 days ago', { failures: 9, lastSuccess: -8 * DAY }, false],
    ['failed 3 times, the last one 30 seconds ago', { failures: 3, lastAttempt: -30_000 }, false]
  ])('%s', (_, ago: Partial<TrackRecord>, terrible) => {
    const now = 1e12
    const { failures = 0, lastSeen = 0, ...times } = ago
    const moved = Object.entries(times).map(([name, time]) => [name, now + time] as const)
    expect(isTerrible({ failures, lastSeen: now + lastSeen, ...Object.fromEntries(moved) }, now)).toBe(terrible)
  })
})

describe('test before evict', () => {
  it('a reached peer whose place is taken waits until the incumbent has been tested', () => {
    const { book, clock, incumbent, challenger } = collision()
    expect(book.pendingTests()).toEqual([])
    expect(book.good(challenger)).toEqual({ status: 'collision', incumbent, queued: true })
    expect(book.pendingTests()).toEqual([{ incumbent, challenger, since: clock.now() }])
    expect(book.get(challenger)?.table).toBe('new')
    expect(book.checkInvariants()).toEqual([])
  })

  it('an incumbent that answers stays', () => {
    const { book, incumbent, challenger } = collision()
    book.good(challenger)
    book.good(incumbent)
    expect(book.pendingTests()).toEqual([])
    expect(book.failed(incumbent)).toBe(true)
    expect([book.get(incumbent)?.table, book.get(challenger)?.table]).toEqual(['tried', 'new'])
  })

  it('an incumbent that does not answer gives its place up and is new again', () => {
    const { book, incumbent, challenger } = collision()
    book.good(challenger)
    book.failed(incumbent, { offline: true })
    expect(book.get(incumbent)?.table).toBe('tried')
    book.failed(incumbent)
    expect([book.get(incumbent)?.table, book.get(challenger)?.table]).toEqual(['new', 'tried'])
    expect(book.checkInvariants()).toEqual([])
  })

  it('an incumbent that was reached within 4 hours needs no test, one that nobody tests within 40 minutes stays', () => {
    const { book, clock, incumbent, challenger } = collision()
    book.good(incumbent)
    clock.tick(3 * HOUR)
    expect(book.good(challenger)).toEqual({ status: 'collision', incumbent, queued: false })
    clock.tick(2 * HOUR)
    expect(book.good(challenger)).toMatchObject({ queued: true })
    clock.tick(41 * MINUTE)
    expect(book.pendingTests()).toEqual([])
    book.failed(incumbent)
    expect(book.get(incumbent)?.table).toBe('tried')
  })

  it('a marked incumbent stays even if it fails the test', () => {
    const { book, incumbent, challenger } = collision()
    book.good(challenger)
    book.mark(incumbent, { persistent: true })
    book.failed(incumbent)
    expect(book.get(incumbent)?.table).toBe('tried')
    expect(book.checkInvariants()).toEqual([])
  })

  it('queues at most 10 tests', () => {
    const { book, clock } = makeBook()
    const challengers: string[] = []
    for (let n = 0; n < 3000; n++) {
      book.add(candidate(n, { multiaddrs: [`/ip4/1.2.${n >> 8}.${n & 255}/tcp/4001`] }))
      if (book.good(idOf(n)).status === 'collision') {
        challengers.push(idOf(n))
      }
    }
    clock.tick(5 * HOUR)
    const queued = challengers.filter((id) => {
      const result = book.good(id)
      return result.status === 'collision' && result.queued
    })
    expect(queued).toHaveLength(10)
    expect(book.pendingTests()).toHaveLength(10)
    expect(book.checkInvariants()).toEqual([])
  })
})

describe('marks, bans and anchors', () => {
  it('a banned peer is not added, not picked and no anchor, until the ban is over or lifted', () => {
    const { book, clock } = makeBook()
    book.add(candidate(1))
    book.setAnchors([idOf(1)])
    book.ban(idOf(1), clock.now() + HOUR)
    expect(book.add(candidate(1))).toMatchObject({ reason: 'banned' })
    expect([book.select(), book.anchors()]).toEqual([[], []])
    expect(book.bans()).toEqual([{ id: idOf(1), until: clock.now() + HOUR }])
    expect(book.get(idOf(1))?.bannedUntil).toBe(clock.now() + HOUR)
    clock.tick(HOUR)
    expect(book.bans()).toEqual([])
    expect(book.select()).toHaveLength(1)
    expect(book.anchors()).toHaveLength(1)
    book.ban(idOf(1))
    clock.tick(1000 * DAY)
    expect(book.bannedUntil(idOf(1))).toBe(Infinity)
    expect(book.unban(idOf(1))).toBe(true)
    expect(book.unban(idOf(1))).toBe(false)
  })

  it('remembers 4096 bans and lets those go that would end soonest', () => {
    const { book, clock } = makeBook()
    book.ban(idOf(1))
    for (let n = 2; n < 5000; n++) {
      book.ban(idOf(n), clock.now() + HOUR + n)
    }
    expect(book.bans()).toHaveLength(4096)
    expect([book.bannedUntil(idOf(1)), book.bannedUntil(idOf(2))]).toEqual([Infinity, undefined])
    expect(book.bannedUntil(idOf(4999))).toBeDefined()
  })

  it('a persistent peer is kept though its place is taken, and leaves with its mark', () => {
    const { book } = makeBook({ maxSize: 320 })
    for (let n = 0; n < 3000; n++) {
      book.add(candidate(n, { sourceGroup: 'a' }))
    }
    const pinned = Array.from({ length: 20 }, (_, i) => 5000 + i)
    for (const n of pinned) {
      book.mark(idOf(n), { persistent: true })
      expect(book.add(candidate(n, { sourceGroup: 'a', multiaddrs: ['/ip4/1.2.3.4/tcp/1'] })).status).toBe('added')
    }
    expect(book.stats().pinned).toBeGreaterThan(10)
    expect(book.checkInvariants()).toEqual([])
    for (const n of pinned) {
      book.mark(idOf(n), { persistent: false })
    }
    expect(book.stats().pinned).toBe(0)
    expect(book.checkInvariants()).toEqual([])
  })

  it('marks may come before the peer, and are bounded', () => {
    const { book } = makeBook()
    for (let n = 0; n < 1024; n++) {
      expect(book.mark(idOf(n), { private: true })).toBe(true)
    }
    expect(book.mark(idOf(2000), { private: true })).toBe(false)
    expect(book.mark(idOf(5), { persistent: true })).toBe(true)
    expect(book.marks(idOf(5))).toEqual({ private: true, persistent: true })
    book.add(candidate(5))
    expect(book.get(idOf(5))?.marks).toEqual({ private: true, persistent: true })
    expect(book.mark(idOf(6), { private: false })).toBe(true)
    expect(book.mark(idOf(2000), { private: true })).toBe(true)
  })

  it('there are two anchors', () => {
    const { book } = makeBook()
    for (let n = 0; n < 5; n++) {
      book.add(candidate(n))
    }
    book.setAnchors([idOf(3), idOf(3), idOf(1), idOf(2)])
    expect(book.anchors().map(({ id }) => id)).toEqual([idOf(3), idOf(1)])
    book.remove(idOf(3))
    expect(book.anchors().map(({ id }) => id)).toEqual([idOf(1)])
  })
})

describe('clearing out', () => {
  it('expire removes who has failed for good, and nobody for age alone', () => {
    const { book, clock } = makeBook()
    for (let n = 0; n < 100; n++) {
      book.add(candidate(n))
    }
    for (let i = 0; i < 3; i++) {
      book.failed(idOf(1))
      book.failed(idOf(2))
    }
    book.mark(idOf(2), { unconditional: true })
    clock.tick(60 * DAY)
    let removed = 0
    for (let i = 0; i < 20; i++) {
      removed += book.expire()
    }
    expect([removed, book.size]).toEqual([1, 99])
    expect([book.get(idOf(1)), book.get(idOf(2))?.id]).toEqual([undefined, idOf(2)])
  })

  it('the clock may jump by ten years and back without losing anybody', () => {
    const { book, clock } = makeBook()
    for (let n = 0; n < 100; n++) {
      book.add(candidate(n))
      book.good(idOf(n))
    }
    const { size } = book
    for (const jump of [3650 * DAY, -7300 * DAY, 3650 * DAY]) {
      clock.jump(jump)
      for (let i = 0; i < 20; i++) {
        book.expire()
      }
      expect([book.size, book.select({ count: 20 }).length]).toEqual([size, 20])
    }
    expect(book.checkInvariants()).toEqual([])
  })

  it('a full book takes a newcomer in place of somebody terrible', () => {
    const { book, clock } = makeBook({ maxSize: 50 })
    let n = 0
    for (; book.size < 50; n++) {
      book.add(candidate(n))
    }
    const last = Array.from({ length: 200 }, (_, i) => book.add(candidate(n + i)).status)
    expect(last.every((status) => status === 'refused')).toBe(true)
    for (const { id } of [...book.entries()]) {
      for (let i = 0; i < 3; i++) {
        book.failed(id)
      }
    }
    clock.tick(2 * MINUTE)
    expect(book.add(candidate(n + 1000)).status).toBe('added')
    expect(book.size).toBeLessThanOrEqual(50)
    expect(book.checkInvariants()).toEqual([])
  })

  it('refuses a secret or a size that make no sense', () => {
    const make = (more: object) => () => new AddressBook({ selfId: SELF, secret: SECRET, ...more })
    expect(make({ secret: new Uint8Array(15) })).toThrow(expect.objectContaining({ name: 'InvalidArgumentError' }))
    expect(make({ maxSize: 0 })).toThrow(expect.objectContaining({ name: 'InvalidArgumentError' }))
    expect(make({ maxSize: 1e9 })().maxSize).toBe(DEFAULT_MAX_SIZE)
  })
})
