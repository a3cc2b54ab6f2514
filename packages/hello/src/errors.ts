import { PeninError, printable } from '@penin/interface'

/** What a peer sent as its hello can't be one. */
export class HelloMalformedError extends PeninError {
  static override readonly name = 'HelloMalformedError'

  constructor(
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`malformed hello: ${problem}`, options)
  }
}

/** Our own hello breaks a limit of the protocol; says which. */
export class HelloInvalidError extends PeninError {
  static override readonly name = 'HelloInvalidError'

  constructor(
    readonly field: string,
    readonly problem: string
  ) {
    super(`${field}: ${problem}`)
  }
}

/** The peer belongs to another network. */
export class WrongNetworkError extends PeninError {
  static override readonly name = 'WrongNetworkError'

  constructor(
    readonly peer: string,
    readonly ours: string,
    readonly theirs: string
  ) {
    super(`peer ${peer} belongs to network "${printable(theirs, 64)}", this node to "${ours}"`)
  }
}

/** The peer does not speak the hello protocol, and the node does not want such peers. */
export class ForeignPeerError extends PeninError {
  static override readonly name = 'ForeignPeerError'

  constructor(readonly peer: string) {
    super(`peer ${peer} does not speak /penin/hello/1.0.0 and foreign peers are not allowed here`)
  }
}

/** The peer did not say hello in time, or hung up while doing so. */
export class HelloFailedError extends PeninError {
  static override readonly name = 'HelloFailedError'

  constructor(
    readonly peer: string,
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`no hello from peer ${peer}: ${problem}`, options)
  }
}
