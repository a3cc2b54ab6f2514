import type { Connection, Libp2pEvents, PeerId, Startable, TypedEventTarget } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Clock, Rng } from '@penin/interface'
import type { Newcomer } from './admission-contract.js'
import type { ConnectionLimits, EvictionCandidate, Surplus, Victim } from './selection/index.js'

/** Why a peer was let go: as surplus, for a newcomer, as a second connection of the newcomer itself, or for a ban. */
export type TrimReason = Surplus['reason'] | Victim['reason'] | 'reconnected' | 'banned'

/** What a {@link Trimmer} is made of. */
export interface TrimmerInit {
  /** The same as Admission's: inbound peers beyond them are let go. */
  limits: ConnectionLimits
  /** So many peers there may be without anybody being let go: the upper end of the profile's range. */
  target: number
  /**
   * Closes the connections of a peer that did nothing wrong, in an orderly way: `PeerKeeper.release()`. Whoever is still there
   * after some seconds is cut.
   */
  release: (peer: PeerId, reason: TrimReason) => void
  /** What the operator has said of a peer; it is then neither surplus nor let go for a newcomer. */
  exemption?: ((peer: PeerId) => EvictionCandidate['exempt']) | undefined
  /** Asked for by the program, or with a request under way: not surplus, for now. */
  isBusy?: ((peer: PeerId) => boolean) | undefined
  /**
   * Whether Admission let the connection in for a short while only (its `surplusOf()`). A peer that has no other is let go
   * once it has had its time, and counts towards nothing meanwhile.
   *
   * @default nobody
   */
  isPassing?: ((connection: Connection) => boolean) | undefined
  /** Reputation. @default 50 for everybody */
  score?: ((peer: PeerId) => number) | undefined
  /** See {@link EvictionCandidate.lastMessageAt}. */
  lastMessageAt?: ((peer: PeerId) => number | undefined) | undefined
  /** See {@link EvictionCandidate.lastRecordAt}. */
  lastRecordAt?: ((peer: PeerId) => number | undefined) | undefined
  /** When there was last a message or record of use, in either direction; monotonic. @default lastMessageAt */
  lastUsefulAt?: ((peer: PeerId) => number | undefined) | undefined
  /**
   * Milliseconds between two looks. Lower lets surplus peers go sooner, and samples round-trip times more often.
   *
   * @default 2_000
   */
  interval?: number | undefined
  /** See `SurplusSituation.idleAfter`. */
  idleAfter?: number | undefined
  /** See `SurplusSituation.minAge`. */
  minAge?: number | undefined
  clock?: Clock | undefined
  rng?: Rng | undefined
}

/** What a {@link Trimmer} needs of libp2p. */
export interface TrimmerComponents {
  connectionManager: Pick<ConnectionManager, 'getConnections'>
  events: TypedEventTarget<Libp2pEvents>
}

/** Events of a {@link Trimmer}. */
export interface TrimmerEvents {
  /** A peer is being let go. */
  surplus: CustomEvent<{ id: PeerId; reason: TrimReason }>
}

/** Lets peers go: surplus ones, some for newcomers, banned ones. Who it is, is decided by the selection rules. */
export interface Trimmer extends Startable, TypedEventTarget<TrimmerEvents> {
  /** Peers let go so far, by reason. */
  readonly dropped: Readonly<Record<TrimReason, number>>
  /** Lets surplus peers go, as the interval does it. */
  trim(): void
  /**
   * For {@link AdmissionInit.makeRoom}. A peer that is already there by an inbound connection takes the place of that one:
   * it may have lost it without our knowing.
   */
  makeRoom(newcomer: Newcomer): Promise<boolean>
  /** Cuts all connections to a peer that has just been banned. */
  closeBanned(peer: PeerId | string): void
  /** The lowest round-trip time seen on a connection, in milliseconds. */
  minRtt(connection: Connection): number | undefined
}
