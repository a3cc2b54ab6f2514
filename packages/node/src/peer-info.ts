import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Ban } from '@penin/connection-manager'
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
  /** When it was connected, or somebody named it. */
  lastSeen: number
  /** When this node last reached it by a dial; absent if it never has. */
  lastSuccess?: number
  /** Failed dials since the last success. */
  failures: number
  /** Where the address book has it: `tried` if this node has reached it itself. Absent if the book has not. */
  table?: 'new' | 'tried' | 'pinned'
  /**
   * - `known`: not connected
   * - `dialling`: a dial is under way
   * - `greeting`: connected, hello under way
   * - `connected`: connected and of this network
   * - `foreign`: connected, but it does not speak hello
   */
  state: 'known' | 'dialling' | 'greeting' | 'connected' | 'foreign'
  /** Connected, or in touch with this node within 5 minutes and not worse than a peer nobody has dialled. */
  isAlive: boolean
  connectedSince?: number
  direction?: 'inbound' | 'outbound'
  /** Address of the connection. */
  remoteAddress?: Multiaddr
  /** Bytes on the wire of the present connections. */
  bytesIn: number
  bytesOut: number
  /** Last measured round trip, in milliseconds. */
  rtt?: number
  /** From hello: of a peer that has gone, from its last one, as long as that is remembered. */
  profile?: string
  agentVersion?: string
  capabilities?: Capabilities
  /** Redialled for ever, and why. */
  persistence?: 'bootstrap' | 'persistent'
  /** What this node thinks of it: 0 to 100, 50 for a peer nobody knows. */
  reputation: number
  /** How it answers dials and pings: 0 to 1, 0.5 if there were none. */
  health: number
  /** Never banned by the node itself. */
  trusted: boolean
  /** What it is here (`bootstrap`, `persistent`, `private`, `unconditional`, `trusted`), then the program's own tags. */
  tags: string[]
  /** The ban in force. */
  ban?: Ban
}

/** A {@link PeerInfo} as it goes over an admin endpoint or into a log. */
export type PeerInfoJson = ReturnType<typeof peerInfoToJson>

/** A ban as JSON: `until` is null for a permanent one, since JSON knows no Infinity. */
export type BanJson = Omit<Ban, 'until'> & { until: number | null }

/** Plain values only. */
export function peerInfoToJson(peer: PeerInfo): Omit<PeerInfo, 'id' | 'addresses' | 'remoteAddress' | 'ban'> & {
  id: string
  addresses: Array<{ multiaddr: string; certified: boolean }>
  remoteAddress?: string
  ban?: BanJson
} {
  const { remoteAddress, ban, ...rest } = peer
  return {
    ...rest,
    id: peer.id.toString(),
    addresses: peer.addresses.map(({ multiaddr, certified }) => ({ multiaddr: multiaddr.toString(), certified })),
    ...(remoteAddress == null ? {} : { remoteAddress: remoteAddress.toString() }),
    ...(ban == null ? {} : { ban: banToJson(ban) })
  }
}

/** A ban ready for JSON. */
export function banToJson(ban: Ban): BanJson {
  return { ...ban, until: ban.until === Infinity ? null : ban.until }
}
