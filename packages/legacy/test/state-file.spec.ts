import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  truncate,
  writeFile
} from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { FakeClock, until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { LegacyOrchestrator, MAX_STATE_BYTES, openLegacyState } from '../src/index.js'
import { COMPARE, passing, python, tempFolder, WRITE_SAMPLE } from './state-support.js'

const A = '10.0.0.1:51515'
const B = '10.0.0.2:51515'
const C = '10.0.0.3:51515'
const at = async (name = 'state.json'): Promise<string> => join(await tempFolder(), name)
const named = (name: string, fields: object = {}): unknown => expect.objectContaining({ name, ...fields })
const onDisk = async (path: string): Promise<string[]> =>
  (JSON.parse(await readFile(path, 'utf8')) as { known_peers: string[] }).known_peers
const NOW = { settleTime: 0 }

describe('a state file that Python wrote', () => {
  it.each([['2'], ['0'], [undefined]])('means the same to Python after a save, with indent %s', async (indent) => {
    const folder = await tempFolder()
    const [path, original] = [join(folder, 'state.json'), join(folder, 'original.json')]
    const args = indent == null ? [] : [indent]
    python(WRITE_SAMPLE, path, ...args)
    python(WRITE_SAMPLE, original, ...args)
    const state = await openLegacyState(path, { clock: new FakeClock() })
    expect([...state.knownPeers]).toEqual(['192.168.1.100:51515', '192.168.1.101:51515'])
    expect(state.onPeerDiscovered({ address: '10.0.0.1', port: 51515 })).toBe(true)
    await state.close()
    const known = JSON.parse(python(COMPARE, original, path)) as string[]
    expect(known).toEqual(['192.168.1.100:51515', '192.168.1.101:51515', A])
    const [before, after] = await Promise.all([readFile(original, 'utf8'), readFile(path, 'utf8')])
    const without = (text: string): string => text.replace(/(?<="known_peers": )\[[^\]]*\](?=,\s*"of a)/, '')
    expect(without(after)).toBe(without(before))
    expect(without(after)).not.toBe(after)
  })

  it('is byte for byte the same once a peer has come and gone, and is not written at all if nothing changes', async () => {
    const path = await at()
    python(WRITE_SAMPLE, path, '2')
    const [before, { ino }] = [await readFile(path), await stat(path)]
    const state = new LegacyOrchestrator()
    await state.loadState(path)
    await state.saveState(path)
    expect((await stat(path)).ino).toBe(ino)
    state.addKnownPeer(A)
    await state.saveState(path)
    expect((await stat(path)).ino).not.toBe(ino)
    state.removeKnownPeer(A)
    await state.saveState(path)
    expect(await readFile(path)).toEqual(before)
  })

  it('can be read by Python if we made it, and is what Python would have made', async () => {
    const path = await at()
    await using state = await openLegacyState(path, { clock: new FakeClock() })
    state.addKnownPeer(A)
    await state.saveState()
    const made = `import json,collections
state = {"knowledge_base": {}, **{k: {"__type__": "deque", "items": [], "maxlen": 1000} for k in ("task_history", "score_history")}, "known_peers": ["${A}"]}
print(json.dumps(state, indent=2), end="")`
    expect(await readFile(path, 'utf8')).toBe(python(made))
    expect((await stat(path)).mode & 0o777).toBe(0o666 & ~process.umask())
  })

  it('is refused when it is cut at any place, with that place, and left as it is', async () => {
    const path = await at()
    python(WRITE_SAMPLE, path)
    const whole = await readFile(path, 'utf8')
    for (let cut = 0; cut < whole.length; cut += 1 + (cut % 3)) {
      await writeFile(path, whole.slice(0, cut))
      const state = new LegacyOrchestrator(NOW)
      const error = await state.loadState(path).catch((error: unknown) => error)
      expect(error).toEqual(named('LegacyStateMalformedError', { path, line: 1 }))
      const { offset, column } = error as { offset: number; column: number }
      expect(offset).toBeLessThanOrEqual(cut)
      expect(offset).toBeGreaterThanOrEqual(cut - 7) // an unfinished word or escape is wrong from its beginning
      expect(column).toBe(offset + 1)
      state.addKnownPeer(A)
      await expect(state.saveState(path)).rejects.toEqual(named('LegacyStateMalformedError'))
      expect(await readFile(path, 'utf8')).toBe(whole.slice(0, cut))
    }
    await expect(readdir(join(path, '..'))).resolves.toEqual(['state.json'])
  })

  it('names line, column and byte of what is no UTF-8, or no list', async () => {
    const path = await at()
    const load = async (content: string | Buffer): Promise<unknown> => {
      await writeFile(path, content)
      return new LegacyOrchestrator(NOW).loadState(path).catch((error: unknown) => error)
    }
    const bad = Buffer.concat([Buffer.from('{\n "é": "'), Buffer.from([0xff]), Buffer.from('"}')])
    expect(await load(bad)).toEqual(
      named('LegacyStateMalformedError', { problem: 'no UTF-8', offset: 10, line: 2, column: 8 })
    )
    expect(await load(Buffer.from('{"é').subarray(0, 3))).toEqual(named('LegacyStateMalformedError', { offset: 3 }))
    expect(await load('{\n  "known_peers": 7\n}')).toEqual(
      named('LegacyStateMalformedError', {
        offset: 19,
        line: 2,
        column: 18,
        message: expect.stringContaining(`${path}:2:18: `)
      })
    )
  })
})

describe('a save', () => {
  it('goes through a symbolic link, which stays one, also to a file that is not there yet', async () => {
    const folder = await tempFolder()
    await mkdir(join(folder, 'real'))
    await symlink('real', join(folder, 'middle'))
    await symlink('middle/state.json', join(folder, 'link.json'))
    const state = new LegacyOrchestrator()
    for (const peer of [A, B]) {
      state.addKnownPeer(peer)
      await state.saveState(join(folder, 'link.json'))
    }
    expect(await readlink(join(folder, 'link.json'))).toBe('middle/state.json')
    expect((await lstat(join(folder, 'real/state.json'))).isFile()).toBe(true)
    expect(await onDisk(join(folder, 'real/state.json'))).toEqual([A, B])
    await symlink('loop', join(folder, 'loop'))
    await expect(state.saveState(join(folder, 'loop'))).rejects.toEqual(
      named('LegacyStateUnreadableError', { why: 'ELOOP' })
    )
  })

  it('keeps mode and owner', async () => {
    const path = await at()
    await writeFile(path, '{}')
    await chmod(path, 0o640)
    if (process.getuid?.() === 0) {
      await chown(path, 4242, 4343)
    }
    const before = await stat(path)
    const state = new LegacyOrchestrator()
    state.addKnownPeer(A)
    await state.saveState(path)
    const after = await stat(path)
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid])
    expect(after.ino).not.toBe(before.ino)
  })

  it('fails with a type of its own where nothing can be written or read, and changes nothing', async () => {
    const folder = await tempFolder()
    const state = new LegacyOrchestrator()
    state.addKnownPeer(A)
    await expect(state.saveState(join(folder, 'no/state.json'))).rejects.toEqual(
      named('LegacyStateUnwritableError', { why: 'ENOENT' })
    )
    await expect(state.saveState(folder)).rejects.toEqual(named('LegacyStateUnreadableError'))
    await expect(state.loadState(folder)).rejects.toEqual(named('LegacyStateUnreadableError'))
    python('import os,sys; os.mkfifo(sys.argv[1])', join(folder, 'fifo'))
    await expect(state.loadState(join(folder, 'fifo'))).rejects.toEqual(named('LegacyStateUnreadableError'))
    expect(state.isDirty).toBe(true)
    expect((await readdir(folder)).sort()).toEqual(['fifo'])
  })

  it('leaves a read-only file alone, though its folder would let it be replaced', async () => {
    const path = await at()
    await writeFile(path, '{}')
    await chmod(path, 0o444)
    const state = new LegacyOrchestrator()
    state.addKnownPeer(A)
    await expect(state.saveState(path)).rejects.toEqual(named('LegacyStateUnwritableError', { why: 'it is read-only' }))
    expect([await readFile(path, 'utf8'), await readdir(join(path, '..'))]).toEqual(['{}', ['state.json']])
    await chmod(path, 0o644)
    await state.saveState(path)
    expect(await onDisk(path)).toEqual([A])
  })

  it('neither reads nor writes a file beyond the limit', async () => {
    const path = await at()
    await writeFile(path, '')
    await truncate(path, MAX_STATE_BYTES + 1)
    const tooLarge = named('LegacyStateTooLargeError', { bytes: MAX_STATE_BYTES + 1, limit: MAX_STATE_BYTES })
    await expect(new LegacyOrchestrator().loadState(path)).rejects.toEqual(tooLarge)
    await writeFile(path, '{}')
    const state = new LegacyOrchestrator({ maxBytes: 30 })
    state.addKnownPeer(A)
    await expect(state.saveState(path)).rejects.toEqual(named('LegacyStateTooLargeError', { limit: 30 }))
    expect(await readFile(path, 'utf8')).toBe('{}')
  })

  it('can be cancelled, which leaves the old file', async () => {
    const path = await at()
    await writeFile(path, '{}')
    const state = new LegacyOrchestrator()
    state.addKnownPeer(A)
    const signal = AbortSignal.abort(new RangeError('enough'))
    await expect(state.saveState(path, { signal })).rejects.toThrow('enough')
    expect([await readFile(path, 'utf8'), await readdir(join(path, '..'))]).toEqual(['{}', ['state.json']])
  })
})

