import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { totalsLine } from '../src/totals-reporter.js'
import { root } from '../src/workspace.js'

const config = join(dirname(fileURLToPath(import.meta.url)), 'fixtures/totals/vitest.config.ts')

/** Runs the named fixture projects; `last` is the last line of what vitest wrote. */
async function vitest(...args: string[]): Promise<{ code: number; last: string; line: string }> {
  const { VITEST: _vitest, VITEST_MODE: _mode, ...env } = process.env
  const command = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', config, ...args]
  return await new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: root, env }, (error, stdout) => {
      const lines = stdout.split('\n')
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      // A line that stands alone ends with a newline, after which nothing comes.
      resolve({ code, last: lines.at(-1) ?? '', line: lines.at(-2) ?? '' })
    })
  })
}

const projects = (...names: string[]): string[] => names.flatMap((name) => ['--project', name])

describe('the totals line', { concurrent: true }, () => {
  it('stands alone, with the skipped tests on a line before it', () => {
    expect(totalsLine({ passed: 2, failed: 0, skipped: 0 })).toBe('2 passed, 0 failed')
    expect(totalsLine({ passed: 2, failed: 0, skipped: 1 })).toBe('1 skipped\n2 passed, 0 failed')
  })

  it.for([
    ['counts passed tests, and says how many were skipped', ['pass'], 0, '2 passed, 0 failed'],
    ['counts failed tests', ['fail'], 1, '1 passed, 1 failed'],
    ['counts a file that can not be imported as a failure', ['import-error'], 1, '0 passed, 1 failed'],
    ['counts a hook that fails as a failure', ['hook-error'], 1, '0 passed, 1 failed'],
    ['counts an unhandled rejection as a failure', ['unhandled'], 1, '1 passed, 1 failed'],
    ['counts a process that dies as a failure', ['crash'], 1, '0 passed, 1 failed'],
    ['adds up all projects', ['pass', 'fail', 'import-error', 'none'], 1, '3 passed, 2 failed'],
    ['is bad when there is no test file', ['none'], 1, '0 passed, 0 failed'],
    ['is bad when every test was skipped', ['all-skipped'], 1, '0 passed, 0 failed']
  ] as const)('%s', async ([_name, names, code, line]) => {
    expect(await vitest(...projects(...names))).toEqual({ code, last: '', line })
  })

  it('is bad when a filter matches no file, even if that is allowed', async () => {
    const outcome = await vitest('no-such-file', '--passWithNoTests')
    expect(outcome).toEqual({ code: 1, last: '', line: '0 passed, 0 failed' })
  })

  it('is bad when vitest fails for another reason, such as coverage', async () => {
    const coverage = ['--coverage.enabled', '--coverage.reporter=text', '--coverage.thresholds.functions=100']
    const outcome = await vitest(...projects('pass'), ...coverage)
    expect(outcome).toEqual({ code: 1, last: '', line: '2 passed, 1 failed' })
  })
})
