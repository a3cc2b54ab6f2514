import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LegacyOrchestrator } from '../src/index.js'
import { tempFolder } from './state-support.js'

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
