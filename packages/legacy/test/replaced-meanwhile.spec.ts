import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { FakeClock } from '@penin/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LegacyOrchestrator } from '../src/index.js'
import { passing, tempFolder } from './state-support.js'

/** What happens at the last moment before the new file takes the old one's place. */
let beforeRename: (() => Promise<void>) | undefined

vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof fs>()
  return {
    ...original,
    rename: async (from: string, to: string) => {
      const last = beforeRename
      beforeRename = undefined
      await last?.()
      await original.rename(from, to)
    }
  }
})

afterEach(() => {
  beforeRename = undefined
})

async function subject(): Promise<{ path: string; state: LegacyOrchestrator }> {
  const path = join(await tempFolder(), 'state.json')
  await fs.writeFile(path, '{"known_peers": ["a"], "k": 0}')
  const state = new LegacyOrchestrator({ settleTime: 200 })
  await state.loadState(path)
  state.addKnownPeer('10.0.0.1:1')
  return { path, state }
}

describe('a Python node that writes while its file is being replaced', () => {
  it('loses nothing: what it wrote into the old file is found and kept', async () => {
    const { path, state } = await subject()
    beforeRename = async () => fs.writeFile(path, '{"known_peers": ["b"], "k": 1}')
    await state.saveState(path)
    expect(await fs.readFile(path, 'utf8')).toBe('{"known_peers": ["b", "a", "10.0.0.1:1"], "k": 1}')
    expect([...state.knownPeers].sort()).toEqual(['10.0.0.1:1', 'a', 'b'])
    expect(await fs.readdir(join(path, '..'))).toEqual(['state.json'])
  })

  it('is waited for when it has emptied the old file, and not yet filled it', async () => {
    const { path, state } = await subject()
    beforeRename = async () => {
      const file = await fs.open(path, 'w')
      setTimeout(() => void file.writeFile('{"k": 2}').then(async () => file.close()), 30)
    }
    await state.saveState(path)
    expect(await fs.readFile(path, 'utf8')).toBe('{"k": 2, "known_peers": ["a", "10.0.0.1:1"]}')
  })

  it('leaves what we wrote if it is killed with the old file emptied', async () => {
    const { path, state } = await subject()
    beforeRename = async () => fs.writeFile(path, '{"k')
    await state.saveState(path)
    expect(await fs.readFile(path, 'utf8')).toBe('{"known_peers": ["a", "10.0.0.1:1"], "k": 0}')
  })

  it('wins with a file that comes while there was none', async () => {
    const { path, state } = await subject()
    await fs.rm(path)
    await state.saveState(path)
    expect(JSON.parse(await fs.readFile(path, 'utf8'))).toEqual({ known_peers: ['a', '10.0.0.1:1'], k: 0 })
  })
})

it('a save that was stopped for so long that another one took its lock for a dead one’s undoes nothing', async () => {
  const { path, state } = await subject()
  const isAboutToRename = Promise.withResolvers<void>()
  const mayRename = Promise.withResolvers<void>()
  let saving: Promise<void> | undefined
  beforeRename = async () => {
    vi.resetModules() // as another process has it: saves of one process wait for each other
    const another = await import('../src/index.js')
    const clock = new FakeClock()
    const other = new another.LegacyOrchestrator({ clock })
    other.addKnownPeer('10.0.0.2:2')
    beforeRename = async () => {
      isAboutToRename.resolve()
      await mayRename.promise
    }
    saving = passing(clock, 20, other.saveState(path))
    await isAboutToRename.promise
  }
  await expect(state.saveState(path)).rejects.toMatchObject({ name: 'LegacyStateConflictError' })
  expect(state.isDirty).toBe(true)
  mayRename.resolve()
  await saving
  await state.saveState(path)
  expect(await fs.readFile(path, 'utf8')).toBe('{"known_peers": ["a", "10.0.0.2:2", "10.0.0.1:1"], "k": 0}')
  expect(await fs.readdir(join(path, '..'))).toEqual(['state.json'])
})
