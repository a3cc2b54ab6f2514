import type { PeerId } from '@libp2p/interface'
import type { PeerReporter, Tolerance } from '@penin/interface'

/**
 * Every reason for which a peer is reported. It is always the peer that the message came from, never an author behind
 * it: whoever keeps a message can send it again when it has become invalid, so an author could be framed.
 *
 * - `broadcast-malformed`: a frame that can't be read, or that has more parts than any honest one
 * - `broadcast-frame-too-long`: a frame longer than any honest one
 * - `broadcast-too-long`: a payload longer than this network allows
 * - `broadcast-unsigned`: a message without a signature, author or number, or of another key than Ed25519
 * - `broadcast-bad-signature`: a signature that is wrong; every hop checks it, so the sender should have noticed
 * - `broadcast-invalid`: its author sent us a message that the topic's validator rejects
 * - `broadcast-invalid-relayed`: a peer passed such a message on, which its own validator should have stopped
 * - `broadcast-topic-flood`: subscriptions to more topics than a node may have
 */
export type BroadcastOffence = keyof typeof TOLERANCE

/** A relayer may run another version of the program, with another validator, so it has more patience to expect. */
const TOLERANCE = {
  'broadcast-malformed': 'mid',
  'broadcast-frame-too-long': 'mid',
  'broadcast-too-long': 'mid',
  'broadcast-unsigned': 'mid',
  'broadcast-bad-signature': 'low',
  'broadcast-invalid': 'mid',
  'broadcast-invalid-relayed': 'high',
  'broadcast-topic-flood': 'mid'
} as const satisfies Record<string, Tolerance>

/** Tells of an offence, by its name. */
export type Blame = (peer: PeerId, reason: BroadcastOffence) => void

/** Says who did what to a reporter. */
export function blameTo(reporter: PeerReporter | undefined): Blame {
  return (peer, reason) => {
    reporter?.report(peer, { reason, tolerance: TOLERANCE[reason] })
  }
}
