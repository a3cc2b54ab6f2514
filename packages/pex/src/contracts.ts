import type { Connection, PeerId } from '@libp2p/interface'
import type { AddressScope, CandidateSink } from '@penin/interface'

/** A peer that may be told of, and its signed record. */
export interface SharedRecord {
  id: PeerId
  /** The signed envelope, as it was taken. */
  envelope: Uint8Array
}

export interface SampleOptions {
  /** Whom it is for: only peers all of whose addresses fit it are of use; `fitsScope()` says which. */
  scope: AddressScope
  /** More than this many are not used. */
  max: number
  /** Not to be among them: this node itself. */
  exclude: readonly PeerId[]
}

/** The address book, as far as peers are told of it. */
export interface PexSource {
  /**
   * A random choice of peers to tell of. Private and banned peers must not be in it. What doesn't fit the scope is left
   * out again here, so a source that ignores it gives short answers, never wrong ones.
   */
  sampleForExchange(options: SampleOptions): SharedRecord[] | Promise<SharedRecord[]>
  /** How many peers the book holds: an answer has no more than the larger of 16 and 23 % of it. */
  bookSize(): number | Promise<number>
  /** How often an entry came, went or got another record, since whenever: a number that only grows. */
  changes(): number
  /**
   * Whether a peer that was sampled earlier may still be told of: asked for every record of every answer, since an
   * answer is kept for a day.
   *
   * @default every one may
   */
  isShareable?(id: PeerId): boolean
}

/** Where records that were taken go: candidates with `observed` and `record`. */
export interface PexSink extends CandidateSink {
  /**
   * The sequence number of the record that is known of a peer; an older one is then dropped before its signature is
   * checked.
   *
   * @param id as text; a PeerId for each record would cost more than all else that is done with one of no use
   * @default none is known
   */
  knownSeq?(id: string): bigint | undefined
}

/**
 * Whether a peer has been introduced; only such peers are asked and answered. A promise may take as long as the
 * introduction itself: peers that have just met must not refuse each other because one is a moment behind.
 */
export type IsPeer = (id: PeerId, connection: Connection) => boolean | Promise<boolean>

/** Told what came of asking a peer: how many records it gave, and how many of them were of use. It must not throw. */
export type OnAnswer = (peer: PeerId, answer: { received: number; taken: number }) => void
