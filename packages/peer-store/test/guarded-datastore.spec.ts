import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { Key } from 'interface-datastore'
import { afterEach, describe, expect, it } from 'vitest'
import { GuardedDatastore, PROBE_INTERVAL_MS } from '../src/index.js'
import { collect, makeDir, standingClock } from './support.js'
import type { Level, OverlayLimits, StoreEvent } from '../src/index.js'
import type { Pair, Query } from 'interface-datastore'

const FULL = 'IO error: 000003.log: No space left on device'

/** A LevelDB whose writes and reads can be made to fail as LevelDB's do. */
class SickLevel extends ClassicLevel<string, Uint8Array> {
  writes = 0
  failWrites: string | undefined
  failReads: { code: string; message: string } | undefined
  failOpens = false

  override async put(key: string, value: Uint8Array): Promise<void> {
    this.#fail()
    await super.put(key, value)
  }

  override async del(key: string | Uint8Array, options?: object): Promise<void> {
    this.#fail()
    await super.del(key as string, options ?? {})
  }

  override batch(...args: unknown[]): never {
    this.#fail()
    return (super.batch as (...all: unknown[]) => unknown).apply(this, args) as never
  }

  override async get(key: string): Promise<Uint8Array | undefined> {
    if (this.failReads !== undefined) throw Object.assign(new Error(this.failReads.message), this.failReads)
    return super.get(key)
  }

  override async open(options?: object): Promise<void> {
    if (this.failOpens) throw Object.assign(new Error('no'), { code: 'LEVEL_DATABASE_NOT_OPEN' })
    await super.open(options ?? {})
  }

  #fail(): void {
    this.writes++
    if (this.failWrites !== undefined) throw Object.assign(new Error(this.failWrites), { code: 'LEVEL_IO_ERROR' })
  }
}

const opened: Level[] = []

afterEach(async () => {
  for (const level of opened.splice(0)) await level.close()
})

async function setUp(overlay: OverlayLimits = {}) {
  const dir = join(await makeDir(), 'db')
  const level = new SickLevel(dir, { keyEncoding: 'utf8', valueEncoding: 'view', compression: false })
  await level.open()
  opened.push(level as unknown as Level)
  const clock = standingClock()
  const events: StoreEvent[] = []
  const disk = { well: true, probes: 0 }
  const datastore = new GuardedDatastore({
    level: level as unknown as Level,
    clock,
    overlay,
    onEvent: (event) => events.push(event),
    isSoundPeerRecord: () => true,
    probe: async () => {
      disk.probes++
      return disk.well
    }
  })
  return { dir, level, clock, events, disk, datastore }
}

const k = (name: string | number) => new Key(`/penin/${name}`)
const bytes = (...all: number[]) => Uint8Array.from(all)

async function rows(datastore: GuardedDatastore, query: Query): Promise<string[]> {
  const all: Pair[] = await collect(datastore.query(query))
  return all.map(({ key, value }) => `${key.toString()}=${[...value].join()}`)
}

