import { seededRng } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import type { AddressBook } from '../src/index.js'
import { addressGroup, fromJSON, openAddressBook, toJSON } from '../src/index.js'
import { candidate, HOUR, idOf, ipOf, makeBook, MINUTE, SECRET, SELF, signed } from './address-book-support.js'
import { MemoryDatastore } from 'datastore-core'

/** Ids of a book's entries by table. */
function idsOf(book: AddressBook, table: string): Set<string> {
  return new Set(Array.from(book.entries()).flatMap((entry) => (entry.table === table ? [entry.id] : [])))
}

/** A book in which so many peers have been named by many sources, and every third was reached. */
function livelyBook(count: number): ReturnType<typeof makeBook> {
  const made = makeBook()
  for (let n = 0; n < count; n++) {
    made.book.add(candidate(n))
    if (n % 3 === 0) {
      made.book.good(idOf(n))
    }
  }
  return made
}

describe('floods', () => {
  it('A11: 10^6 addresses of one source group hold at most 6.25 % of new and displace nobody who is not terrible', () => {
    const { book, clock } = livelyBook(3000)
    clock.tick(HOUR)
    const before = new Set([...idsOf(book, 'new'), ...idsOf(book, 'tried')])
    const { touched } = book.stats()
    for (let n = 0; n < 1_000_000; n++) {
      book.add({ id: idOf(1e7 + n), multiaddrs: [`/ip4/${ipOf(n)}/tcp/4001`], source: 'pex', sourceGroup: '66.66' })
    }
    const after = new Set(Array.from(book.entries(), ({ id }) => id))
    expect([...before].filter((id) => !after.has(id))).toEqual([])
    const junk = after.size - before.size
    expect(junk).toBeGreaterThan(500)
    expect(junk).toBeLessThanOrEqual(book.stats().newCapacity / 16)
    expect(book.stats().touched - touched).toBeLessThan(8 * 1_000_000)
    expect(book.checkInvariants()).toEqual([])
  })

  it('A11: keeps the share of one source group when maxSize is low', () => {
    const { book } = makeBook({ maxSize: 1000 })
    for (let n = 0; n < 20_000; n++) {
      book.add(candidate(n, { sourceGroup: '66.66' }))
    }
    expect(book.size).toBeLessThanOrEqual(book.stats().newCapacity / 16)
    for (let n = 20_000; n < 60_000; n++) {
      book.add(candidate(n))
    }
    expect(book.size).toBeLessThanOrEqual(1000)
    expect(book.stats().new).toBeGreaterThan(700)
    expect(book.checkInvariants()).toEqual([])
  })

  it('A11: a group whose peers all answer reaches 4 of the 64 tried buckets', () => {
    const { book, clock } = makeBook()
    for (let n = 0; n < 3000; n++) {
      const address = `/ip4/66.66.${n % 250}.${1 + Math.floor(n / 250)}/tcp/4001`
      book.add(candidate(n, { multiaddrs: [address] }))
      book.good(idOf(n))
      clock.tick(5 * HOUR)
    }
    expect(book.stats().tried).toBeGreaterThan(150)
    expect(book.stats().tried).toBeLessThanOrEqual(4 * 64)
    expect(book.checkInvariants()).toEqual([])
  })

  it('A4, A14: 10^4 ids at one IP address: 4 are kept; the same for an IPv6 /64', () => {
    const { book } = makeBook()
    const reasons = new Set<string>()
    for (let n = 0; n < 10_000; n++) {
      const result = book.add(candidate(n, { multiaddrs: [`/ip4/5.6.7.8/tcp/${1 + n}`] }))
      reasons.add(result.status === 'refused' ? result.reason : result.status)
      book.add(candidate(20_000 + n, { multiaddrs: [`/ip6/2a00:1:2:3::${(n + 1).toString(16)}/tcp/4001`] }))
    }
    expect(book.size).toBe(8)
    expect([...reasons].sort()).toEqual(['added', 'host-full'])
    expect(book.checkInvariants()).toEqual([])
  })

  it('A14: the ids of one IP address can be reached, and still be 4', () => {
    const { book, clock } = makeBook()
    for (let n = 0; n < 100; n++) {
      book.add(candidate(n, { multiaddrs: [`/ip4/5.6.7.8/tcp/${1 + n}`] }))
      book.good(idOf(n))
      clock.tick(MINUTE)
    }
    expect(book.size).toBe(4)
  })

  it('squatters on an address give way when they do not answer', () => {
    const { book, clock } = makeBook()
    for (let n = 0; n < 4; n++) {
      book.add(candidate(n, { multiaddrs: ['/ip4/5.6.7.8/tcp/4001'] }))
    }
    const honest = candidate(9, { multiaddrs: ['/ip4/5.6.7.8/tcp/4001'] })
    expect(book.add(honest)).toMatchObject({ status: 'refused', reason: 'host-full' })
    for (let i = 0; i < 3; i++) {
      book.attempt(idOf(2))
      book.failed(idOf(2))
    }
    clock.tick(2 * MINUTE)
    expect(book.add(honest).status).toBe('added')
    expect(book.get(idOf(2))).toBeUndefined()
    expect(book.add({ ...candidate(10), multiaddrs: honest.multiaddrs, source: 'manual' }).status).toBe('added')
    expect(book.checkInvariants()).toEqual([])
  })

  it('A4: one id with 10^4 addresses keeps 8, whether at once or one by one', () => {
    const { book } = makeBook()
    const addresses = Array.from({ length: 10_000 }, (_, n) => `/ip4/${ipOf(n)}/tcp/4001`)
    book.add(candidate(1, { multiaddrs: addresses }))
    expect(book.get(idOf(1))?.addresses).toHaveLength(8)
    for (const address of addresses) {
      book.add(candidate(2, { multiaddrs: [address] }))
    }
    expect(book.get(idOf(2))?.addresses.map(({ text }) => text)).toEqual(addresses.slice(0, 8))
    book.add(candidate(3, { multiaddrs: Array<string>(10_000).fill('/ip4/9.9.9.9/tcp/1') }))
    expect(book.get(idOf(3))?.addresses).toHaveLength(1)
    expect(book.checkInvariants()).toEqual([])
  })

  it('a stranger cannot push the addresses of a peer out, not even of one that has failed once', () => {
    const { book } = makeBook()
    const good = Array.from({ length: 4 }, (_, i) => `/ip4/1.2.3.4/tcp/${i + 1}`)
    book.add(signed(1, 1n, { multiaddrs: good }))
    book.good(idOf(1), { address: '/ip4/1.2.3.4/tcp/1' })
    book.failed(idOf(1))
    for (let n = 0; n < 100; n++) {
      book.add(candidate(1, { multiaddrs: [`/ip4/${ipOf(n)}/tcp/6666`], sourceGroup: '66.66' }))
    }
    const { addresses = [], table } = book.get(idOf(1)) ?? {}
    expect(addresses.slice(0, 4).map(({ text }) => text)).toEqual(good)
    expect(addresses).toHaveLength(8)
    expect(table).toBe('tried')
  })

  it('the few honest entries of the new table are picked about as often as a flood of one group', () => {
    const { book } = makeBook()
    for (let n = 0; n < 200; n++) {
      book.add(candidate(n))
    }
    const honest = book.size
    for (let n = 0; n < 50_000; n++) {
      book.add(candidate(1e6 + n, { sourceGroup: '66.66' }))
    }
    expect(book.size - honest).toBeGreaterThan(900)
    let picked = 0
    for (let i = 0; i < 2000; i++) {
      picked += Number(book.select()[0]?.sourceGroup !== '66.66')
    }
    expect(picked / 2000).toBeGreaterThan(0.8)
  })
})

