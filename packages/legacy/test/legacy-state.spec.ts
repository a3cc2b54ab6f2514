import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FakeClock, nextEvent, until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { LegacyOrchestrator, MAX_KNOWN_PEERS, openLegacyState } from '../src/index.js'
import { tempFolder } from './state-support.js'

const A = '10.0.0.1:51515'
const onDisk = async (path: string): Promise<string[]> =>
  (JSON.parse(await readFile(path, 'utf8')) as { known_peers: string[] }).known_peers

describe('the live state file', () => {
  it('saves additions by itself, once for all that come within the delay', async () => {
    const path = join(await tempFolder(), 'state.json')
    const clock = new FakeClock()
    const state = await openLegacyState(path, { clock })
    const saves: number[] = []
    state.addEventListener('saved', ({ detail }) => saves.push(detail.peers))
    for (let n = 1; n <= 9; n++) {
      expect(state.onPeerDiscovered({ address: `10.0.0.${n}`, port: 51515 })).toBe(true)
      expect(state.onPeerDiscovered({ address: `10.0.0.${n}`, port: 51515 })).toBe(false)
    }
    expect(state.onPeerDiscovered({ address: undefined, port: 51515 })).toBe(false)
    expect(clock.pending()).toBe(1)
    await clock.tickAsync(4_999)
    expect(await readdir(join(path, '..'))).toEqual([])
    await clock.tickAsync(1)
    await until(() => saves.length === 1)
    expect([saves, (await onDisk(path)).length, clock.pending(), state.isDirty]).toEqual([[9], 9, 0, false])
    await state.close()
    await state.close()
    expect(state.addKnownPeer('10.0.1.1:1')).toBe(false)
    expect([saves.length, clock.pending()]).toEqual([1, 0])
  })

  it('saves at the end what is not saved yet, and takes nothing after that', async () => {
    const path = join(await tempFolder(), 'state.json')
    const clock = new FakeClock()
    {
      await using state = await openLegacyState(path, { clock })
      state.addKnownPeer(A)
    }
    expect([await onDisk(path), clock.pending()]).toEqual([[A], 0])
    await using other = await openLegacyState(path, { clock })
    expect([...other.knownPeers]).toEqual([A])
    expect(other.removeKnownPeer(A)).toBe(true)
    await other.close()
    expect([await onDisk(path), other.removeKnownPeer(A), clock.pending()]).toEqual([[], false, 0])
  })

  it('puts back at the end what a Python node has dropped since, and makes no file that was deleted', async () => {
    const path = join(await tempFolder(), 'state.json')
    const state = await openLegacyState(path, { clock: new FakeClock() })
    state.addKnownPeer('10.0.0.1:1')
    await state.saveState()
    await writeFile(path, '{"known_peers": ["10.0.0.2:2"]}')
    expect(state.isDirty).toBe(false)
    await state.close()
    expect(await readFile(path, 'utf8')).toBe('{"known_peers": ["10.0.0.2:2", "10.0.0.1:1"]}')
    const again = await openLegacyState(path, { clock: new FakeClock() })
    await rm(path)
    await again.close()
    await expect(readFile(path)).rejects.toThrow('ENOENT')
  })

  it('tells of a save that failed, and tries again until it works', async () => {
    const folder = join(await tempFolder(), 'gone')
    await mkdir(folder)
    const path = join(folder, 'state.json')
    const clock = new FakeClock()
    const state = await openLegacyState(path, { clock })
    await rm(folder, { recursive: true })
    state.addKnownPeer(A)
    const failed = nextEvent<CustomEvent<Error>>(state, 'failed')
    await clock.tickAsync(5_000)
    expect((await failed).detail.name).toBe('LegacyStateUnwritableError')
    await mkdir(folder)
    const saved = nextEvent(state, 'saved')
    await until(() => clock.pending() === 1)
    await clock.tickAsync(60_000)
    await saved
    expect(await onDisk(path)).toEqual([A])
    await state.close()
  })

  it('does not open a malformed file, and does not touch it', async () => {
    const path = join(await tempFolder(), 'state.json')
    await writeFile(path, '{"known_peers": [')
    await chmod(path, 0o400)
    await expect(openLegacyState(path, { settleTime: 0 })).rejects.toMatchObject({
      name: 'LegacyStateMalformedError',
      offset: 17
    })
    expect(await readFile(path, 'utf8')).toBe('{"known_peers": [')
  })
})

describe('the known peers', () => {
  it.each([
    '0.0.0.0:51515',
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '10.0.0.1:abc',
    '10.0.0.1',
    '10.0.0.01:5',
    '256.0.0.1:5',
    '10.0.0.1:051515',
    '[::1]:5',
    'localhost:5',
    '10.0.0.1:5\n',
    ''
  ])('never take %j', (peer) => {
    const state = new LegacyOrchestrator()
    expect([state.addKnownPeer(peer), state.knownPeers.size, state.isDirty]).toEqual([false, 0, false])
  })

  it('are bounded, but for those that the file has', async () => {
    const path = join(await tempFolder(), 'state.json')
    const state = new LegacyOrchestrator()
    for (let n = 0; n < MAX_KNOWN_PEERS + 1000; n++) {
      expect(state.addKnownPeer(`10.0.${n >> 8}.${n & 255}:1`)).toBe(n < MAX_KNOWN_PEERS)
    }
    await state.saveState(path)
    const small = new LegacyOrchestrator({ maxPeers: 1 })
    expect(await small.loadState(path)).toBe(true)
    expect([small.knownPeers.size, small.addKnownPeer('10.9.9.9:1')]).toEqual([MAX_KNOWN_PEERS, false])
  })

  it('of one file can be put into another, with the rest of it if that is new', async () => {
    const folder = await tempFolder()
    const [one, two] = [join(folder, 'one.json'), join(folder, 'two.json')]
    await writeFile(one, `{"big": 123456789012345678901234567890, "known_peers": ["${A}", "10.0.0.2:1"]}`)
    const state = new LegacyOrchestrator()
    expect(await state.loadState(two)).toBe(false)
    await state.loadState(one)
    state.removeKnownPeer('10.0.0.2:1')
    await state.saveState(two)
    expect(await readFile(two, 'utf8')).toBe(`{"big": 123456789012345678901234567890, "known_peers": ["${A}"]}`)
  })
})
