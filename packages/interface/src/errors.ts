/**
 * The root of every error this project throws on purpose.
 *
 * There is one class per reason. Callers switch on `error.name`, never on `instanceof`: the name survives two copies
 * of a package in one program. Typed fields of a subclass say what was wrong; {@link PeninError.toJSON} carries them
 * into logs and over process boundaries.
 */
export class PeninError extends Error {
  static override readonly name: string = 'PeninError'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }

  /** The name, the message and the typed fields; never the stack, which may name paths of the machine. */
  toJSON(): Record<string, unknown> {
    return { ...(this as object), name: this.name, message: this.message }
  }
}

/** The Node.js that runs the program is too old to run libp2p 3 (it lacks `Promise.withResolvers`, among others). */
export class UnsupportedRuntimeError extends PeninError {
  static override readonly name = 'UnsupportedRuntimeError'

  constructor(
    readonly version: string,
    readonly required: string
  ) {
    super(
      `Node.js ${version} is too old: PENIN needs ${required}; in a clone of the repository, pnpm scripts bring their own`
    )
  }
}

/** Something was asked of a node or service that is not running (any more). */
export class NotRunningError extends PeninError {
  static override readonly name = 'NotRunningError'

  constructor(readonly what: string) {
    super(`${what} is not running`)
  }
}

/** A value handed in by a program is not usable; `argument` names it and `expected` says what would be. */
export class InvalidArgumentError extends PeninError {
  static override readonly name = 'InvalidArgumentError'

  constructor(
    readonly argument: string,
    readonly value: string,
    readonly expected: string
  ) {
    super(`${argument}: got ${value}, expected ${expected}`)
  }
}

/** A stream ended before a whole message had come, and the other end is not to blame for that. */
export class UnfinishedFrameError extends PeninError {
  static override readonly name = 'UnfinishedFrameError'

  constructor(
    /** Bytes of the message that have come, with its length prefix. */
    readonly received: number
  ) {
    super(
      received === 0 ? 'the stream ended before a message' : `the stream broke after ${received} bytes of a message`
    )
  }
}

/** The other end went on sending after the only message that it may send; its stream is aborted. */
export class SurplusBytesError extends PeninError {
  static override readonly name = 'SurplusBytesError'

  constructor(readonly limit: number) {
    super(`more than the ${limit} bytes that one message can have`)
  }
}
