import { FakeClock, seededRng } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { AddressBook } from '../src/index.js'
import { idOf } from './address-book-support.js'

function book(seed: number): AddressBook {
  const rng = seededRng(seed)
  return new AddressBook({ selfId: idOf(999_999), secret: rng.bytes(16), rng, clock: new FakeClock() })
}

/** Peers of one /16, all named by one source: a data centre and its bootstrap node. */
function nameAll(into: AddressBook, count: number): number {
  let added = 0
  for (let i = 0; i < count; i++) {
    const multiaddrs = [`/ip4/45.45.${Math.floor(i / 200)}.${i % 200}/tcp/4001`]
    const result = into.add({ id: idOf(i), multiaddrs, source: 'pex', sourceGroup: '45.45' })
    added += result.status === 'added' ? 1 : 0
  }
  return added
}

describe('a small network in one /16', () => {
  it('is known whole: of 10 peers that one source names none is lost, of 30 hardly one', () => {
    let lostOfTen = 0
    let lostOfThirty = 0
    for (let seed = 0; seed < 200; seed++) {
      lostOfTen += 10 - nameAll(book(seed), 10)
      lostOfThirty += 30 - nameAll(book(seed), 30)
    }
    expect(lostOfTen).toBeLessThanOrEqual(2)
    expect(lostOfThirty / 200).toBeLessThan(0.5)
  })

  it('is still there after a restart, in whatever order the entries are read', () => {
    for (let seed = 0; seed < 50; seed++) {
      const rng = seededRng(seed)
      const secret = rng.bytes(16)
      const make = (): AddressBook => new AddressBook({ selfId: idOf(999_999), secret, rng, clock: new FakeClock() })
      const before = make()
      nameAll(before, 60)
      const after = make()
      const snapshot = before.snapshot()
      snapshot.entries.sort((a, b) => (a.id < b.id ? -1 : 1))
      expect(after.restore(snapshot).dropped).toBe(0)
      expect(after.checkInvariants()).toEqual([])
    }
  })
})

describe('what is worth keeping', () => {
  it('an anchor keeps its place however badly it does, for two peers are not worth an attack', () => {
    const clock = new FakeClock()
    const rng = seededRng(1)
    const crowd = new AddressBook({ selfId: idOf(999_999), secret: rng.bytes(16), rng, clock, maxSize: 1 })
    crowd.add({ id: idOf(1), multiaddrs: ['/ip4/45.45.0.1/tcp/1'], source: 'pex', sourceGroup: 'a' })
    crowd.setAnchors([idOf(1)])
    for (let i = 0; i < 5; i++) {
      crowd.attempt(idOf(1))
      crowd.failed(idOf(1))
    }
    clock.tick(3_600_000)
    for (let i = 2; i < 500; i++) {
      const multiaddrs = [`/ip4/${(i % 100) + 1}.45.${i % 200}.1/tcp/1`]
      crowd.add({ id: idOf(i), multiaddrs, source: 'pex', sourceGroup: String(i) })
    }
    expect(crowd.anchors().map(({ id }) => id)).toEqual([idOf(1)])
  })

  it('a newer record for the public does not cost a peer the private addresses that an older one had', () => {
    const one = book(3)
    const own = '/ip4/192.168.1.7/tcp/4001'
    const open = '/ip4/45.45.45.7/tcp/4001'
    const told = { id: idOf(1), source: 'pex' as const, sourceGroup: 'x' }
    one.add({ ...told, multiaddrs: [own, open], record: { seq: 1n, certified: true, bytes: new Uint8Array([1]) } })
    one.add({ ...told, multiaddrs: [open], record: { seq: 2n, certified: true, bytes: new Uint8Array([2]) } })
    expect(one.get(idOf(1))?.addresses).toMatchObject([
      { text: open, certified: true },
      { text: own, certified: false }
    ])
    const moved = '/ip4/192.168.1.8/tcp/4001'
    one.add({ ...told, multiaddrs: [moved], record: { seq: 3n, certified: true, bytes: new Uint8Array([3]) } })
    expect(one.get(idOf(1))?.addresses.map(({ text }) => text)).toContain(moved)
    expect(one.checkInvariants()).toEqual([])
  })
})