describe('two writers of one file', () => {
  it('keep each other’s peers, and each other’s other keys', async () => {
    const path = await at()
    await writeFile(path, `{"knowledge_base": {"v": 1}, "known_peers": ["${A}"]}`)
    const [one, two] = [new LegacyOrchestrator(), new LegacyOrchestrator()]
    await Promise.all([one.loadState(path), two.loadState(path)])
    one.addKnownPeer(B)
    two.addKnownPeer(C)
    await one.saveState(path)
    await writeFile(path, (await readFile(path, 'utf8')).replace('"v": 1', '"v": 2.0'))
    await two.saveState(path)
    expect(await readFile(path, 'utf8')).toBe(`{"knowledge_base": {"v": 2.0}, "known_peers": ["${A}", "${B}", "${C}"]}`)
    expect([...two.knownPeers]).toEqual([A, B, C])
    await one.loadState(path)
    expect([...one.knownPeers]).toEqual([A, B, C])
  })

  it('bring back what a Python node has dropped by writing its older list, at their next save', async () => {
    const path = await at()
    const state = new LegacyOrchestrator()
    state.addKnownPeer(A)
    await state.saveState(path)
    await writeFile(path, `{"score_history": 1, "known_peers": ["${B}"]}`)
    await state.loadState(path)
    expect([[...state.knownPeers], state.isDirty]).toEqual([[B, A], true])
    await state.saveState(path)
    expect(await readFile(path, 'utf8')).toBe(`{"score_history": 1, "known_peers": ["${B}", "${A}"]}`)
    expect(state.isDirty).toBe(false)
  })

  it('save one behind the other when they do it at once, with additions meanwhile', async () => {
    const path = await at()
    const writers = Array.from({ length: 8 }, () => new LegacyOrchestrator())
    const all: string[] = []
    const saves = writers.flatMap((writer, w) =>
      [1, 2, 3].map(async (n) => {
        all.push(`10.1.${w}.${n}:1`)
        writer.addKnownPeer(`10.1.${w}.${n}:1`)
        const saved = writer.saveState(path)
        writer.addKnownPeer(`10.2.${w}.${n}:1`)
        await saved
      })
    )
    await Promise.all(saves)
    for (const writer of writers) {
      await writer.saveState(path)
    }
    const known = await onDisk(path)
    expect(known).toEqual(expect.arrayContaining(all))
    expect(known).toHaveLength(2 * all.length)
  })

  it('wait for a file that a Python node is in the midst of writing', async () => {
    const path = await at()
    const clock = new FakeClock()
    await writeFile(path, '')
    const state = new LegacyOrchestrator({ clock })
    const loading = state.loadState(path)
    await until(() => clock.pending() > 0)
    await writeFile(path, '{"known_peers": ["')
    await clock.tickAsync(1_000)
    await writeFile(path, `{"known_peers": ["${A}"]}`)
    expect(await passing(clock, 50, loading)).toBe(true)
    expect([...state.knownPeers]).toEqual([A])
    await writeFile(path, '{')
    const from = clock.monotonic()
    await expect(passing(clock, 50, state.loadState(path))).rejects.toEqual(named('LegacyStateMalformedError'))
    expect(clock.monotonic() - from).toBe(2_000)
  })
})

