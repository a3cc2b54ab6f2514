import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '@penin/peer-store'
import { FakeClock, seededRng } from '@penin/testing'
import { MemoryDatastore, type BaseDatastore } from 'datastore-core'
import fc from 'fast-check'
import { Key, type Datastore, type Pair } from 'interface-datastore'
import { afterEach, describe, expect, it } from 'vitest'
import { openReputation, Reputation, REPUTATION_PREFIX } from '../src/index.js'
import type { StoredReputation } from '../src/index.js'
import { at, DAY, HOUR, idOf, report } from './reputation-support.js'

const dirs: string[] = []

afterEach(async () => {
  await Promise.all(dirs.splice(0).map(async (dir) => rm(dir, { recursive: true, force: true })))
})

async function makeDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'penin-reputation-'))
  dirs.push(dir)
  return dir
}

async function open(datastore: Datastore, clock = new FakeClock(), maxPeers?: number): Promise<StoredReputation> {
  return openReputation({ datastore, clock, maxPeers })
}

async function rowsOf(datastore: Datastore): Promise<Pair[]> {
  const rows: Pair[] = []
  for await (const row of datastore.query({ prefix: REPUTATION_PREFIX })) {
    rows.push(row)
  }
  return rows
}

/** Something of everything: 40 peers, 13 bans of which one is permanent and one manual, and 2 bans of groups. */
function fill(reputation: Reputation, clock: FakeClock): void {
  for (let n = 0; n < 40; n++) {
    reputation.connected(idOf(n), at(n < 20 ? `2a00:1:2:3::${n + 1}` : `1.2.3.${n}`))
    reputation.messages(idOf(n), n, n % 3)
    reputation.pinged(idOf(n), 10 * n)
    reputation.disconnected(idOf(n))
    report(reputation, idOf(n), n < 10 ? 'fatal' : n % 2 === 0 ? 'mid' : 'high')
  }
  for (let n = 0; n < 3; n++) {
    report(reputation, idOf(30), 'fatal')
    clock.tick(5 * HOUR)
  }
  report(reputation, idOf(31), 'fatal')
  reputation.ban(idOf(100), { reason: 'by \u202ehand', by: 'ops' })
  reputation.banGroup(at('9.9.9.9'))
  reputation.trust(idOf(32))
}

function contents(reputation: Reputation): unknown {
  const ids = reputation.peers().sort()
  const bans = reputation.bans().sort((a, b) => (a.key < b.key ? -1 : 1))
  return { peers: ids.map((id) => [id, reputation.standing(id), reputation.history(id)]), bans }
}

