import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { deadline, systemClock, type Clock } from '@penin/interface'
import { ChildDiedError } from '../errors.js'
import type { Order } from './talker.js'

/** Lines of a process that are kept, to show if it dies. */
const KEPT_LINES = 20

/** A node stops within 5 s; after this many milliseconds it is killed. */
const STOP_LIMIT = 7_000

/** A JSON line of a node, or what it sends over its channel. */
export interface ChildEvent {
  event: string
  [field: string]: unknown
}

export interface ChildInit {
  /** For messages. */
  name: string
  /** Script and arguments for Node.js. */
  args: readonly string[]
  cwd: string
  env: NodeJS.ProcessEnv
  onEvent: (event: ChildEvent) => void
  /** The process has ended without being asked to. */
  onDeath: (error: ChildDiedError) => void
  clock?: Clock
}

/** One process of the demo: a node that writes JSON lines. */
export class DemoChild {
  readonly #init: ChildInit
  readonly #child: ChildProcess
  readonly #exited = Promise.withResolvers<void>()
  readonly #lines: string[] = []
  #asked = false

  constructor(init: ChildInit) {
    this.#init = init
    // In a process group of its own, so that Ctrl-C reaches the demo only, which then stops its nodes one by one.
    this.#child = spawn(process.execPath, init.args, {
      cwd: init.cwd,
      env: init.env,
      // The child ends when the channel breaks, so that a killed demo leaves nothing behind.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true
    })
    this.#read()
    this.#child.on('error', (error) => {
      this.#end(error.message)
    })
    this.#child.on('exit', (code, signal) => {
      this.#end(signal ?? `exit code ${code ?? '?'}`)
    })
  }

  /** The last lines that the process has written, on either output. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** Asks the process to say something; it answers with events. */
  order(order: Order): void {
    if (this.#child.connected) {
      this.#child.send(order)
    }
  }

  /** Asks the process to stop and waits until it has; it is killed if it takes too long. Never rejects. */
  async stop(): Promise<void> {
    this.#asked = true
    this.#child.kill('SIGTERM')
    const limit = deadline(this.#init.clock ?? systemClock, STOP_LIMIT)
    const kill = (): void => {
      this.kill()
    }
    limit.signal.addEventListener('abort', kill)
    await this.#exited.promise
    limit.clear()
  }

  /** Ends the process at once. */
  kill(): void {
    this.#asked = true
    this.#child.kill('SIGKILL')
  }

  #read(): void {
    const { stdout, stderr } = this.#child
    if (stdout == null || stderr == null) {
      return
    }
    createInterface(stdout).on('line', (line) => {
      this.#keep(line)
      const event = parse(line)
      if (event != null) {
        this.#init.onEvent(event)
      }
    })
    this.#child.on('message', (message) => {
      this.#init.onEvent(message as ChildEvent)
    })
    createInterface(stderr).on('line', (line) => {
      this.#keep(line)
    })
  }

  #keep(line: string): void {
    this.#lines.push(line)
    this.#lines.splice(0, this.#lines.length - KEPT_LINES)
  }

  #end(how: string): void {
    this.#exited.resolve()
    if (!this.#asked) {
      this.#asked = true
      // What it wrote last is still on its way.
      this.#child.once('close', () => {
        this.#init.onDeath(new ChildDiedError(this.#init.name, how, this.#lines))
      })
      if (this.#child.pid == null) {
        this.#init.onDeath(new ChildDiedError(this.#init.name, how, this.#lines))
      }
    }
  }
}

function parse(line: string): ChildEvent | undefined {
  try {
    const value = JSON.parse(line) as Partial<ChildEvent> | null
    return typeof value?.event === 'string' ? (value as ChildEvent) : undefined
  } catch {
    return undefined
  }
}
