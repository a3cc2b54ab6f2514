import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Key } from 'interface-datastore'
import { describe, expect, it } from 'vitest'
import { openStore } from '../src/index.js'
import { checkTable } from '../src/table-check.js'
import { copyOf, makeDir, makePeer, peerStoreOver, withLevel } from './support.js'

const RECORDS = 300

/** The minimal standard generator: the damage is the same in each run. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
}

/** A database with records in a table and in the log, peer records among them. */
async function sound(): Promise<string> {
  const dataDir = await makeDir()
  const store = await openStore({ dataDir })
  const peers = await peerStoreOver(store.datastore)
  for (let i = 0; i < 20; i++) await peers.merge(await makePeer(), { tags: { t: { value: i } } })
  for (let i = 0; i < RECORDS; i++) await store.datastore.put(new Key(`/penin/test/${i}`), new Uint8Array(100).fill(i))
  await store.close()
  await withLevel(dataDir, async (level) => level.compactRange('/', '0'))
  await withLevel(dataDir, async (level) => level.put('/penin/test/last', Uint8Array.of(1)))
  return dataDir
}

/** Every record that can be read is one that was written; the store takes new ones. */
async function expectUsable(dataDir: string): Promise<boolean> {
  await using store = await openStore({ dataDir })
  const peers = await peerStoreOver(store.datastore)
  expect((await peers.all()).length).toBeLessThanOrEqual(20)
  for await (const { key, value } of store.datastore.query({ prefix: '/penin/test/' })) {
    const name = key.toString().split('/')[3] ?? ''
    expect(value).toEqual(name === 'last' ? Uint8Array.of(1) : new Uint8Array(100).fill(Number(name)))
  }
  await store.datastore.put(new Key('/penin/test/0'), new Uint8Array(100))
  expect(await store.datastore.get(new Key('/penin/test/0'))).toEqual(new Uint8Array(100))
  expect(store.stats().state).toBe('ok')
  return store.recovered !== undefined
}

async function fileOf(dataDir: string, pattern: RegExp): Promise<string> {
  const dir = join(dataDir, 'db')
  const names = (await readdir(dir)).filter((name) => pattern.test(name)).sort()
  return join(dir, names.at(-1) ?? '')
}

describe.each([
  ['CURRENT', /^CURRENT$/],
  ['the manifest', /^MANIFEST/],
  ['the log', /\.log$/],
  ['a table', /\.ldb$/]
])('damage to %s', (_name, pattern) => {
  it('from flipped bits, cut ends and garbage never stops a start and never invents a record', async () => {
    const original = await sound()
    const random = seeded(7)
    for (let round = 0; round < 18; round++) {
      const dataDir = await copyOf(original)
      const path = await fileOf(dataDir, pattern)
      const bytes = await readFile(path)
      if (round % 3 === 0) {
        await truncate(path, random(bytes.length))
      } else {
        const at = round % 3 === 1 ? random(bytes.length) : Math.max(0, bytes.length - 1 - random(200))
        for (let i = at; i < Math.min(bytes.length, at + 1 + random(16)); i++) bytes[i] = random(256)
        await writeFile(path, bytes)
      }
      await expectUsable(dataDir)
    }
  })

  it('when it is gone or empty', async () => {
    const original = await sound()
    for (const empty of [true, false]) {
      const dataDir = await copyOf(original)
      const path = await fileOf(dataDir, pattern)
      if (empty) await writeFile(path, '')
      else await rm(path)
      const recovered = await expectUsable(dataDir)
      if (!/log/.test(path)) expect(recovered).toBe(true)
    }
  })
})

describe('a table', () => {
  it('with a nonsense length in its footer does not end the process', async () => {
    const dataDir = await sound()
    const path = await fileOf(dataDir, /\.ldb$/)
    const bytes = await readFile(path)
    // Handles of offset 0, size 2^49-1: LevelDB would ask for that much memory and abort.
    const handle = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
    Buffer.from([...handle, ...handle]).copy(bytes, bytes.length - 48)
    await writeFile(path, bytes)
    expect(await expectUsable(dataDir)).toBe(true)
  })

  it('with a single flipped bit is noticed, wherever it is', async () => {
    const table = await readFile(await fileOf(await sound(), /\.ldb$/))
    expect(checkTable(table)).toBeUndefined()
    const random = seeded(3)
    const padding = { from: table.length - 48, to: table.length - 8 }
    for (let round = 0; round < 400; round++) {
      const at = random(table.length)
      if (at >= padding.from && at < padding.to) continue
      const damaged = Buffer.from(table)
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << random(8)), at)
      expect(checkTable(damaged), `bit flip at ${at}`).toBeDefined()
    }
  })

  it('cut anywhere is noticed', async () => {
    const table = await readFile(await fileOf(await sound(), /\.ldb$/))
    const random = seeded(5)
    for (let round = 0; round < 100; round++) expect(checkTable(table.subarray(0, random(table.length)))).toBeDefined()
  })

  it('of nothing but garbage is noticed and does not throw', () => {
    const random = seeded(11)
    for (let round = 0; round < 200; round++) {
      const garbage = Buffer.from(Array.from({ length: random(300) }, () => random(256)))
      if (garbage.length >= 48) garbage.writeBigUInt64LE(0xdb4775248b80fb57n, garbage.length - 8)
      expect(checkTable(garbage)).toBeDefined()
    }
  })
})
