import { PeninError, printable } from '@penin/interface'

/** Where a dial to one address ended. */
export type DialStage = 'gate' | 'dns' | 'connect' | 'encrypt' | 'multiplex' | 'timeout' | 'aborted' | 'unknown'

/** What became of the dial to one address. */
export interface DialAttempt {
  /** The address, or `*` where libp2p does not say which one it was. */
  address: string
  stage: DialStage
  /** The cause in the words of the layer that failed, safe to print. */
  reason: string
}

/** No address of the peer could be dialled; `attempts` says for each why, and at which stage. */
export class DialFailedError extends PeninError {
  static override readonly name = 'DialFailedError'

  constructor(
    readonly target: string,
    readonly attempts: DialAttempt[],
    options?: ErrorOptions
  ) {
    super(
      `could not dial ${printable(target, 200)}: ${attempts
        .slice(0, 4)
        .map((a) => `${a.stage}: ${a.reason}`)
        .join('; ')}`,
      options
    )
  }
}

/** The peer that answered at an address is not the one that was expected there. */
export class PeerIdentityMismatchError extends PeninError {
  static override readonly name = 'PeerIdentityMismatchError'

  constructor(
    readonly expected: string,
    readonly address: string,
    options?: ErrorOptions
  ) {
    super(
      `the peer at ${printable(address, 200)} is not ${expected}: the connection was closed and nothing was stored`,
      options
    )
  }
}

/** A node can't dial its own identity. */
export class DialSelfError extends PeninError {
  static override readonly name = 'DialSelfError'

  constructor(readonly target: string) {
    super(`${printable(target, 200)} is this node itself`)
  }
}

/** Nothing is known about where the peer listens. */
export class NoAddressesError extends PeninError {
  static override readonly name = 'NoAddressesError'

  constructor(readonly peer: string) {
    super(`no address is known for peer ${peer}: add one with its address, or wait until discovery finds it`)
  }
}

/** A ping was not answered, or answered with other bytes. */
export class PingFailedError extends PeninError {
  static override readonly name = 'PingFailedError'
}

/** The heartbeat found the connection dead. */
export class DeadConnectionError extends PeninError {
  static override readonly name = 'DeadConnectionError'

  constructor(
    readonly failedPings: number,
    readonly silentFor: number
  ) {
    super(
      `dead: ${failedPings} ${failedPings === 1 ? 'ping' : 'pings'} failed and nothing came for ${Math.round(silentFor / 1000)} s`
    )
  }
}

/** A second connection to the same peer was closed in favour of the first. */
export class DuplicateConnectionError extends PeninError {
  static override readonly name = 'DuplicateConnectionError'

  constructor() {
    super('closed in favour of another connection to the same peer')
  }
}
