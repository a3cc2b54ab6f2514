import { PeninError } from '@penin/interface'

/** A worker process has ended, or never came up, while something was asked of it. */
export class WorkerEndedError extends PeninError {
  static override readonly name = 'WorkerEndedError'

  constructor(
    readonly request: string,
    readonly output: string
  ) {
    super(`a worker ended before it answered '${request}'${output === '' ? '' : `:\n${output}`}`)
  }
}

/** A worker process answered with an error. */
export class WorkerFailedError extends PeninError {
  static override readonly name = 'WorkerFailedError'

  constructor(
    readonly request: string,
    readonly reason: string
  ) {
    super(`'${request}' failed in a worker: ${reason}`)
  }
}

/** A worker process has not answered in time. */
export class WorkerTimeoutError extends PeninError {
  static override readonly name = 'WorkerTimeoutError'

  constructor(
    readonly request: string,
    readonly ms: number
  ) {
    super(`a worker has not answered '${request}' within ${ms} ms`)
  }
}

/** What was to be measured did not happen, so there is no number: the connection was there already, for instance. */
export class NotMeasurableError extends PeninError {
  static override readonly name = 'NotMeasurableError'
}