describe('a datastore on a sound disk', () => {
  it('puts, gets, deletes, batches and queries', async () => {
    const { datastore } = await setUp()
    await datastore.put(k('a'), bytes(1))
    const batch = datastore.batch()
    batch.put(k('b'), bytes(2))
    batch.put(k('c'), bytes(3))
    batch.delete(k('a'))
    await batch.commit()
    await batch.commit()
    expect(await datastore.has(k('a'))).toBe(false)
    expect(await rows(datastore, { prefix: '/penin/' })).toEqual(['/penin/b=2', '/penin/c=3'])
    expect(await rows(datastore, { filters: [({ value }) => value[0] === 3] })).toEqual(['/penin/c=3'])
    expect(
      await rows(datastore, { orders: [(a, b) => ((b.value[0] ?? 0) - (a.value[0] ?? 0) > 0 ? 1 : -1)], limit: 1 })
    ).toEqual(['/penin/c=3'])
    expect(await rows(datastore, { offset: 1 })).toEqual(['/penin/c=3'])
    expect((await collect(datastore.queryKeys({ prefix: '/penin/b' }))).map(String)).toEqual(['/penin/b'])
    await datastore.delete(k('b'))
    await expect(datastore.get(k('b'))).rejects.toMatchObject({ name: 'NotFoundError' })
  })

  it.each([true, false])('deletes a key that is no valid UTF-8, and nothing else (disk well: %s)', async (isWell) => {
    const { datastore, level, clock } = await setUp()
    const odd = [0xff, 0xfe].map((byte) => Buffer.concat([Buffer.from('/penin/'), Buffer.of(byte)]))
    const all = odd.map((key) => ({ type: 'put', key, value: bytes(1), keyEncoding: 'buffer' }))
    await (level.batch(all, {}) as Promise<void>)
    level.failWrites = isWell ? undefined : FULL
    await datastore.delete(new Key(odd[0] as Buffer, false))
    level.failWrites = undefined
    clock.advance(PROBE_INTERVAL_MS)
    await datastore.put(k('a'), bytes(2))
    const left = await collect(datastore.query({}))
    expect(left.map(({ key }) => Buffer.from(key.uint8Array()))).toEqual([Buffer.from('/penin/a'), odd[1]])
  })

  it('queries more rows than it reads at once, and only those under the prefix', async () => {
    const { datastore } = await setUp()
    const batch = datastore.batch()
    for (let i = 0; i < 1000; i++) batch.put(k(`many/${i}`), bytes(1))
    batch.put(new Key('/penin/many'), bytes(9))
    batch.put(new Key('/penin/many0'), bytes(9))
    batch.put(new Key('/penin/many/\u{10ffff}'), bytes(1))
    await batch.commit()
    expect(await rows(datastore, { prefix: '/penin/many/' })).toHaveLength(1001)
    expect(await rows(datastore, {})).toHaveLength(1003)
    expect(await rows(datastore, { prefix: '/penin/many/', limit: 3 })).toHaveLength(3)
  })

  it('writes what is put at once in one group, in order', async () => {
    const { datastore, level } = await setUp()
    await Promise.all(Array.from({ length: 200 }, (_, i) => datastore.put(k('same'), bytes(i))))
    expect(await datastore.get(k('same'))).toEqual(bytes(199))
    expect(level.writes).toBeLessThan(5)
  })

  it('leaves out keys that are no datastore keys', async () => {
    const { datastore, level } = await setUp()
    await level.put('no-slash', bytes(1))
    await datastore.put(k('a'), bytes(1))
    expect(await rows(datastore, {})).toEqual(['/penin/a=1'])
  })

  it('refuses a value that is no bytes, and nothing else suffers', async () => {
    const { datastore } = await setUp()
    const good = datastore.put(k('good'), bytes(1))
    await expect(datastore.put(k('bad'), 'text' as never)).rejects.toMatchObject({ name: 'InvalidArgumentError' })
    await good
    expect(await rows(datastore, {})).toEqual(['/penin/good=1'])
  })

  it('does nothing for an aborted signal', async () => {
    const { datastore } = await setUp()
    const aborted = { signal: AbortSignal.abort() }
    await expect(datastore.put(k('a'), bytes(1), aborted)).rejects.toMatchObject({ name: 'AbortError' })
    await expect(datastore.get(k('a'), aborted)).rejects.toMatchObject({ name: 'AbortError' })
    await expect(collect(datastore.query({}, aborted))).rejects.toMatchObject({ name: 'AbortError' })
    expect(await datastore.has(k('a'))).toBe(false)
  })
})

