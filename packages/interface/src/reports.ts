import type { PeerId } from '@libp2p/interface'

/**
 * How often a peer may do something before it is banned: `fatal` never, `low` about 5 times, `mid` about 10 times,
 * `high` about 50 times.
 */
export type Tolerance = 'fatal' | 'low' | 'mid' | 'high'

/** What a peer did wrong, by a stable name such as `hello-malformed`. */
export interface Misbehaviour {
  /** Stable, machine-readable, kebab-case. It becomes a metric label, so it must come from a small fixed set. */
  reason: string
  tolerance: Tolerance
}

/** Where every protocol reports a peer that misbehaves. It never throws. */
export interface PeerReporter {
  report(peer: PeerId, misbehaviour: Misbehaviour): void
}
