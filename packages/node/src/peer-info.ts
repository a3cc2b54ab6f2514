import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PeerSource } from '@penin/interface'
import type { Capabilities } from '@penin/hello'

/** Everything the node knows about one peer, joined. Times are milliseconds since the Unix epoch. */
export interface PeerInfo {
  id: PeerId
  /** The Ed25519 public key, hexadecimal; undefined for a peer with a key of another type. */
  publicKey?: string
  /** Where it may be reached; `certified` ones come from a record that the peer has signed. */
  addresses: Array<{ multiaddr: Multiaddr; certified: boolean }>
  /** Who has named it; `store` if it was known before this run. */
  sources: PeerSource[]
  firstSeen: number
  lastSeen: number
  /**
   * - `known`: not connected
   * - `dialling`: a dial is under way
   * - `greeting`: connected, hello under way
   * - `connected`: connected and of this network
   * - `foreign`: connected, but it does not speak hello
   */
  state: 'known' | 'dialling' | 'greeting' | 'connected' | 'foreign'
  connectedSince?: number
  direction?: 'inbound' | 'outbound'
  /** Address of the connection. */
  remoteAddress?: Multiaddr
  /** Bytes on the wire of the present connections. */
  bytesIn: number
  bytesOut: number
  /** Last measured round trip, in milliseconds. */
  rtt?: number
  /** From hello. */
  profile?: string
  agentVersion?: string
  capabilities?: Capabilities
  /** Redialled for ever, and why. */
  persistence?: 'bootstrap' | 'persistent'
}

/** A {@link PeerInfo} as it goes over an admin endpoint or into a log. */
export type PeerInfoJson = ReturnType<typeof peerInfoToJson>

/** Plain values only. */
export function peerInfoToJson(peer: PeerInfo): Omit<PeerInfo, 'id' | 'addresses' | 'remoteAddress'> & {
  id: string
  addresses: Array<{ multiaddr: string; certified: boolean }>
  remoteAddress?: string
} {
  const { remoteAddress, ...rest } = peer
  return {
    ...rest,
    id: peer.id.toString(),
    addresses: peer.addresses.map(({ multiaddr, certified }) => ({ multiaddr: multiaddr.toString(), certified })),
    ...(remoteAddress == null ? {} : { remoteAddress: remoteAddress.toString() })
  }
}
