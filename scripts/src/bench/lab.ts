import { WorkerProcess } from './workers/worker-process.js'

/** The worker processes of one measurement. Disposing ends them all, however the measurement went. */
export class Lab implements AsyncDisposable {
  readonly #workers: WorkerProcess[] = []

  constructor(private readonly signal: AbortSignal) {}

  /** A fresh process that has loaded nothing yet. */
  worker(): WorkerProcess {
    this.signal.throwIfAborted()
    const worker = new WorkerProcess(this.signal)
    this.#workers.push(worker)
    return worker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map(async (worker) => worker.end()))
  }
}