describe('what is kept across restarts', () => {
  it('is everything, in a real database', async () => {
    const dataDir = await makeDir()
    const clock = new FakeClock()
    const store = await openStore({ dataDir, clock })
    const first = await open(store.datastore, clock)
    fill(first.reputation, clock)
    const before = contents(first.reputation)
    await first.close()
    await store.close()
    await using again = await openStore({ dataDir, clock })
    await using second = await open(again.datastore, clock)
    expect(second.loaded).toEqual({ peers: 40, bans: 13, groups: 2, dropped: 0 })
    expect(contents(second.reputation)).toEqual(before)
    expect(second.reputation.banOf(idOf(30))?.until).toBe(Infinity)
    expect(second.reputation.isGroupBanned(at('9.9.9.9'))).toBe(true)
    expect(second.stats()).toEqual({ dirty: 0, written: 0, writeErrors: 0 })
  })

  it('decays and expires by the time that has passed in between, and the ladder goes on', async () => {
    const datastore = new MemoryDatastore()
    const clock = new FakeClock()
    const first = await open(datastore, clock)
    report(first.reputation, idOf(1), 'mid', 4)
    report(first.reputation, idOf(2), 'fatal')
    await first.close()
    const later = new FakeClock({ now: clock.now() + DAY })
    const second = await open(datastore, later)
    expect(second.reputation.score(idOf(1))).toBeCloseTo(40)
    expect(second.reputation.isBanned(idOf(2))).toBe(false)
    report(second.reputation, idOf(2), 'fatal')
    expect(second.reputation.banOf(idOf(2))).toMatchObject({ level: 2 })
    await second.close()
  })

  it('a lifted ban stays lifted, and what has been forgotten leaves the disk', async () => {
    const datastore = new MemoryDatastore()
    const first = await open(datastore, new FakeClock(), 10)
    first.reputation.ban(idOf(1))
    first.reputation.banGroup(at('2a00::1'))
    await first.flush()
    first.reputation.unban(idOf(1))
    first.reputation.unbanGroup('2a00:0:0:0::/64')
    for (let n = 0; n < 500; n++) {
      report(first.reputation, idOf(n), 'high')
    }
    await first.close()
    expect(await rowsOf(datastore)).toHaveLength(10)
    const second = await open(datastore)
    expect(second.loaded).toEqual({ peers: 10, bans: 0, groups: 0, dropped: 0 })
    await second.close()
  })

  it('a crash costs at most a second of reports, bans and trust', async () => {
    const datastore = new MemoryDatastore()
    const clock = new FakeClock()
    const { reputation, stats } = await open(datastore, clock)
    report(reputation, idOf(1), 'high')
    report(reputation, idOf(2), 'fatal')
    reputation.trust(idOf(3))
    expect(stats().dirty).toBe(4)
    await clock.tickAsync(1_000)
    expect(stats()).toEqual({ dirty: 0, written: 4, writeErrors: 0 })
    const { loaded } = await open(datastore, clock)
    expect(loaded).toEqual({ peers: 3, bans: 1, groups: 0, dropped: 0 })
  })

  it('messages and pings are not a write each, and an orderly end keeps them all', async () => {
    const datastore = new MemoryDatastore()
    const clock = new FakeClock()
    const { reputation, stats, close } = await open(datastore, clock)
    for (let i = 0; i < 600; i++) {
      reputation.messages(idOf(1), 1)
      await clock.tickAsync(1_000)
    }
    expect(stats().written).toBeLessThan(20)
    const { score } = reputation.standing(idOf(1))
    await close()
    await close()
    const second = await open(datastore, clock)
    expect(second.reputation.score(idOf(1))).toBeCloseTo(score)
    await second.close()
    expect(clock.pending()).toBe(0)
  })

  it('tells of ended bans within a minute', async () => {
    const clock = new FakeClock()
    const { reputation, close } = await open(new MemoryDatastore(), clock)
    const ended: string[] = []
    reputation.addEventListener('unbanned', ({ detail }) => ended.push(detail.key))
    report(reputation, idOf(1), 'fatal')
    await clock.tickAsync(HOUR + 60_000)
    expect(ended).toEqual([idOf(1)])
    await close()
  })
})

