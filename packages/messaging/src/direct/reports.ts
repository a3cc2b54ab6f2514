import type { PeerId } from '@libp2p/interface'
import type { PeerReporter } from '@penin/interface'
import { ProtocolBreachError } from '../errors.js'

/**
 * Every reason for which a peer is reported.
 *
 * - `msg-malformed`: a frame that can't be read, or is in no place to be sent
 * - `msg-over-long`: a frame longer than any that is taken
 * - `msg-window`: more on its way than the receiver allows: acknowledgements are ignored
 * - `msg-type-flood`: more named types than a stream may have
 * - `msg-bomb`: a payload that decompresses to something else than it says
 * - `msg-unknown-type`: a thousand messages of types that nobody handles
 * - `msg-bad-ack`: an acknowledgement of what was never sent
 * - `msg-ack-flood`: acknowledgements of nothing, again and again
 */
export type MessageOffence =
  | 'msg-malformed'
  | 'msg-over-long'
  | 'msg-window'
  | 'msg-type-flood'
  | 'msg-bomb'
  | 'msg-unknown-type'
  | 'msg-bad-ack'
  | 'msg-ack-flood'

/** Reports what an error says of a peer; errors that are nobody's fault are not reported. */
export function reportBreach(reporter: PeerReporter | undefined, peer: PeerId, error: Error): void {
  const reason = offenceOf(error)
  if (reason !== undefined) {
    reporter?.report(peer, { reason, tolerance: 'mid' })
  }
}

function offenceOf(error: Error): string | undefined {
  if (error.name === 'FrameMalformedError') {
    return 'msg-malformed'
  }
  if (error.name === 'FrameTooLongError') {
    return 'msg-over-long'
  }
  // libp2p's buffer is larger than the window that an honest sender keeps to.
  if (error.name === 'StreamBufferError') {
    return 'msg-window'
  }
  return error instanceof ProtocolBreachError ? error.reason : undefined
}
