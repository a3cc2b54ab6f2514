import { PeninError } from '@penin/interface'

/** The connection was cut because the peer is banned. */
export class PeerBannedError extends PeninError {
  static override readonly name = 'PeerBannedError'

  constructor() {
    super('the peer is banned')
  }
}

/** The connection was cut because the peer had been let go and did not leave. */
export class PeerLingersError extends PeninError {
  static override readonly name = 'PeerLingersError'

  constructor(readonly after: number) {
    super(`the peer was let go and had not closed the connection after ${after} ms`)
  }
}
