import type { Libp2pEvents, PeerId, TypedEventTarget } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock, PeerSource, Rng } from '@penin/interface'
import type { DiallerComponents } from './dialler.js'
import type { Persistence } from './known-peers.js'
import type { PlannedDial } from './plan-dials.js'

/** A peer that the configuration names. Without an id the one that answers at the address is taken. */
export interface ConfiguredPeer {
  id?: PeerId
  addresses: Multiaddr[]
  /** A `seed` is a candidate like any other; the others are redialled for ever. */
  persistence: Persistence | 'seed'
}

export interface PeerKeeperInit {
  /** How many peers to keep up. Raising it costs memory and traffic per peer, lowering it makes partitions likelier. */
  target: number
  configured?: ConfiguredPeer[]
  /** Peers to remember at most. @default 1000 */
  maxKnown?: number
  /** Dials under way at most. @default 8 */
  parallelDials?: number
  /** Milliseconds for one dial, name resolution and handshake included. @default 10_000 */
  dialTimeout?: number
  /** Milliseconds between two looks at whether anything is to do; events are acted on at once. @default 1_000 */
  tick?: number
  /** Milliseconds without any peer after which every backoff is forgotten. @default 30_000 */
  isolation?: number
  /**
   * If false a connected peer counts only after {@link PeerKeeper.accept}: a protocol above decides.
   *
   * @default true
   */
  acceptAll?: boolean
  clock?: Clock
  rng?: Rng
}

export interface PeerKeeperComponents extends DiallerComponents {
  events: TypedEventTarget<Libp2pEvents>
}

/** Why a dial was made. */
export type DialReason = PlannedDial['reason'] | 'seed' | 'manual'

export interface PeerKeeperEvents {
  /** A source has named a peer; `added` if it was unknown. */
  candidate: CustomEvent<{ id: PeerId; source: PeerSource; added: boolean }>
  dial: CustomEvent<{ target: string; reason: DialReason; ok: boolean; error?: string }>
  /** No peer at all for the isolation time: backoffs were cleared. */
  isolated: CustomEvent<{ forMs: number }>
  /** Below target and nobody left to dial now: discovery should look for more. */
  starving: CustomEvent<{ peers: number; target: number }>
}
