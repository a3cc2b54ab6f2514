import type { PexOffence } from './errors.js'

/**
 * Why a record was not taken.
 *
 * - `own`: it is about this node
 * - `old`: a later one of the same peer is known
 * - `scope`: it has an address that whoever told us of it can't know of, or that can't be reached from here
 * - `address`, `no-address`, `too-many-addresses`: its addresses are unreadable, somebody else's, none, or over 64
 * - `key-type`: the peer has no Ed25519 key
 * - `seq`: its number is beyond any clock
 * - `rate-limited`: too much news from one source group
 */
export type RecordDrop =
  'own' | 'old' | 'scope' | 'address' | 'no-address' | 'too-many-addresses' | 'key-type' | 'seq' | 'rate-limited'

/** How an own question ended without an answer: the peer hung up or was too slow, or broke the rules. */
export type AskFailure = 'failed' | PexOffence

/** Why a question got no answer, or an empty one. */
export type Refusal = 'stranger' | 'busy' | 'too-soon' | 'flood' | 'failed' | PexOffence

/** Every counter since the node was made. */
export interface PexStats {
  /** Questions that reached a peer. */
  asked: number
  /** Of these, the ones made because our addresses changed. */
  pushed: number
  /** Answers that were in order. */
  answers: number
  /** Records in them. */
  received: number
  /** Records handed to the sink, those of askers included. */
  taken: number
  dropped: Record<RecordDrop, number>
  askFailures: Record<AskFailure, number>
  /** Questions of others that were answered. */
  answered: number
  /** Records told. */
  told: number
  refused: Record<Refusal, number>
  /** How often an answer was made anew, and the records left out then because of scope or size. */
  answersMade: number
  leftOut: number
}

const OFFENCES = { malformed: 0, 'over-long': 0, repeated: 0, forged: 0, unsolicited: 0 }

/** Counts what happens. */
export class Counters {
  readonly stats: PexStats = {
    asked: 0,
    pushed: 0,
    answers: 0,
    received: 0,
    taken: 0,
    dropped: {
      own: 0,
      old: 0,
      scope: 0,
      address: 0,
      'no-address': 0,
      'too-many-addresses': 0,
      'key-type': 0,
      seq: 0,
      'rate-limited': 0
    },
    askFailures: { failed: 0, ...OFFENCES },
    answered: 0,
    told: 0,
    refused: { stranger: 0, busy: 0, 'too-soon': 0, flood: 0, failed: 0, ...OFFENCES },
    answersMade: 0,
    leftOut: 0
  }

  /** A copy that its reader may keep. */
  snapshot(): PexStats {
    return structuredClone(this.stats)
  }
}
