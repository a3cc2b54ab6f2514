import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { ProcessExitError } from './errors.js'

const folders: string[] = []

/** A folder of its own for a test; {@link removeFolders} removes it. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'penin-test-'))
  folders.push(folder)
  return folder
}

/** Removes the folders that {@link tempFolder} has made. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

const programs: Program[] = []

/** Ends at once the programs that a test has left running. */
export async function endPrograms(): Promise<void> {
  await Promise.all(
    programs.splice(0).map(async (program) => {
      program.child.kill('SIGKILL')
      await program.exit
    })
  )
}

/** A line of JSON that a program has printed. */
export interface Line {
  event?: string
  [field: string]: unknown
}

/**
 * A built program that runs as a process of its own, in an empty folder and with an environment that sets nothing of ours;
 * its output and its lines of JSON are collected.
 */
export class Program {
  readonly child: ChildProcess
  /** The exit code, or the signal that ended it. */
  readonly exit: Promise<number | string>
  stdout = ''
  stderr = ''
  readonly #lines: Line[] = []
  readonly #waiting = new Set<() => void>()

  constructor(script: URL, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    programs.push(this)
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PENIN|P2P)_/.test(name)))
    this.child = spawn(process.execPath, [fileURLToPath(script), ...args], {
      cwd: tempFolder(),
      env: { ...clean, ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const { stdout, stderr } = this.child
    stdout?.on('data', (data: Buffer) => (this.stdout += data.toString()))
    stderr?.on('data', (data: Buffer) => (this.stderr += data.toString()))
    if (stdout != null) {
      createInterface(stdout).on('line', (line) => {
        if (line.startsWith('{')) this.#lines.push(JSON.parse(line) as Line)
        this.#waiting.forEach((look) => {
          look()
        })
      })
    }
    this.exit = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        resolve(code ?? signal ?? 'unknown')
        this.#waiting.forEach((look) => {
          look()
        })
      })
    })
  }

  /** The first JSON line with this event that fits, already written or to come. */
  async event(name: string, fits: (line: Line) => boolean = () => true): Promise<Line> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const line = this.#lines.find((candidate) => candidate.event === name && fits(candidate))
        const ended = this.child.exitCode != null || this.child.signalCode != null
        if (line == null && !ended) return
        this.#waiting.delete(look)
        if (line != null) resolve(line)
        else reject(new ProcessExitError(`ended without ${name}`, this.stdout, this.stderr))
      }
      this.#waiting.add(look)
      look()
    })
  }
}
