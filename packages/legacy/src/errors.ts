import { PeninError, printable } from '@penin/interface'

/** A text is no JSON, or not the JSON that was expected; `offset` counts UTF-16 units from its beginning. */
export class JsonProblem extends PeninError {
  static override readonly name = 'JsonProblem'

  constructor(
    readonly problem: string,
    readonly offset: number
  ) {
    super(`${problem} at ${offset}`)
  }
}

/** The state file is no JSON that a Python node could read. It was left as it is. */
export class LegacyStateMalformedError extends PeninError {
  static override readonly name = 'LegacyStateMalformedError'

  constructor(
    readonly path: string,
    readonly problem: string,
    /** UTF-16 units from the beginning of the file; bytes where the file is no UTF-8. */
    readonly offset: number,
    /** From 1. */
    readonly line: number,
    /** From 1. */
    readonly column: number,
    options?: ErrorOptions
  ) {
    super(`${path}:${line}:${column}: ${problem}; the file was left as it is`, options)
  }
}

/** The state file is, or would become, larger than the limit. It was left as it is. */
export class LegacyStateTooLargeError extends PeninError {
  static override readonly name = 'LegacyStateTooLargeError'

  constructor(
    readonly path: string,
    /** Its size; one that can't be known is at least this. */
    readonly bytes: number,
    readonly limit: number
  ) {
    super(`${path} has ${bytes} bytes, at most ${limit} are read or written`)
  }
}

/** The state file is there and can't be read: no permission, not a regular file. */
export class LegacyStateUnreadableError extends PeninError {
  static override readonly name = 'LegacyStateUnreadableError'

  constructor(
    readonly path: string,
    readonly why: string,
    options?: ErrorOptions
  ) {
    super(`${path} can't be read: ${why}`, options)
  }
}

/** The state file can't be written, or not so that its owner could go on using it. The old one is untouched. */
export class LegacyStateUnwritableError extends PeninError {
  static override readonly name = 'LegacyStateUnwritableError'

  constructor(
    readonly path: string,
    readonly why: string,
    options?: ErrorOptions
  ) {
    super(`${path} can't be written: ${why}; the old file is untouched`, options)
  }
}

/** Others kept changing the file, or kept it locked, for as long as we tried. Nothing was lost; save again. */
export class LegacyStateConflictError extends PeninError {
  static override readonly name = 'LegacyStateConflictError'

  constructor(
    readonly path: string,
    readonly why: string
  ) {
    super(`${path} was not saved: ${why}; nothing is lost, try again`)
  }
}

/** What a peer sent is no `/penin/1.0.0` message. */
export class LegacyMessageMalformedError extends PeninError {
  static override readonly name = 'LegacyMessageMalformedError'

  constructor(
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`malformed message: ${printable(problem)}`, options)
  }
}

/** A message of a type that this version doesn't know. Nobody has done anything wrong. */
export class LegacyMessageTypeError extends PeninError {
  static override readonly name = 'LegacyMessageTypeError'

  constructor(
    /** Escaped and cut. */
    readonly type: string
  ) {
    super(`unknown message type "${type}"`)
  }
}

/** A message that the program wants to send breaks the format or its size limit. */
export class LegacyMessageInvalidError extends PeninError {
  static override readonly name = 'LegacyMessageInvalidError'

  constructor(
    readonly type: string,
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`${type}: ${problem}`, options)
  }
}

/** There is no open connection to the peer; this protocol never dials. */
export class LegacyNotConnectedError extends PeninError {
  static override readonly name = 'LegacyNotConnectedError'

  constructor(readonly peer: string) {
    super(`not connected to ${peer}`)
  }
}

/** The message could not be handed over; `cause` says why, an unsupported protocol for instance. */
export class LegacySendError extends PeninError {
  static override readonly name = 'LegacySendError'

  constructor(
    readonly peer: string,
    readonly type: string,
    readonly why: string,
    options?: ErrorOptions
  ) {
    super(`could not send ${type} to ${peer}: ${printable(why)}`, options)
  }
}

/** The peer did not answer in time. */
export class LegacyTimeoutError extends PeninError {
  static override readonly name = 'LegacyTimeoutError'

  constructor(
    readonly peer: string,
    readonly type: string,
    /** Milliseconds. */
    readonly timeout: number
  ) {
    super(`no answer to ${type} from ${peer} within ${timeout} ms`)
  }
}

/** Why a stream of a peer is cut off: this node takes so many at once and no more. */
export class LegacyBusyError extends PeninError {
  static override readonly name = 'LegacyBusyError'

  constructor(readonly limit: number) {
    super(`${limit} streams are being read already`)
  }
}