describe('what a peer says of itself', () => {
  it('A4: own id, own address, another id in the address and unroutable addresses are refused with reasons', () => {
    const { book } = makeBook()
    book.setOwnAddresses(['/ip4/8.8.8.8/tcp/4001', '/ip4/192.168.1.2/tcp/4001'])
    const reasonOf = (multiaddrs: string[]): unknown => {
      const result = book.add(candidate(1, { multiaddrs }))
      return result.status === 'refused'
        ? [result.reason, ...result.refusedAddresses.map((a) => a.reason)]
        : result.status
    }
    expect(book.add(candidate(1, { id: SELF }))).toMatchObject({ reason: 'own-id' })
    expect(book.add(candidate(1, { id: 'not an id!' }))).toMatchObject({ reason: 'malformed-id' })
    expect(book.add(candidate(1, { sourceGroup: '' }))).toMatchObject({ reason: 'malformed-group' })
    expect(reasonOf(['/ip4/8.8.8.8/tcp/4001'])).toEqual(['no-usable-address', 'own-address'])
    expect(reasonOf(['/ip4/8.8.8.8/tcp/4001/ws'])).toEqual(['no-usable-address', 'own-address'])
    expect(reasonOf([`/ip4/1.1.1.1/tcp/1/p2p/${idOf(2)}`])).toEqual(['no-usable-address', 'other-peer'])
    expect(reasonOf(['/ip4/0.0.0.0/tcp/1', '/ip4/1.1.1.1/tcp/0'])).toEqual([
      'no-usable-address',
      'unspecified',
      'port-zero'
    ])
    expect(reasonOf([])).toEqual(['no-usable-address'])
    expect(book.size).toBe(0)
  })

  it('own addresses that were taken in before they were known are given up', () => {
    const { book } = makeBook()
    book.add(candidate(1, { multiaddrs: ['/ip4/8.8.8.8/tcp/4001'] }))
    book.add(candidate(2, { multiaddrs: ['/ip4/8.8.8.8/tcp/4001', '/ip4/9.9.9.9/tcp/1'] }))
    book.good(idOf(2), { address: '/ip4/8.8.8.8/tcp/4001' })
    book.setOwnAddresses(['/ip4/8.8.8.8/tcp/4001'])
    expect(book.get(idOf(1))).toBeUndefined()
    expect(book.get(idOf(2))).toMatchObject({ table: 'new', addresses: [{ text: '/ip4/9.9.9.9/tcp/1' }] })
    expect(book.checkInvariants()).toEqual([])
  })

  it('A7: an older or equal signed record changes nothing, unsigned addresses never replace signed ones', () => {
    const { book } = makeBook()
    book.add(signed(1, 5n, { multiaddrs: ['/ip4/1.1.1.1/tcp/1'] }))
    expect(book.add(signed(1, 4n, { multiaddrs: ['/ip4/2.2.2.2/tcp/1'] }))).toMatchObject({ reason: 'old-record' })
    expect(book.add(signed(1, 5n, { multiaddrs: ['/ip4/2.2.2.2/tcp/1'] }))).toMatchObject({
      status: 'updated',
      changed: false
    })
    book.add(candidate(1, { multiaddrs: ['/ip4/3.3.3.3/tcp/1'] }))
    const texts = (): unknown => book.get(idOf(1))?.addresses.map(({ text, certified }) => `${text} ${certified}`)
    expect(texts()).toEqual(['/ip4/1.1.1.1/tcp/1 true', '/ip4/3.3.3.3/tcp/1 false'])
    book.add(signed(1, 6n, { multiaddrs: ['/ip4/2.2.2.2/tcp/1'] }))
    expect(texts()).toEqual(['/ip4/2.2.2.2/tcp/1 true', '/ip4/3.3.3.3/tcp/1 false'])
    expect(book.add(signed(2, 2n ** 64n - 1n)).status).toBe('added')
    expect(book.add(signed(3, 2n ** 64n))).toMatchObject({ reason: 'malformed-seq' })
    expect(book.add(signed(3, -1n))).toMatchObject({ reason: 'malformed-seq' })
  })

  it('a tried peer that claims to have moved to another group is new again', () => {
    const { book } = makeBook()
    book.add(signed(1, 1n, { multiaddrs: ['/ip4/1.1.1.1/tcp/1'] }))
    expect(book.good(idOf(1))).toEqual({ status: 'tried' })
    book.add(signed(1, 2n, { multiaddrs: ['/ip4/1.1.2.2/tcp/1'] }))
    expect(book.get(idOf(1))?.table).toBe('tried')
    book.add(signed(1, 3n, { multiaddrs: ['/ip4/66.66.1.1/tcp/1'] }))
    expect(book.get(idOf(1))).toMatchObject({ table: 'new', group: '66.66' })
    expect(book.checkInvariants()).toEqual([])
  })

  it('inbound connections never make a peer tried', () => {
    const { book } = makeBook()
    book.add(candidate(1))
    expect(book.good(idOf(1), { direction: 'inbound' })).toEqual({ status: 'seen' })
    expect(book.get(idOf(1))?.table).toBe('new')
  })
})

