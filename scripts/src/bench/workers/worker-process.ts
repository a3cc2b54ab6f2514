import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { WorkerEndedError, WorkerFailedError, WorkerTimeoutError } from '../errors.js'
import type { Method, Methods, Response } from './protocol.js'

/** Nothing a worker is asked for takes half as long, even on a busy machine. */
const PATIENCE_MS = 90_000

/** Characters of what a worker writes to stdout and stderr that are kept for an error message. */
const MAX_OUTPUT = 4_000

interface Pending {
  resolve: (result: never) => void
  reject: (error: Error) => void
}

/** The bench's end of a worker process. */
export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #signal: AbortSignal
  readonly #pending = new Map<number, Pending & { method: Method }>()
  readonly #exited: Promise<void>
  #output = ''
  #next = 1

  constructor(signal: AbortSignal) {
    this.#signal = signal
    // Nothing of the environment but where programs are: no setting of the person who runs the bench may leak in.
    this.#child = fork(fileURLToPath(new URL('./main.js', import.meta.url)), {
      silent: true,
      execArgv: ['--expose-gc'],
      env: { PATH: process.env['PATH'] }
    })
    this.#exited = new Promise((resolve) => {
      const onGone = (): void => {
        this.#onGone()
        resolve()
      }
      this.#child.once('exit', onGone)
      this.#child.once('error', onGone)
    })
    this.#child.on('message', this.#onMessage)
    this.#child.stdout?.on('data', this.#onOutput)
    this.#child.stderr?.on('data', this.#onOutput)
    signal.addEventListener('abort', this.#kill)
  }

  /** @throws WorkerFailedError, WorkerEndedError, WorkerTimeoutError */
  async request<M extends Method>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> {
    const id = this.#next++
    const { promise, resolve, reject } = Promise.withResolvers<Methods[M]['result']>()
    const timer = setTimeout(() => {
      reject(new WorkerTimeoutError(method, PATIENCE_MS))
    }, PATIENCE_MS)
    this.#pending.set(id, { method, resolve, reject })
    try {
      if (!this.#child.connected) throw new WorkerEndedError(method, this.#output)
      this.#child.send({ id, method, params })
      return await promise
    } finally {
      clearTimeout(timer)
      this.#pending.delete(id)
    }
  }

  /** Ends the process at once; its nodes hold nothing that is worth a farewell. */
  async end(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#kill)
    this.#kill()
    await this.#exited
  }

  readonly #kill = (): void => {
    this.#child.kill('SIGKILL')
  }

  readonly #onMessage = (response: Response): void => {
    const pending = this.#pending.get(response.id)
    if (pending === undefined) return
    if ('error' in response) pending.reject(new WorkerFailedError(pending.method, response.error))
    else pending.resolve(response.result as never)
  }

  readonly #onOutput = (chunk: Buffer): void => {
    this.#output = (this.#output + chunk.toString()).slice(-MAX_OUTPUT)
  }

  #onGone(): void {
    for (const { method, reject } of this.#pending.values()) reject(new WorkerEndedError(method, this.#output))
  }
}
