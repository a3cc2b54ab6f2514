import { PeninError, printable } from '@penin/interface'

/** The admin endpoint was to listen where others reach it, without a token that keeps them out. */
export class AdminTokenRequiredError extends PeninError {
  static override readonly name = 'AdminTokenRequiredError'

  constructor(
    readonly host: string,
    /** The fewest characters a token may have. */
    readonly minimum: number
  ) {
    super(
      `admin: ${printable(host)} can be reached from other machines, which needs a token of ${minimum} characters or more: ` +
        'set PENIN_ADMIN_TOKEN, or listen on 127.0.0.1'
    )
  }
}

/** The admin endpoint can't listen on its address. */
export class AdminListenError extends PeninError {
  static override readonly name = 'AdminListenError'

  constructor(
    readonly address: string,
    /** The system's error code, such as `EADDRINUSE`. */
    readonly code: string,
    options?: ErrorOptions
  ) {
    const hint =
      code === 'EADDRINUSE' ? 'the port is taken by another process; choose another one with --admin' : 'see --admin'
    super(`admin: cannot listen on ${printable(address)} (${code}): ${hint}`, options)
  }
}

/** `admin.json` of a data directory can't be written, or is there but can't be read. */
export class AdminFileError extends PeninError {
  static override readonly name = 'AdminFileError'

  constructor(
    readonly path: string,
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`${path}: ${problem}`, options)
  }
}

/** A request to the admin endpoint that is answered with an error; `status` is the HTTP status. */
export abstract class AdminRequestError extends PeninError {
  abstract readonly status: number
}

/** The request can't be understood. */
export class BadRequestError extends AdminRequestError {
  static override readonly name = 'BadRequestError'
  readonly status = 400
}

/** The token is absent or wrong. */
export class UnauthorizedError extends AdminRequestError {
  static override readonly name = 'UnauthorizedError'
  readonly status = 401
}

/** The request comes from a web page of another site, or was lured here by a name that isn't this machine's. */
export class ForeignSiteError extends AdminRequestError {
  static override readonly name = 'ForeignSiteError'
  readonly status = 403

  constructor(
    readonly header: string,
    value: string | undefined
  ) {
    super(`${header}: ${value == null ? 'is missing' : `"${printable(value, 100)}" is another site`}`)
  }
}

/** There is nothing at that path. */
export class NoSuchRouteError extends AdminRequestError {
  static override readonly name = 'NoSuchRouteError'
  readonly status = 404

  constructor(readonly path: string) {
    super(`nothing at ${printable(path, 100)}`)
  }
}

/** The path is known, but not with this method. */
export class MethodNotAllowedError extends AdminRequestError {
  static override readonly name = 'MethodNotAllowedError'
  readonly status = 405

  constructor(
    readonly method: string,
    readonly allowed: readonly string[]
  ) {
    super(`${printable(method, 20)} is not possible here: ${allowed.join(', ')}`)
  }
}

/** The body is longer than what any request needs. */
export class BodyTooLargeError extends AdminRequestError {
  static override readonly name = 'BodyTooLargeError'
  readonly status = 413

  constructor(readonly limit: number) {
    super(`the body is longer than ${limit} bytes`)
  }
}

/** Nobody can read what the program says any more: its standard output was closed. */
export class OutputClosedError extends PeninError {
  static override readonly name = 'OutputClosedError'

  constructor(options?: ErrorOptions) {
    super('standard output was closed; stopping', options)
  }
}

/** Stopping took longer than it may, and was cut short. */
export class StopTimeoutError extends PeninError {
  static override readonly name = 'StopTimeoutError'

  constructor(readonly afterMs: number) {
    super(`not stopped after ${afterMs} ms; giving up on a clean end`)
  }
}