describe('a disk that takes no writes', () => {
  it.each([
    ['disk-full', FULL],
    ['disk-full', 'IO error: x: Disk quota exceeded'],
    ['read-only', 'IO error: x: Read-only file system'],
    ['read-only', 'IO error: x: Permission denied'],
    ['io', 'IO error: x: Input/output error'],
    ['io', 'IO error: x: something never seen before'],
    ['corrupt', 'IO error: 000009.ldb: No such file or directory']
  ])('(%s: %s) does not fail a write, and is reported once', async (reason, message) => {
    const { datastore, level, events, dir } = await setUp()
    level.failWrites = message
    await datastore.put(k('a'), bytes(1))
    await datastore.put(k('b'), bytes(2))
    expect(events).toEqual([{ type: 'write-failed', reason, path: dir }])
    expect(datastore.stats()).toMatchObject({ state: 'degraded', writeErrors: 1, overlayKeys: 2 })
  })

  it('is hidden from readers: they see what could not be written, and what could not be deleted is gone', async () => {
    const { datastore, level } = await setUp()
    await datastore.put(k('old'), bytes(1))
    await datastore.put(k('changed'), bytes(1))
    await datastore.put(k('gone'), bytes(1))
    level.failWrites = FULL
    const batch = datastore.batch()
    batch.put(k('changed'), bytes(2))
    batch.put(k('new'), bytes(3))
    batch.delete(k('gone'))
    await batch.commit()
    expect(await datastore.get(k('changed'))).toEqual(bytes(2))
    expect(await datastore.has(k('gone'))).toBe(false)
    await expect(datastore.get(k('gone'))).rejects.toMatchObject({ name: 'NotFoundError' })
    expect((await rows(datastore, { prefix: '/penin/' })).sort()).toEqual([
      '/penin/changed=2',
      '/penin/new=3',
      '/penin/old=1'
    ])
    const atOnce = (await collect(datastore.rows('/penin/', '/penin0'))).flat()
    expect(atOnce.map(([key, value]) => `${key}=${value.join()}`).sort()).toEqual([
      '/penin/changed=2',
      '/penin/new=3',
      '/penin/old=1'
    ])
    expect((await collect(datastore.rows('/penin/o', '/penin/p'))).flat()).toHaveLength(1)
    expect((await collect(datastore.queryKeys({}))).map(String).sort()).toEqual([
      '/penin/changed',
      '/penin/new',
      '/penin/old'
    ])
  })

  it('is not written to again, for LevelDB would lose what it accepts after a failed write', async () => {
    const { datastore, level } = await setUp()
    level.failWrites = FULL
    await datastore.put(k('a'), bytes(1))
    const { writes } = level
    level.failWrites = undefined
    for (let i = 0; i < 10; i++) await datastore.put(k(i), bytes(1))
    expect(level.writes).toBe(writes)
  })

  it('is tried at intervals, and gets everything when it is well: the database is reopened first', async () => {
    const { datastore, level, events, disk, clock, dir } = await setUp()
    await datastore.put(k('gone'), bytes(1))
    level.failWrites = FULL
    await datastore.put(k('a'), bytes(1))
    await datastore.delete(k('gone'))
    expect(disk.probes).toBe(0)
    disk.well = false
    clock.advance(PROBE_INTERVAL_MS)
    await datastore.put(k('b'), bytes(2))
    await datastore.put(k('c'), bytes(3))
    expect(disk.probes).toBe(1)
    disk.well = true
    level.failWrites = undefined
    clock.advance(PROBE_INTERVAL_MS)
    await datastore.put(k('d'), bytes(4))
    expect(events.at(-1)).toEqual({ type: 'write-recovered', path: dir, flushed: 5 })
    expect(datastore.stats()).toMatchObject({ state: 'ok', overlayKeys: 0, overlayBytes: 0, reopens: 1 })
    expect((await level.iterator().all()).map(([name]) => name)).toEqual([
      '/penin/a',
      '/penin/b',
      '/penin/c',
      '/penin/d'
    ])
    await datastore.put(k('e'), bytes(5))
    expect(await level.get('/penin/e')).toBeDefined()
    level.failWrites = FULL
    await datastore.put(k('f'), bytes(6))
    expect(events.map((event) => event.type)).toEqual(['write-failed', 'write-recovered', 'write-failed'])
  })

  it('that fails again right after a reopening keeps everything in memory and does not alarm twice', async () => {
    const { datastore, level, events, clock } = await setUp()
    level.failWrites = FULL
    await datastore.put(k('a'), bytes(1))
    clock.advance(PROBE_INTERVAL_MS)
    await datastore.put(k('b'), bytes(2))
    expect(events).toHaveLength(1)
    expect(datastore.stats()).toMatchObject({ state: 'degraded', writeErrors: 2, overlayKeys: 2, reopens: 1 })
    expect(await rows(datastore, {})).toEqual(['/penin/a=1', '/penin/b=2'])
  })

  it('that can not even be reopened leaves what is in memory, until it can', async () => {
    const { datastore, level, clock } = await setUp()
    await datastore.put(k('disk'), bytes(1))
    level.failWrites = FULL
    await datastore.put(k('memory'), bytes(2))
    level.failOpens = true
    clock.advance(PROBE_INTERVAL_MS)
    await datastore.put(k('more'), bytes(3))
    await expect(datastore.get(k('disk'))).rejects.toMatchObject({ name: 'NotFoundError' })
    expect(await rows(datastore, {})).toEqual(['/penin/memory=2', '/penin/more=3'])
    level.failOpens = false
    level.failWrites = undefined
    clock.advance(PROBE_INTERVAL_MS)
    await datastore.put(k('last'), bytes(4))
    expect(await rows(datastore, {})).toEqual(['/penin/disk=1', '/penin/last=4', '/penin/memory=2', '/penin/more=3'])
  })

  it('does not disturb readers while the database is reopened', async () => {
    const { datastore, level, clock } = await setUp()
    const batch = datastore.batch()
    for (let i = 0; i < 2000; i++) batch.put(k(`r/${i}`), bytes(1))
    await batch.commit()
    level.failWrites = FULL
    await datastore.put(k('a'), bytes(1))
    level.failWrites = undefined
    clock.advance(PROBE_INTERVAL_MS)
    const gets = Array.from({ length: 500 }, (_, i) => datastore.get(k(`r/${i}`)))
    const queries = Array.from({ length: 5 }, () => rows(datastore, { prefix: '/penin/r/' }))
    const writing = datastore.put(k('b'), bytes(1))
    for (let i = 500; i < 1000; i++) gets.push(datastore.get(k(`r/${i}`)))
    await writing
    expect(await Promise.all(gets)).toHaveLength(1000)
    for (const all of await Promise.all(queries)) expect(all).toHaveLength(2000)
    expect(datastore.stats()).toMatchObject({ state: 'ok', readErrors: 0, reopens: 1 })
  })

  it('fills no more memory than its limits, and what is crowded out is counted', async () => {
    const { datastore, level } = await setUp({ maxKeys: 10, maxBytes: 1000 })
    level.failWrites = FULL
    for (let i = 0; i < 30; i++) await datastore.put(k(i), bytes(i))
    expect(datastore.stats()).toMatchObject({ overlayKeys: 10, droppedWrites: 20 })
    expect(await datastore.has(k(19))).toBe(false)
    expect(await datastore.get(k(29))).toEqual(bytes(29))
    await datastore.put(k('big'), new Uint8Array(950))
    expect(datastore.stats().overlayBytes).toBeLessThanOrEqual(1000)
    await datastore.put(k('too-big'), new Uint8Array(2000))
    expect(datastore.stats()).toMatchObject({ overlayKeys: 0, overlayBytes: 0 })
  })

  it('gets a last chance when the store is closed', async () => {
    const { datastore, level, dir } = await setUp()
    level.failWrites = FULL
    await datastore.put(k('a'), bytes(1))
    level.failWrites = undefined
    await datastore.close()
    expect(datastore.stats()).toMatchObject({ state: 'closed', droppedWrites: 0 })
    const again = new ClassicLevel<string, Uint8Array>(dir, { valueEncoding: 'view' })
    opened.push(again)
    expect(await again.get('/penin/a')).toBeDefined()
  })

  it('that is still sick when the store is closed loses what was in memory, and that is counted', async () => {
    const { datastore, level, disk } = await setUp()
    level.failWrites = FULL
    disk.well = false
    await datastore.put(k('a'), bytes(1))
    await datastore.close()
    expect(datastore.stats()).toMatchObject({ droppedWrites: 1 })
  })
})

describe('a disk that can not be read', () => {
  it('makes a record in a damaged block absent, and is reported once', async () => {
    const { datastore, level, events, dir } = await setUp()
    await datastore.put(k('a'), bytes(1))
    level.failReads = { code: 'LEVEL_CORRUPTION', message: 'Corruption: bad entry in block' }
    await expect(datastore.get(k('a'))).rejects.toMatchObject({ name: 'NotFoundError' })
    expect(await datastore.has(k('a'))).toBe(false)
    expect(events).toEqual([{ type: 'read-failed', path: dir, cause: 'Corruption: bad entry in block' }])
    expect(datastore.stats().readErrors).toBe(2)
  })

  it('makes any other failed read a typed error', async () => {
    const { datastore, level, dir } = await setUp()
    level.failReads = { code: 'LEVEL_IO_ERROR', message: 'IO error: 000005.ldb: Input/output error' }
    await expect(datastore.get(k('a'))).rejects.toMatchObject({ name: 'DatastoreReadError', path: dir })
  })
})
