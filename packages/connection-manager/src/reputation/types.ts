import type { Ban } from './ban-list.js'
import type { ScoreParts } from './standing.js'
import type { Clock } from '@penin/interface'

/** Somebody was banned. Close the connections of a peer; of a group, refuse new ones and leave the open ones alone. */
export interface BannedDetail {
  kind: 'peer' | 'group'
  /** The peer's id, or the IP group. */
  key: string
  ban: Ban
}

/** A ban has ended. */
export interface UnbannedDetail {
  kind: 'peer' | 'group'
  key: string
  cause: 'expired' | 'lifted'
}

/** Events of a {@link Reputation}. */
export interface ReputationEvents {
  banned: CustomEvent<BannedDetail>
  unbanned: CustomEvent<UnbannedDetail>
}

/** What is known of a peer. */
export interface PeerStanding {
  /** 0..100; 50 for a peer nobody knows. */
  score: number
  parts: ScoreParts
  /** Points taken off the score. */
  penalty: number
  /** Points towards the next ban, which comes at 50. */
  strikes: number
  /** How it answers dials and pings, 0..1; 0.5 if it has had none. */
  health: number
  trusted: boolean
  ban?: Ban
}

/** What a {@link Reputation} is made of. */
export interface ReputationInit {
  /** @default systemClock */
  clock?: Clock | undefined
  /**
   * Peers that are remembered. It must be well above the number of connections. Lower forgets sooner; each peer takes up
   * to 3 KiB with a full history.
   *
   * @default 4096
   */
  maxPeers?: number | undefined
  /** Called when something of this name is to be written to the disk, or deleted there. It must not throw. */
  onChange?: ((part: ReputationPart, key: string) => void) | undefined
}

/** What a change concerns. */
export type ReputationPart = 'peer' | 'ban' | 'group'
