import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../src/workspace.js'

interface Outcome {
  code: number
  stdout: string
  stderr: string
}

async function bench(...args: string[]): Promise<Outcome> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'scripts/dist/bench/main.js'), ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr })
    })
  })
}

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'penin-bench-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

describe('pnpm bench', { concurrent: false }, () => {
  it('measures both sides, and writes a table, a file and its progress', async () => {
    const file = join(dir, 'result.json')
    const { code, stdout, stderr } = await bench('start', '--rounds', '2', '--json', file)
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'start: 0 of 2 rounds done\nstart: 1 of 2 rounds done\nstart: 2 of 2 rounds done\n'
    })
    expect(stdout).toMatch(/^row .*\nstart .* ms .* ms /)
    const report = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    expect(report).toEqual({
      date: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      node: process.version,
      cpus: expect.any(Number),
      rows: [
        expect.objectContaining({
          name: 'start',
          value: expect.any(Number),
          unit: 'ms',
          against: 'libp2p',
          ratio: expect.any(Number),
          rounds: 2
        })
      ]
    })
    expect(readdirSync(dir)).toEqual(['result.json'])
  })

  it('rejects an unknown name with the list of the known ones', async () => {
    const { code, stderr } = await bench('fly')
    expect(code).toBe(2)
    expect(stderr).toMatch(/^unknown bench: fly\n/)
    for (const name of ['start', 'dial', 'heap-per-connection', 'rss-per-connection', 'formation-20']) {
      expect(stderr).toMatch(new RegExp(`^${name} `, 'm'))
    }
  })

  it('rejects a file that it could not write before it measures anything', async () => {
    const { code, stdout, stderr } = await bench('start', '--json', join(dir, 'nowhere', 'result.json'))
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^--json: ENOENT/)
  })

  it('says what it measures, and against which bar', async () => {
    const { code, stdout } = await bench('--list')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^dial .*bar: ratio <= 1\.10$/m)
    expect(stdout).toMatch(/^heap-per-connection .*bar: ratio <= 1\.30$/m)
    expect(stdout).toMatch(/^book-open .*bar: <= 200 ms$/m)
  })
})
