import { spawnSync } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Key } from 'interface-datastore'
import { describe, expect, it } from 'vitest'
import { openStore } from '../src/index.js'
import { ended, makeDir, start } from './support.js'

/** Whether this user may make a mount namespace with a file system of its own (root on Linux may, as a rule). */
const mayMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0
const reason = mayMount ? '' : ' (skipped: needs unshare -m with the right to mount)'

/** Runs a program with a tmpfs of its own at a folder; `$0` stands for the folder in `prepare`. */
function onTmpfs(dir: string, prepare: string): string[] {
  return ['unshare', '-m', 'sh', '-c', `${prepare} && exec "$@"`, dir]
}

describe('a process that is killed while it writes', () => {
  it('loses no write that had resolved, 20 times in a row, and leaves no damage', { timeout: 120_000 }, async () => {
    const dataDir = await makeDir()
    let last = -1
    for (let round = 0; round < 20; round++) {
      const child = start('write-until-killed.mjs', [dataDir, String(last + 1)])
      const end = ended(child)
      let seen = 0
      child.stdout?.on('data', (data: Buffer) => {
        seen += data.length
        if (seen > 400 * (round + 1)) child.kill('SIGKILL')
      })
      const { out, err, signal } = await end
      expect({ err, signal }).toEqual({ err: '', signal: 'SIGKILL' })
      expect(out).not.toContain('{')
      // The last line may be cut in the middle of a number.
      last = Number(out.slice(0, out.lastIndexOf('\n')).split('\n').at(-1))
      await using store = await openStore({ dataDir })
      expect(store.recovered).toBeUndefined()
      for (let i = 0; i <= last; i++) {
        const value = await store.datastore.get(new Key(`/penin/test/${i}`))
        expect(Buffer.from(value).toString()).toBe(`${i}`.repeat(50))
      }
    }
    expect(last).toBeGreaterThan(200)
    expect(await readdir(dataDir)).toEqual(['db'])
  })
})

describe('processes that create the identity at once', () => {
  it('all get the same key, 8 of them', async () => {
    const dataDir = await makeDir()
    const children = Array.from({ length: 8 }, () => ended(start('create-identity.mjs', [dataDir])))
    const ends = await Promise.all(children)
    expect(ends.map(({ err }) => err).join('')).toBe('')
    const lines = ends.map(({ out }) => out.trim().split(' '))
    expect(new Set(lines.map(([key]) => key)).size).toBe(1)
    expect(lines.filter(([, created]) => created === 'true')).toHaveLength(1)
    expect(await readdir(dataDir)).toEqual(['identity.key'])
  })
})

describe('a file system', () => {
  it.skipIf(!mayMount)(`that fills up degrades the store to memory, and gets everything later${reason}`, async () => {
    const dir = await makeDir()
    const { out, err } = await ended(
      start('fill-disk.mjs', [dir], onTmpfs(dir, 'mount -t tmpfs -o size=2m tmpfs "$0"'))
    )
    expect(err).toBe('')
    const { events, full, early, well, rows } = JSON.parse(out) as Record<string, unknown>
    expect(full).toMatchObject({ state: 'degraded', writeErrors: 1, readable: true, droppedWrites: 0, reopens: 0 })
    expect(early).toBe('degraded')
    expect(well).toMatchObject({ state: 'ok', overlayKeys: 0, reopens: 1 })
    expect(events).toEqual(['write-failed:disk-full', 'write-recovered'])
    // 20 before, 20 while it was full, 3 single ones, 20 after.
    expect(rows).toBe(63)
  })

  it.skipIf(!mayMount)(`that is full at the start is a typed error${reason}`, async () => {
    const dir = await makeDir()
    const prepare =
      'mount -t tmpfs -o size=64k tmpfs "$0" && { head -c 1m /dev/zero > "$0/filler" 2>/dev/null || true; }'
    const { out } = await ended(start('open-store.mjs', [join(dir, 'data')], onTmpfs(dir, prepare)))
    expect(JSON.parse(out)).toMatchObject({ name: 'DatastoreFullError' })
  })

  it.skipIf(!mayMount)(
    `that is read-only is a typed error, for a new and an old database and an identity${reason}`,
    async () => {
      const dir = await makeDir()
      const empty = onTmpfs(dir, 'mount -t tmpfs -o ro tmpfs "$0"')
      const fresh = await ended(start('open-store.mjs', [join(dir, 'data')], empty))
      expect(JSON.parse(fresh.out)).toMatchObject({ name: 'DatastoreReadOnlyError', path: join(dir, 'data') })
      const identity = await ended(start('create-identity.mjs', [join(dir, 'data')], empty))
      expect(identity.err).toContain('IdentityUnwritableError')
      expect(identity.err).toContain('EROFS')
      await (await openStore({ dataDir: dir })).close()
      const bound = onTmpfs(dir, 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"')
      const { out } = await ended(start('open-store.mjs', [dir], bound))
      expect(JSON.parse(out)).toMatchObject({ name: 'DatastoreReadOnlyError', path: join(dir, 'db') })
    }
  )
})
