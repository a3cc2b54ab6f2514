import { InvalidArgumentError } from '@penin/interface'
import type { AddressManager } from '@libp2p/interface-internal'
import type { ComponentLogger, Libp2pEvents, PeerDiscoveryEvents, PeerId, Startable } from '@libp2p/interface'
import type { Clock, NetworkInterfaces, Rng } from '@penin/interface'
import type { TypedEventTarget } from 'main-event'
import type { AddressDrop } from './addresses.js'
import type { SightingDrop } from './discovered.js'
import type { MdnsSocketError } from './errors.js'

/** Options of {@link mdns}; all of them may be left out. */
export interface MdnsInit {
  /**
   * The DNS-SD name of the service. Only peers with the same one find each other; the default is what every libp2p
   * implementation uses.
   *
   * @default '_p2p._udp.local'
   */
  serviceTag?: string
  /**
   * Milliseconds between two queries, after those at 0, 1 and 3 seconds; each is up to 10 % shorter or longer. A
   * longer interval saves packets, and a peer whose answer got lost is found that much later.
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
  /**
   * UDP port. Another one than the default makes a network of its own, for tests.
   *
   * @default 5353
   */
  port?: number
  /** @default true */
  ipv4?: boolean
  /** @default true */
  ipv6?: boolean
  /**
   * Milliseconds between two looks at the list of interfaces and at the node's own addresses (there are two more, 1 and
   * 3 seconds after the start). What has changed is announced at once.
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
  /** @default systemClock */
  clock?: Clock
  /** @default systemRng */
  rng?: Rng
  /** Where the list of interfaces comes from. @default os.networkInterfaces */
  networkInterfaces?: () => NetworkInterfaces
}

/** What mDNS needs of a libp2p node. */
export interface MdnsComponents {
  peerId: PeerId
  addressManager: Pick<AddressManager, 'getAddresses'>
  logger: ComponentLogger
  /** With it, a changed address is announced at once instead of at the next rescan. */
  events?: Pick<TypedEventTarget<Libp2pEvents>, 'addEventListener' | 'removeEventListener'>
}

/** Another process claims to be us. */
export interface IdentityConflict {
  /** Where the claim came from. Nothing proves it: anybody on the network can forge an answer. */
  address: string
}

/** Events of {@link Mdns}. */
export interface MdnsEvents extends PeerDiscoveryEvents {
  /**
   * A process with another peer name announces our peer id: two processes share one identity key, and neither will
   * be reached reliably. At most once a minute.
   */
  'identity:conflict': CustomEvent<IdentityConflict>
  /** The system refused something on an interface; once per interface, operation and code. The others carry on. */
  'mdns:error': CustomEvent<MdnsSocketError>
}

/**
 * Why a packet, or a peer in it, was dropped.
 *
 * - `too-big`: more than 9000 bytes
 * - `off-link`: the sender isn't in a subnet of an interface we use
 * - `rate-limited`: more packets than the sender, or all together, may send
 * - `malformed`: not a DNS message
 */
export type DropReason = 'too-big' | 'off-link' | 'rate-limited' | 'malformed' | SightingDrop

/** Counters since the object was made. */
export interface MdnsStats {
  /** Packets, our own among them: multicast comes back. */
  received: number
  sent: number
  /** Queries that concerned us. */
  queries: number
  /** Multicast answers and announcements sent. */
  answers: number
  /** Answers sent to one plain resolver. */
  unicastAnswers: number
  /** `peer` events. */
  peers: number
  goodbyes: number
  conflicts: number
  dropped: Record<DropReason, number>
  droppedAddresses: Record<AddressDrop, number>
  /** What the system refused, by operation and code, such as `send:ENETUNREACH`. */
  errors: Record<string, number>
}

/** Peer discovery over multicast DNS. */
export interface Mdns extends TypedEventTarget<MdnsEvents>, Startable {
  /** Opens the sockets and asks who is there. Doesn't fail if there is no network: it is looked for again. */
  start(): Promise<void>
  /** Says goodbye and closes the sockets. */
  stop(): Promise<void>
  isStarted(): boolean
  /** Names of the interfaces in use right now. */
  interfaces(): string[]
  stats(): MdnsStats
}

/** The service of the libp2p specification. */
export const SERVICE_TAG = '_p2p._udp.local'

/** Throws an {@link InvalidArgumentError} for the first option that can't be used. */
export function checkInit(init: MdnsInit): void {
  const { serviceTag = SERVICE_TAG, port = 5353 } = init
  // a peer name of 32 characters has to fit in front: RFC 1035 allows 255 for a name and 63 for a label
  if (serviceTag.length > 200 || !/^([a-z0-9_-]{1,63}\.)+local$/i.test(serviceTag)) {
    throw new InvalidArgumentError('serviceTag', serviceTag, 'a DNS name that ends in .local')
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new InvalidArgumentError('port', String(port), 'an integer from 1 to 65535')
  }
  for (const name of ['interval', 'rescanInterval'] as const) {
    const value = init[name] ?? 1000
    if (!Number.isFinite(value) || value < 100) {
      throw new InvalidArgumentError(name, String(value), 'at least 100 milliseconds')
    }
  }
}
