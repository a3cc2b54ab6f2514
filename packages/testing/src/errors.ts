import { PeninError } from '@penin/interface'

/** A condition that a test waits for did not come true in time. */
export class ConditionTimeoutError extends PeninError {
  static override readonly name = 'ConditionTimeoutError'

  constructor(
    readonly condition: string,
    readonly timeoutMs: number,
    options?: ErrorOptions
  ) {
    super(`${condition}: not within ${timeoutMs} ms`, options)
  }
}

/** A child process did not end by itself, or not well. */
export class ProcessExitError extends PeninError {
  static override readonly name = 'ProcessExitError'

  constructor(
    readonly problem: string,
    readonly stdout: string,
    readonly stderr: string
  ) {
    super(`the process ${problem}\n--- stdout\n${stdout}\n--- stderr\n${stderr}`)
  }
}

/** A delay that Node.js would not keep: it turns anything above 2^31-1 ms, and anything that is no number, into 1 ms. */
export class UnusableDelayError extends PeninError {
  static override readonly name = 'UnusableDelayError'

  constructor(readonly delay: number) {
    super(`a timer of ${delay} ms would fire after 1 ms in Node.js`)
  }
}
