import { PeninError } from '@penin/interface'

/**
 * What is wrong with a message.
 *
 * - `malformed`: it can't be read, or breaks a limit of the protocol
 * - `over-long`: more records than were wanted
 * - `repeated`: two records of one peer
 * - `forged`: a record that the peer which it names has not signed
 * - `unsolicited`: something follows where nothing may
 */
export type PexOffence = 'malformed' | 'over-long' | 'repeated' | 'forged' | 'unsolicited'

/** What a peer sent breaks the rules of the protocol; nothing of it is used. */
export class PexMalformedError extends PeninError {
  static override readonly name = 'PexMalformedError'

  constructor(
    readonly offence: PexOffence,
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`${offence} peer exchange: ${problem}`, options)
  }
}

/** What was to be sent breaks a limit of the protocol; says which. */
export class PexInvalidError extends PeninError {
  static override readonly name = 'PexInvalidError'

  constructor(
    readonly field: string,
    readonly problem: string
  ) {
    super(`${field}: ${problem}`)
  }
}

/** A peer can only be asked on a connection that it has to us already. */
export class PexNotConnectedError extends PeninError {
  static override readonly name = 'PexNotConnectedError'

  constructor(readonly peer: string) {
    super(`peer ${peer} is not connected, or only by a limited connection`)
  }
}

/** The peer has not been introduced (yet), so it is neither asked nor answered. */
export class PexStrangerError extends PeninError {
  static override readonly name = 'PexStrangerError'

  constructor(readonly peer: string) {
    super(`peer ${peer} has not been introduced`)
  }
}

/** The peer was asked a short while ago; asking again now would be a breach of the protocol. */
export class PexAskedLatelyError extends PeninError {
  static override readonly name = 'PexAskedLatelyError'

  constructor(
    readonly peer: string,
    /** Milliseconds until it may be asked again. */
    readonly retryAfter: number
  ) {
    super(`peer ${peer} was asked lately, and may be asked again in ${Math.ceil(retryAfter / 1000)} s`)
  }
}

/** The peer did not answer in time, or hung up while doing so. */
export class PexFailedError extends PeninError {
  static override readonly name = 'PexFailedError'

  constructor(
    readonly peer: string,
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`no peers from peer ${peer}: ${problem}`, options)
  }
}

/** The peer asks so often that it is not answered any more. */
export class PexFloodError extends PeninError {
  static override readonly name = 'PexFloodError'

  constructor(readonly peer: string) {
    super(`peer ${peer} asks too often`)
  }
}
