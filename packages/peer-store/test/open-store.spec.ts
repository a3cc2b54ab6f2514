import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Key } from 'interface-datastore'
import { LevelDatastore } from 'datastore-level'
import { describe, expect, it } from 'vitest'
import { KEPT_CORRUPT_DATABASES, SCHEMA_KEY, SCHEMA_VERSION, openStore } from '../src/index.js'
import { collect, dump, ended, files, makeDir, standingClock, start, withLevel } from './support.js'
import type { StoreEvent } from '../src/index.js'

const key = new Key('/penin/test/a')
const value = Uint8Array.of(1, 2, 3)

describe('openStore', () => {
  it('remembers records across a close, and makes the folder for its owner only', async () => {
    const dataDir = join(await makeDir(), 'made', 'here')
    await using first = await openStore({ dataDir })
    await first.datastore.put(key, value)
    await first.close()
    await using second = await openStore({ dataDir })
    expect(await second.datastore.get(key)).toEqual(value)
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
    expect(second).toMatchObject({ path: join(dataDir, 'db') })
    expect(second.recovered).toBeUndefined()
  })

  it('keeps everything in memory without a folder', async () => {
    await using store = await openStore()
    await store.datastore.put(key, value)
    expect(await store.datastore.get(key)).toEqual(value)
    expect(store.path).toBeUndefined()
    expect(store.stats()).toMatchObject({ state: 'ok', corruptRecords: 0 })
    await store.close()
    expect(store.stats().state).toBe('closed')
  })

  it('lays records as datastore-level does, so that either opens what the other wrote', async () => {
    const dataDir = await makeDir()
    const plain = new LevelDatastore(join(dataDir, 'db'))
    await plain.open()
    await plain.put(new Key('/peers-like/é'), value)
    await plain.close()
    const store = await openStore({ dataDir })
    expect(store.recovered).toBeUndefined()
    expect(await store.datastore.get(new Key('/peers-like/é'))).toEqual(value)
    await store.datastore.put(key, value)
    await store.close()
    await plain.open()
    expect(new Uint8Array(await plain.get(key))).toEqual(value)
    await plain.close()
  })

  it('closes as often as asked, and refuses work afterwards', async () => {
    const store = await openStore({ dataDir: await makeDir() })
    await Promise.all([store.close(), store.close()])
    await store.close()
    await expect(store.datastore.get(key)).rejects.toMatchObject({ name: 'NotRunningError' })
    await expect(store.datastore.put(key, value)).rejects.toMatchObject({ name: 'NotRunningError' })
    await expect(collect(store.datastore.query({}))).rejects.toMatchObject({ name: 'NotRunningError' })
    expect(store.stats().state).toBe('closed')
  })

  it('does not open for an aborted signal', async () => {
    const dataDir = join(await makeDir(), 'not-made')
    await expect(openStore({ dataDir, signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    await expect(stat(dataDir)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('releases the lock when the signal aborts while it opens', async () => {
    const dataDir = await makeDir()
    const controller = new AbortController()
    const opening = openStore({ dataDir, signal: controller.signal })
    controller.abort()
    await expect(opening).rejects.toMatchObject({ name: 'AbortError' })
    await (await openStore({ dataDir })).close()
  })
})

describe('a database that is open elsewhere', () => {
  it('is refused at once when this process has it, and says so', async () => {
    const dataDir = await makeDir()
    await using store = await openStore({ dataDir })
    await store.datastore.put(key, value)
    await expect(openStore({ dataDir })).rejects.toMatchObject({
      name: 'DatastoreLockedError',
      path: join(dataDir, 'db'),
      pid: process.pid,
      message: expect.stringContaining('already open in this process')
    })
    expect(await store.datastore.get(key)).toEqual(value)
  })

  it('is refused when another process has it, and opens when that process was killed', async () => {
    const dataDir = await makeDir()
    const child = start('hold-lock.mjs', [join(dataDir, 'db')])
    const end = ended(child)
    await new Promise((resolve) => child.stdout?.once('data', resolve))
    await writeFile(join(dataDir, 'db.pid'), `${child.pid}\n`)
    const error = await openStore({ dataDir }).catch((err: unknown) => err)
    expect(error).toMatchObject({ name: 'DatastoreLockedError', pid: child.pid })
    expect((error as Error).message).not.toContain('\n')
    child.kill('SIGKILL')
    await end
    await (await openStore({ dataDir })).close()
    expect(await readdir(dataDir)).toEqual(['db'])
  })

  it('names no process when its note is stale or nonsense', async () => {
    const dataDir = await makeDir()
    await using _store = await openStore({ dataDir })
    for (const note of ['999999999', 'x', '-1', '']) {
      await writeFile(join(dataDir, 'db.pid'), note)
      const error = await openStore({ dataDir }).catch((err: unknown) => err)
      expect(error).toMatchObject({ name: 'DatastoreLockedError', pid: undefined })
    }
  })
})

describe('a data folder that is none', () => {
  it('is refused when it is a file', async () => {
    const file = join(await makeDir(), 'file')
    await writeFile(file, 'mine')
    await expect(openStore({ dataDir: file })).rejects.toMatchObject({ name: 'NotADirectoryError', path: file })
    await expect(openStore({ dataDir: join(file, 'below') })).rejects.toMatchObject({ name: 'NotADirectoryError' })
    expect(await readFile(file, 'utf8')).toBe('mine')
  })

  it('is refused when a file stands in the place of the database', async () => {
    const dataDir = await makeDir()
    await writeFile(join(dataDir, 'db'), 'mine')
    await expect(openStore({ dataDir })).rejects.toMatchObject({
      name: 'NotADirectoryError',
      path: join(dataDir, 'db')
    })
    expect(await readFile(join(dataDir, 'db'), 'utf8')).toBe('mine')
  })

  it('is refused when it is a symbolic link to nowhere', async () => {
    const dataDir = join(await makeDir(), 'link')
    await symlink('/nowhere/at/all', dataDir)
    await expect(openStore({ dataDir })).rejects.toMatchObject({ path: dataDir })
  })
})

describe('the schema', () => {
  it('is written into a new database', async () => {
    const dataDir = await makeDir()
    await (await openStore({ dataDir })).close()
    expect(await dump(dataDir)).toEqual([`${SCHEMA_KEY}=0${SCHEMA_VERSION}`])
  })

  it('of a newer program is refused, and every record stays as it was', async () => {
    const dataDir = await makeDir()
    await withLevel(dataDir, async (level) => {
      await level.put(SCHEMA_KEY, Uint8Array.of(SCHEMA_VERSION + 6, 10, 1, 65))
      await level.put('/penin/new/thing', value)
      await level.put('/peers/nonsense', value)
    })
    const before = await dump(dataDir)
    const events: StoreEvent[] = []
    await expect(openStore({ dataDir, onEvent: (event) => events.push(event) })).rejects.toMatchObject({
      name: 'SchemaTooNewError',
      found: SCHEMA_VERSION + 6,
      supported: SCHEMA_VERSION
    })
    expect(await dump(dataDir)).toEqual(before)
    expect(await readdir(dataDir)).toEqual(['db'])
    expect(events).toEqual([])
  })

  it.each([
    ['empty', []],
    ['version 0', [0]],
    ['followed by bytes', [SCHEMA_VERSION, 9]]
  ])('that is %s means a damaged database', async (_name, bytes) => {
    const dataDir = await makeDir()
    await withLevel(dataDir, (level) => level.put(SCHEMA_KEY, Uint8Array.from(bytes)))
    await using store = await openStore({ dataDir })
    expect(store.recovered).toMatchObject({ type: 'corrupt', cause: 'the schema record is malformed' })
  })
})

describe('a damaged database', () => {
  async function damaged(): Promise<string> {
    const dataDir = await makeDir()
    const store = await openStore({ dataDir })
    await store.datastore.put(key, value)
    await store.close()
    await writeFile(join(dataDir, 'db', 'CURRENT'), 'garbage')
    return dataDir
  }

  it('is moved aside as it is; an empty one takes its place and an event says so', async () => {
    const dataDir = await damaged()
    const before = await files(join(dataDir, 'db'))
    const events: StoreEvent[] = []
    await using store = await openStore({
      dataDir,
      clock: standingClock(1234),
      onEvent: (event) => {
        events.push(event)
        throw new Error('a listener that throws')
      }
    })
    const movedTo = join(dataDir, 'db.corrupt-1234')
    expect(events).toEqual([{ type: 'corrupt', path: join(dataDir, 'db'), movedTo, cause: expect.any(String) }])
    expect(store.recovered).toEqual(events[0])
    const after = await files(movedTo)
    for (const [name, content] of before) if (!name.startsWith('LOG')) expect(after.get(name)).toBe(content)
    await expect(store.datastore.get(key)).rejects.toMatchObject({ name: 'NotFoundError' })
    await store.datastore.put(key, value)
    expect(await store.datastore.get(key)).toEqual(value)
  })

  it('never takes the place of an earlier one, and only the newest are kept', async () => {
    const dataDir = await damaged()
    await mkdir(join(dataDir, 'db.corrupt-50'))
    await writeFile(join(dataDir, 'db.corrupt-50', 'mine'), '')
    await mkdir(join(dataDir, 'db.corrupt-notes'))
    for (let round = 0; round < KEPT_CORRUPT_DATABASES + 1; round++) {
      const store = await openStore({ dataDir, clock: standingClock(50) })
      expect(store.recovered?.movedTo).toBe(join(dataDir, `db.corrupt-${51 + round}`))
      await store.close()
      await writeFile(join(dataDir, 'db', 'CURRENT'), '')
    }
    const kept = (await readdir(dataDir)).sort()
    expect(kept).toEqual(['db', 'db.corrupt-52', 'db.corrupt-53', 'db.corrupt-54', 'db.corrupt-notes'])
  })

  it('is noticed when CURRENT is missing, which LevelDB would take for a new database', async () => {
    const dataDir = await damaged()
    await rm(join(dataDir, 'db', 'CURRENT'))
    await using store = await openStore({ dataDir })
    expect(store.recovered?.cause).toContain('CURRENT is missing')
  })

  it('is not what the first opening leaves behind when it is interrupted', async () => {
    const dataDir = await makeDir()
    await mkdir(join(dataDir, 'db'))
    await writeFile(join(dataDir, 'db', 'LOCK'), '')
    await writeFile(join(dataDir, 'db', 'MANIFEST-000001'), 'half')
    await using store = await openStore({ dataDir })
    expect(store.recovered).toBeUndefined()
  })

  it('is moved aside once when two nodes find it at the same time', async () => {
    const dataDir = await damaged()
    const results = await Promise.allSettled([openStore({ dataDir }), openStore({ dataDir })])
    const opened = results.filter((result) => result.status === 'fulfilled').map((result) => result.value)
    const refused = results.filter((result) => result.status === 'rejected').map((result) => result.reason as Error)
    expect(opened).toHaveLength(1)
    expect(refused.map((error) => error.name)).toEqual(['DatastoreLockedError'])
    await opened[0]?.datastore.put(key, value)
    expect(await opened[0]?.datastore.get(key)).toEqual(value)
    await opened[0]?.close()
    await using again = await openStore({ dataDir })
    expect(await again.datastore.get(key)).toEqual(value)
  })
})
