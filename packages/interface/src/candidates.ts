import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * How a node came to know of a peer.
 *
 * - `mdns`, `dht`, `pex`, `udp`: a discovery source found it
 * - `bootstrap`, `persistent`, `seed`: the configuration names it
 * - `manual`: the program added it
 * - `inbound`: it connected to us
 * - `store`: remembered from an earlier run
 */
export type PeerSource =
  'mdns' | 'dht' | 'pex' | 'udp' | 'bootstrap' | 'persistent' | 'seed' | 'manual' | 'inbound' | 'store'

/** All values of {@link PeerSource}. */
export const PEER_SOURCES: readonly PeerSource[] = [
  'mdns',
  'dht',
  'pex',
  'udp',
  'bootstrap',
  'persistent',
  'seed',
  'manual',
  'inbound',
  'store'
]

/** A peer that somebody says exists at these addresses. Nothing about it is proven until a dial has succeeded. */
export interface Candidate {
  id: PeerId
  multiaddrs: Multiaddr[]
  source: PeerSource
}

/** Where a discovery source puts what it has found. It never blocks, never throws, and never dials by itself. */
export interface CandidateSink {
  addCandidate(candidate: Candidate): void
}