describe('the lock of a save', () => {
  it('is seen through when its holder is dead', async () => {
    const path = await at()
    const gone = Number(python('import os; pid = os.fork() or os._exit(0); os.waitpid(pid, 0); print(pid)'))
    await symlink(`${gone}@${hostname()}:0123456789abcdef`, `${path}.lock`)
    const state = new LegacyOrchestrator({ clock: new FakeClock() })
    await state.saveState(path)
    expect(await readdir(join(path, '..'))).toEqual(['state.json'])
  })

  it('is waited for while its holder may live, and broken when it has not moved for 10 s', async () => {
    const path = await at()
    const clock = new FakeClock()
    await symlink('1@elsewhere:0123456789abcdef', `${path}.lock`)
    await passing(clock, 20, new LegacyOrchestrator({ clock }).saveState(path))
    expect(clock.monotonic()).toBe(10_000)
    expect(await readdir(join(path, '..'))).toEqual(['state.json'])
  })

  it('is not waited for beyond the signal, nor is a save of this process that waits for it', async () => {
    const path = await at()
    const clock = new FakeClock()
    await symlink('1@elsewhere:0123456789abcdef', `${path}.lock`)
    const first = new LegacyOrchestrator({ clock }).saveState(path)
    await until(() => clock.pending() > 0)
    const enough = new AbortController()
    const state = new LegacyOrchestrator({ clock })
    state.addKnownPeer(A)
    const second = state.saveState(path, { signal: enough.signal })
    const third = state.saveState(path)
    enough.abort(new RangeError('enough'))
    await expect(second).rejects.toThrow('enough')
    expect(clock.monotonic()).toBe(0)
    await passing(clock, 20, Promise.all([first, third]))
    expect([clock.monotonic(), await onDisk(path)]).toEqual([10_000, [A]])
  })

  it('is never broken if it is something else of that name, and the save then says so', async () => {
    const path = await at()
    const clock = new FakeClock()
    await writeFile(`${path}.lock`, 'no link at all')
    const state = new LegacyOrchestrator({ clock })
    state.addKnownPeer(A)
    const conflict = named('LegacyStateConflictError')
    await expect(passing(clock, 1_000, state.saveState(path))).rejects.toEqual(conflict)
    expect(clock.monotonic()).toBe(30_000)
    expect([state.isDirty, await readdir(join(path, '..'))]).toEqual([true, ['state.json.lock']])
  })
})