describe('damage', () => {
  it('any changed, cut or misplaced record is dropped, counted and deleted; the others are read', async () => {
    const clock = new FakeClock()
    const origin = new MemoryDatastore()
    const { reputation, close } = await open(origin, clock)
    fill(reputation, clock)
    await close()
    const rows = await rowsOf(origin)
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), fc.integer({ min: 1, max: 20 }), async (numbers, count) => {
        const next = (below: number): number => (numbers.next().value as number) % below
        const datastore = new MemoryDatastore()
        const damaged = new Set<number>()
        while (damaged.size < count) {
          damaged.add(next(rows.length))
        }
        for (const [i, { key, value }] of rows.entries()) {
          const bytes = value.slice()
          const bit = next(8 * bytes.length)
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
          const broken = [bytes, value.subarray(0, next(value.length)), rows[(i + 1) % rows.length]?.value ?? bytes]
          await datastore.put(key, damaged.has(i) ? (broken[next(3)] ?? bytes) : value)
        }
        const opened = await open(datastore, clock)
        const { peers, bans, groups, dropped } = opened.loaded
        expect([peers + bans + groups, dropped]).toEqual([rows.length - count, count])
        await opened.close()
        expect(await rowsOf(datastore)).toHaveLength(rows.length - count)
      }),
      { numRuns: 50 }
    )
  })

  it('a database full of rubbish gives an empty reputation, which works', async () => {
    const dataDir = await makeDir()
    await using store = await openStore({ dataDir })
    const rng = seededRng(1)
    for (const name of [
      'peer',
      'peer/',
      `peer/${idOf(1)}/x`,
      'ban/%E0%A4%A',
      'group/..',
      'other/x',
      `ban/${idOf(2)}`
    ]) {
      await store.datastore.put(new Key(`${REPUTATION_PREFIX}${name}`), rng.bytes(100))
    }
    await using opened = await open(store.datastore)
    expect(opened.loaded).toMatchObject({ peers: 0, bans: 0, groups: 0, dropped: 6 })
    report(opened.reputation, idOf(1), 'fatal')
    await opened.flush()
    expect(await rowsOf(store.datastore)).toHaveLength(2)
  })

  it('more records than there can be are not read', async () => {
    class Endless extends MemoryDatastore {
      read = 0;
      override *query(): Generator<Pair> {
        for (;;) {
          yield { key: new Key(`${REPUTATION_PREFIX}peer/${this.read++}`), value: Uint8Array.of(1) }
        }
      }
    }
    const datastore = new Endless()
    await using opened = await open(datastore)
    expect([opened.loaded.dropped, datastore.read]).toEqual([18_432, 18_432])
  })

  it('a database that takes no writes while peers come and go does not fill the memory', async () => {
    class Full extends MemoryDatastore {
      override batch(): never {
        throw new RangeError('full')
      }
    }
    await using opened = await open(new Full(), new FakeClock(), 1)
    let most = 0
    for (let n = 0; n < 12_000; n++) {
      report(opened.reputation, idOf(n), 'low')
      most = Math.max(most, opened.stats().dirty)
    }
    expect(most).toBe(10_242) // all records that there can be, twice
    expect(opened.stats().dirty).toBeLessThan(2_000)
  })

  it('a database that fails to read or write is survived, and written to when it is well again', async () => {
    class Sick extends MemoryDatastore {
      isSick = true
      override query(...args: Parameters<MemoryDatastore['query']>): ReturnType<MemoryDatastore['query']> {
        if (this.isSick) {
          throw new TypeError('sick disk')
        }
        return super.query(...args)
      }

      override batch(): ReturnType<BaseDatastore['batch']> {
        const batch = super.batch()
        return this.isSick ? { ...batch, commit: async () => Promise.reject(new TypeError('sick disk')) } : batch
      }
    }
    const clock = new FakeClock()
    const datastore = new Sick()
    const { reputation, loaded, stats, close } = await open(datastore, clock)
    expect(loaded.failure).toContain('sick disk')
    report(reputation, idOf(1), 'fatal')
    await clock.tickAsync(2_000)
    expect(stats().writeErrors).toBeGreaterThan(0)
    // Ids that come and go while the disk takes no writes fill no more memory than the limits allow.
    for (let n = 0; n < 60_000; n++) {
      report(reputation, idOf(100 + n), 'high')
    }
    expect(stats().dirty).toBeLessThanOrEqual(2 * (4096 + 4096 + 1024) + 1)
    datastore.isSick = false
    await close()
    expect(stats().dirty).toBe(0)
    const second = await open(datastore, clock)
    expect(second.reputation.isBanned(idOf(1))).toBe(true)
    await second.close()
  })

  it('a snapshot of anything at all is survived, with every number in its range', () => {
    const peer = fc.record(
      {
        savedAt: fc.oneof(fc.nat(), fc.double(), fc.constant(Number.MAX_SAFE_INTEGER)),
        firstSeen: fc.nat(),
        lastSeen: fc.nat(),
        uptime: fc.double(),
        messages: fc.double(),
        latency: fc.double(),
        exchange: fc.double(),
        penalty: fc.double(),
        strikes: fc.double(),
        health: fc.double(),
        trusted: fc.boolean(),
        group: fc.string(),
        history: fc.array(fc.anything(), { maxLength: 30 })
      },
      { requiredKeys: ['savedAt', 'firstSeen', 'lastSeen'] }
    )
    const ban = fc.record({
      since: fc.double(),
      until: fc.oneof(fc.double(), fc.constant(null)),
      level: fc.oneof(fc.nat(), fc.double()),
      automatic: fc.boolean(),
      reason: fc.string(),
      by: fc.string(),
      offences: fc.array(fc.double()),
      group: fc.string()
    })
    const members = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
      fc.oneof(fc.dictionary(fc.constantFrom(idOf(1), idOf(2), '__proto__', '1.2.3.4', ''), value), fc.anything())
    const snapshot = fc.record({
      version: fc.constant(1),
      peers: members(peer),
      bans: members(ban),
      groups: members(ban)
    })
    fc.assert(
      fc.property(fc.oneof(snapshot, fc.anything()), (value) => {
        const reputation = new Reputation({ clock: new FakeClock() })
        reputation.import(value)
        report(reputation, idOf(1), 'high')
        for (const id of reputation.peers()) {
          const { score, health, strikes } = reputation.standing(id)
          expect(score >= 0 && score <= 100 && health >= 0 && health <= 1 && strikes >= 0 && strikes <= 100).toBe(true)
        }
        reputation.sweep()
        JSON.stringify(reputation.export())
      }),
      { numRuns: 300 }
    )
  })

  it('an export survives JSON and comes back as it was', () => {
    const clock = new FakeClock()
    const reputation = new Reputation({ clock })
    fill(reputation, clock)
    const copy = new Reputation({ clock })
    const loaded = copy.import(JSON.parse(JSON.stringify(reputation.export())))
    expect(loaded).toEqual({ peers: 40, bans: 13, groups: 2, dropped: 0 })
    expect(contents(copy)).toEqual(contents(reputation))
    expect(copy.export()).toEqual(reputation.export())
  })
})
