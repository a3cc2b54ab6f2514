import type {
  ComponentLogger,
  Libp2pEvents,
  PeerDiscoveryEvents,
  PeerId,
  PrivateKey,
  Startable
} from '@libp2p/interface'
import type { AddressManager } from '@libp2p/interface-internal'
import { InvalidArgumentError, type Candidate, type Clock, type NetworkInterfaces, type Rng } from '@penin/interface'
import type { TypedEventTarget } from 'main-event'
import type { UdpPortTakenError, UdpSocketError } from './errors.js'
import type { LegacyPeer } from './legacy-table.js'

/** The port of Python PENIN nodes. */
export const DEFAULT_PORT = 51_515

/** Options of {@link udpBroadcast}; all of them may be left out. */
export interface UdpBroadcastInit {
  /**
   * Separates networks: signed beacons of another one are dropped. 1 to 64 bytes. Beacons of Python nodes don't name a
   * network, so a legacy peer may be of any.
   *
   * @default 'penin'
   */
  networkId?: string
  /**
   * UDP port that is sent to and listened on. Another one makes a LAN of its own.
   *
   * @default 51_515
   */
  port?: number
  /**
   * Milliseconds between two beacons, each up to 10 % shorter or longer; at least 100. A longer interval saves packets,
   * and a newcomer hears of this node that much later.
   *
   * @default 10_000
   */
  interval?: number
  /**
   * Interfaces to use, by name or by address (`'lo'`, `'192.168.1.5'`); an address chooses its family too. One that
   * doesn't exist yet is used from when it does.
   *
   * @default every interface that is up, isn't loopback and has a subnet
   */
  interfaces?: readonly string[]
  /** @default true */
  ipv4?: boolean
  /** @default true */
  ipv6?: boolean
  /**
   * Milliseconds between two looks at the list of interfaces and at the node's own addresses, at least 100 (the first ones
   * are 1 and 3 seconds after the start). Expired legacy peers are noticed then, too.
   *
   * @default 5_000
   */
  rescanInterval?: number
  /**
   * False: find others without being found.
   *
   * @default true
   */
  announce?: boolean
  /**
   * Called at the first sight of a legacy peer, and once more if its address was not known then. What it throws is
   * logged.
   */
  onLegacyPeer?: (peer: LegacyPeer) => void
  /** @default systemClock */
  clock?: Clock
  /** @default systemRng */
  rng?: Rng
  /** Where the list of interfaces comes from. @default os.networkInterfaces */
  networkInterfaces?: () => NetworkInterfaces
}

/** What the beacons need of a libp2p node. */
export interface UdpBroadcastComponents {
  peerId: PeerId
  privateKey: PrivateKey
  addressManager: Pick<AddressManager, 'getAddresses'>
  logger: ComponentLogger
  /** With it, a changed address is announced at once instead of at the next rescan. */
  events?: Pick<TypedEventTarget<Libp2pEvents>, 'addEventListener' | 'removeEventListener'>
}

/** Events of {@link UdpBroadcast}, besides libp2p's `peer`. */
export interface UdpBroadcastEvents extends PeerDiscoveryEvents {
  /**
   * The same news as `peer`, for an address book: with the peer's signed record, unless an address in that had to be
   * left out.
   */
  candidate: CustomEvent<Candidate>
  /** A peer says that it stops. Signed by it. */
  'peer:goodbye': CustomEvent<PeerId>
  /** First sight of a peer that sends no signed record; also when its address becomes known later. */
  'legacy:discovered': CustomEvent<LegacyPeer>
  /** A legacy peer was silent for three of its intervals, at least 60 s, or had to make room. */
  'legacy:lost': CustomEvent<LegacyPeer>
  /** Nothing can be heard; once, until the port could be had in between. */
  'udp:port-taken': CustomEvent<UdpPortTakenError>
  /**
   * The system refused something on an interface; once per interface, operation and code, and for a fresh address that
   * can't be used yet only at the third try. The others carry on.
   */
  'udp:error': CustomEvent<UdpSocketError>
}

