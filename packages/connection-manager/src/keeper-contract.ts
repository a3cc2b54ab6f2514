import type { Connection, Libp2pEvents, PeerId, TypedEventTarget } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Clock, PeerSource, Rng } from '@penin/interface'
import type { ConfiguredPeer } from './configured-peers.js'
import type { DiallerComponents } from './dialler.js'
import type { PeerBook } from './peer-book.js'
import type { ConnectionLimits } from './selection/limits.js'
import type { DialPlanReason } from './selection/outbound-situation.js'
import type { CapabilityLookup, WantedCapability } from './wishes.js'

/** What a {@link PeerKeeper} is made of. */
export interface PeerKeeperInit {
  /** Who is known: an `AddressBook` of `@penin/peer-store`, say. */
  book: PeerBook
  /** How many peers to keep up. Raising it costs memory and traffic per peer, lowering it makes partitions likelier. */
  target: number
  configured?: ConfiguredPeer[]
  /** Whom to dial depends on how many there may be. @default no limits, and no minimum of outbound peers */
  limits?: ConnectionLimits
  /** Reputation of a peer, 0 to 100: the better, the likelier it is dialled. @default 50 for everybody */
  scoreOf?: (id: string) => number
  /**
   * What peers are wanted for. Such peers are dialled before others, if need be above the target, as far as the limits leave
   * room; nobody is let go for them. More wishes leave fewer places to chance, which is what an attacker can't steer.
   *
   * @default nothing
   */
  wishes?: () => readonly WantedCapability[]
  /** Who can do what. @default nobody anything */
  capabilities?: CapabilityLookup
  /** Dials under way at most. @default 8 */
  parallelDials?: number
  /** Milliseconds for one dial, name resolution and handshake included. @default 10_000 */
  dialTimeout?: number
  /** Milliseconds between two looks at whether anything is to do; events are acted on at once. @default 1_000 */
  tick?: number
  /** Milliseconds without any peer after which every backoff is forgotten. @default 30_000 */
  isolation?: number
  /**
   * Milliseconds between two dials made only to see whether a peer answers, so that the book's tried peers become more and
   * stay true. Bitcoin Core's FEELER_INTERVAL.
   *
   * @default 120_000
   */
  feelerInterval?: number
  /**
   * If false a connected peer counts only after {@link PeerKeeper.accept}: a protocol above decides.
   *
   * @default true
   */
  acceptAll?: boolean
  clock?: Clock
  rng?: Rng
}

/** What the keeper needs of libp2p. */
export interface PeerKeeperComponents extends DiallerComponents {
  events: TypedEventTarget<Libp2pEvents>
  connectionManager: Pick<ConnectionManager, 'openConnection' | 'getConnections' | 'closeConnections'>
}

/** Why a dial was made: `feeler` and `test` only to see whether a peer answers, `manual` because the program said so. */
export type DialReason = DialPlanReason | 'feeler' | 'test' | 'manual'

/** How a dial has ended. */
export interface EndedDial {
  target: string
  reason: DialReason
  /** Who was dialled, where that was known. */
  id?: PeerId
  ok: boolean
  error?: string
  /** It says nothing about the peer: this node has no connection at all, has refused the dial itself, or knew no address. */
  inconclusive?: boolean
}

/** Events of a {@link PeerKeeper}. */
export interface PeerKeeperEvents {
  /** A source has named a peer; `added` if it was unknown. */
  candidate: CustomEvent<{ id: PeerId; source: PeerSource; added: boolean }>
  /** A dial begins. */
  dialling: CustomEvent<{ target: string; reason: DialReason }>
  /** A dial has ended. */
  dial: CustomEvent<EndedDial>
  /** A seed has been reached: ask it for peers, then {@link PeerKeeper.release} it. */
  seed: CustomEvent<{ connection: Connection }>
  /** No peer at all for the isolation time: backoffs were cleared. */
  isolated: CustomEvent<{ forMs: number }>
  /** Below target and nobody left to dial now: discovery should look for more. */
  starving: CustomEvent<{ peers: number; target: number }>
}
