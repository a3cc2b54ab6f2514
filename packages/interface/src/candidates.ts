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
  /**
   * Where the news came from: the *observed* address of whoever told us, from which an address book makes the group whose
   * share of its places the news may take; absent if nobody but this node itself did (a configuration, a LAN announcement).
   * A peer can't choose it by what it says of itself.
   */
  observed?: Multiaddr
  /** The peer's own signed record with these addresses. Whoever hands it over has verified the signature. */
  record?: SignedRecord
}

/** A libp2p signed peer record: what a peer says of its addresses, provably and for anybody to pass on. */
export interface SignedRecord {
  /** The envelope with the signature, as protobuf. */
  envelope: Uint8Array
  /** A record replaces those of the same peer with a lower number. */
  seq: bigint
}

/** Where a discovery source puts what it has found. It never blocks, never throws, and never dials by itself. */
export interface CandidateSink {
  addCandidate(candidate: Candidate): void
}