describe('holes of a known implementation', () => {
  it('CometBFT hole b: the source group is the observed one: no address that a peer claims changes it', () => {
    const { book } = makeBook()
    const observed = addressGroup('/ip4/66.66.1.2/tcp/50123')
    for (let n = 0; n < 30_000; n++) {
      const claimed = [`/ip4/${ipOf(n)}/tcp/4001`, `/ip4/${ipOf(n + 7)}/tcp/4001`]
      book.add(signed(n, 1n, { multiaddrs: claimed, sourceGroup: observed }))
    }
    expect(new Set(Array.from(book.entries(), ({ sourceGroup }) => sourceGroup))).toEqual(new Set(['66.66']))
    expect(book.stats().newPlaces).toBeLessThanOrEqual(16 * 64)
  })

  it('CometBFT hole c: the key of the placement is kept: after a restart every entry stands where it stood', async () => {
    const datastore = new MemoryDatastore()
    const open = async (seed: number) => openAddressBook({ datastore, selfId: SELF, rng: seededRng(seed) })
    const first = await open(1)
    for (let n = 0; n < 300; n++) {
      first.book.add(candidate(n))
      if (n % 2 === 0) {
        first.book.good(idOf(n))
      }
    }
    await first.close()
    const second = await open(2)
    expect(second.loaded).toMatchObject({ entries: first.book.size, dropped: 0, newKey: false })
    // With another key some of so many entries would collide: that none did means the places are the same.
    expect(toJSON(second.book.snapshot()).entries.sort(byId)).toEqual(toJSON(first.book.snapshot()).entries.sort(byId))
    expect(second.book.checkInvariants()).toEqual([])
    await second.close()
  })

  it('CometBFT hole d: malformed JSON is a typed error', () => {
    for (const text of ['', '{', 'null', '[]', '{"schema":1}', '{"schema":"1"}', '{"schema":1,"entries":{}}']) {
      expect(() => fromJSON(text)).toThrow(expect.objectContaining({ name: 'AddressBookMalformedError' }))
    }
  })

  it('CometBFT hole e: a bucket never holds more than its 64 places', () => {
    const { book } = makeBook()
    for (let n = 0; n < 120_000; n++) {
      book.add(candidate(n))
    }
    const { newPlaces, newCapacity } = book.stats()
    expect(newPlaces).toBeLessThanOrEqual(newCapacity)
    expect(newPlaces).toBeGreaterThan(0.95 * newCapacity)
    expect(book.checkInvariants()).toEqual([])
  })

  it('CometBFT hole f: no newcomer displaces a good entry, old as it may be', () => {
    const { book, clock } = livelyBook(2000)
    clock.tick(29 * 24 * HOUR)
    const before = [...idsOf(book, 'new'), ...idsOf(book, 'tried')]
    for (let n = 0; n < 100_000; n++) {
      book.add(candidate(1e6 + n))
    }
    expect(before.filter((id) => book.get(id) == null)).toEqual([])
  })
})

it('the same seed and the same commands give the same book and the same picks', () => {
  const run = (seed: number): unknown => {
    const { book, clock } = makeBook({}, seed)
    const picks: string[] = []
    for (let n = 0; n < 500; n++) {
      book.add(candidate(n % 300))
      picks.push(...book.select({ count: 2 }).map(({ id }) => id))
      book.good(picks.at(-1) ?? '')
      clock.tick(MINUTE)
    }
    return [picks, toJSON(book.snapshot())]
  }
  expect(run(3)).toEqual(run(3))
  expect(run(3)).not.toEqual(run(4))
})

it('another secret puts the entries elsewhere', () => {
  const places = (secret: Uint8Array): string[] => {
    const { book } = makeBook({ secret })
    for (let n = 0; n < 20_000; n++) {
      book.add(candidate(n, { sourceGroup: 'one' }))
    }
    return [...idsOf(book, 'new')].sort()
  }
  expect(places(SECRET)).not.toEqual(places(SECRET.toReversed()))
})

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1
}
