import { PeninError } from '@penin/interface'

/** An inbound connection had not finished its handshake in time. */
export class SlowHandshakeError extends PeninError {
  static override readonly name = 'SlowHandshakeError'

  constructor(readonly timeout: number) {
    super(`the handshake was not finished within ${timeout} ms`)
  }
}

/** An unfinished handshake was given up for a newcomer, since all places for handshakes were taken. */
export class HandshakeDisplacedError extends PeninError {
  static override readonly name = 'HandshakeDisplacedError'

  constructor(readonly age: number) {
    super(`the handshake was not finished after ${Math.round(age)} ms, and its place was needed`)
  }
}
