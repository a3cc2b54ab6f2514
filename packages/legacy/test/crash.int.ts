import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomInt } from '@penin/interface'
import { processExits, seededRng } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { LegacyOrchestrator } from '../src/index.js'
import { COMPARE, python, tempFolder, WRITE_SAMPLE } from './state-support.js'

const dist = new URL('../dist/index.js', import.meta.url).href

/** Adds one peer after the other, saves each, and says so. Runs the build. */
const writer = `
  import { LegacyOrchestrator } from '${dist}'
  const [path, from, count] = process.argv.slice(-3)
  for (let n = Number(from); n < Number(from) + Number(count); n++) {
    const state = new LegacyOrchestrator() // a fresh one each time: it knows nothing but the file
    await state.loadState(path)
    state.addKnownPeer('10.0.' + (n >> 8) + '.' + (n & 255) + ':51515')
    await state.saveState(path)
    console.log(n)
  }
`
const peersIn = async (path: string): Promise<string[]> => {
  const state = new LegacyOrchestrator({ settleTime: 0 })
  await state.loadState(path)
  return [...state.knownPeers].slice(2)
}
const address = (n: number): string => `10.0.${n >> 8}.${n & 255}:51515`

describe('a state file', () => {
  it('is the old one or the new one after kill -9 at any moment of a save', async () => {
    const folder = await tempFolder()
    const [path, original] = [join(folder, 'state.json'), join(folder, 'original.json')]
    python(WRITE_SAMPLE, path, '2')
    python(WRITE_SAMPLE, original, '2')
    const rng = seededRng(6)
    let next = 0
    for (let round = 0; round < 40; round++) {
      const args = ['--input-type=module', '--eval', writer, '--', path, String(next), '100000']
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      let output = ''
      child.stdout.on('data', (text: Buffer) => (output += text.toString()))
      await once(child.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, randomInt(rng, 30)))
      child.kill('SIGKILL')
      await once(child, 'close')
      const told = output.trim().split('\n').length
      const known = await peersIn(path)
      // All that it has told of is there, and at most the one that it was about to tell of.
      expect(known.length - next - told).toBeOneOf([0, 1])
      expect(known).toEqual(Array.from({ length: known.length }, (_, n) => address(n)))
      next = known.length
    }
    python(COMPARE, original, path)
    await processExits(writer, { args: [path, String(next), '1'] }) // sees through the lock of the last one killed
    expect((await readdir(folder)).sort()).toEqual(['original.json', 'state.json'])
    expect(next).toBeGreaterThan(40)
  })

  it('keeps every peer of four processes that write at once', async () => {
    const path = join(await tempFolder(), 'state.json')
    python(WRITE_SAMPLE, path)
    await Promise.all([0, 1, 2, 3].map(async (n) => processExits(writer, { args: [path, String(n * 25), '25'] })))
    expect((await peersIn(path)).sort()).toEqual(Array.from({ length: 100 }, (_, n) => address(n)).sort())
    expect(await readFile(`${path}.lock`).catch((error: unknown) => (error as { code: string }).code)).toBe('ENOENT')
  })
})