/**
 * Why a datagram was dropped.
 *
 * - `too-big`: more than 1024 bytes
 * - `off-link`: the sender isn't in a subnet of an interface we use
 * - `rate-limited`: more datagrams than the sender, or all together, may send
 * - `malformed`: not a JSON object in UTF-8, without byte order mark
 * - `bad-id`: the id isn't a string of 1 to 128 characters without control characters
 * - `own`: our own id, since a broadcast comes back
 * - `other-network`: a signed beacon of another network
 * - `stale`: a number not above the last one of that peer: a copy over another interface or destination, or a replay
 * - `bad-record`: there is a record, but it or what belongs to it can't be read
 * - `key-type`: the record's peer has no Ed25519 key
 * - `wrong-signer`: the record is another peer's
 * - `bad-signature`: the record isn't signed by its peer
 * - `no-addresses`: a valid record with no usable address
 * - `bad-port`: a legacy beacon whose port isn't an integer from 1 to 65535
 * - `legacy-ipv6`: a legacy beacon over IPv6, which Python nodes don't speak
 * - `legacy-full`: too many legacy peers, in all or from that address
 */
export type DropReason =
  | 'too-big'
  | 'off-link'
  | 'rate-limited'
  | 'malformed'
  | 'bad-id'
  | 'own'
  | 'other-network'
  | 'stale'
  | 'bad-record'
  | 'key-type'
  | 'wrong-signer'
  | 'bad-signature'
  | 'no-addresses'
  | 'bad-port'
  | 'legacy-ipv6'
  | 'legacy-full'

/** Counters since the object was made, and the sizes of its tables. */
export interface UdpBroadcastStats {
  /** Datagrams, our own among them: a broadcast comes back. */
  received: number
  sent: number
  sentBytes: number
  /** `peer` events. */
  peers: number
  /** Signed beacons that were taken, most of which are no news. */
  beacons: number
  goodbyes: number
  legacyBeacons: number
  legacyDiscovered: number
  legacyLost: number
  /** Addresses in valid records that are of no use to us; see `fitsScope()`. */
  droppedAddresses: number
  dropped: Record<DropReason, number>
  /** What the system refused, by operation and code, such as `send:ENETUNREACH`. */
  errors: Record<string, number>
  /** Legacy peers right now. */
  legacy: number
  /** Peers whose last beacon is remembered right now. */
  known: number
}

/** Peer discovery by UDP beacons. */
export interface UdpBroadcast extends TypedEventTarget<UdpBroadcastEvents>, Startable {
  /** Opens the sockets and sends a beacon. Doesn't fail if there is no network or no port: both are tried again. */
  start(): Promise<void>
  /** Says goodbye and closes the sockets. Legacy peers are forgotten without an event. */
  stop(): Promise<void>
  isStarted(): boolean
  /** Names of the interfaces in use right now. */
  interfaces(): string[]
  /** Peers that send no signed record: nothing that they say is proven, and they can't be dialled. */
  legacyPeers(): LegacyPeer[]
  stats(): UdpBroadcastStats
}

/** Throws an {@link InvalidArgumentError} for the first option that can't be used. */
export function checkInit(init: UdpBroadcastInit): void {
  const { networkId = 'penin', port = DEFAULT_PORT } = init
  const bytes = Buffer.byteLength(networkId)
  if (bytes < 1 || bytes > 64) {
    throw new InvalidArgumentError('networkId', `${bytes} bytes`, '1 to 64 bytes')
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new InvalidArgumentError('port', String(port), 'an integer from 1 to 65535')
  }
  for (const name of ['interval', 'rescanInterval'] as const) {
    const value = init[name] ?? 1000
    // a timer of the system holds a signed 32-bit number of milliseconds, and an interval may be a tenth longer
    if (!Number.isFinite(value) || value < 100 || value > 1_900_000_000) {
      throw new InvalidArgumentError(name, String(value), '100 to 1900000000 milliseconds')
    }
  }
}
