import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ProcessExitError } from './errors.js'

export interface ProcessExitsOptions {
  /** Milliseconds of real time until the process is killed and the test fails. @default 15_000 */
  timeoutMs?: number
  args?: string[]
  cwd?: string
  env?: NodeJS.ProcessEnv
}

/** What a process that ended by itself has printed. */
export interface ProcessOutput {
  stdout: string
  stderr: string
}

/**
 * Runs a Node.js process and asserts that it ends by itself, with code 0: nothing may keep its event loop alive.
 *
 * @param script path or file URL of a script, or the code of an ES module
 * @throws ProcessExitError
 */
export async function processExits(script: string | URL, options: ProcessExitsOptions = {}): Promise<ProcessOutput> {
  const { timeoutMs = 15_000, args = [], cwd, env = process.env } = options
  const path = script instanceof URL ? fileURLToPath(script) : script
  const command = existsSync(path) ? [path] : ['--input-type=module', '--eval', path, '--']
  const child = spawn(process.execPath, [...command, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, timeoutMs)
  const { code, signal, error } = await new Promise<{ code?: number | null; signal?: string | null; error?: Error }>(
    (resolve) => {
      child.once('error', (error) => {
        resolve({ error })
      })
      child.once('close', (code, signal) => {
        resolve({ code, signal })
      })
    }
  )
  clearTimeout(timer)
  if (isLate) {
    throw new ProcessExitError(`did not end by itself within ${timeoutMs} ms`, output.stdout, output.stderr)
  }
  if (code !== 0) {
    const how = error?.message ?? (signal == null ? `ended with code ${code}` : `was ended by ${signal}`)
    throw new ProcessExitError(how, output.stdout, output.stderr)
  }
  return output
}
