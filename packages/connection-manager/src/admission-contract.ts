import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock, RateLimit } from '@penin/interface'
import type { ConnectionLimits, GeoLimits, InboundSubnets } from './selection/index.js'
import type { TrafficMeter } from './traffic.js'

/** Every reason why a connection is not let in or not dialled, from the cheapest check to the dearest. */
export const REFUSAL_REASONS = [
  'group-banned',
  'rate-limit',
  'too-many-handshakes',
  'slow-handshake',
  'wrong-key-type',
  'banned',
  'subnet-limit',
  'country-limit',
  'asn-limit',
  'too-many-inbound',
  'too-many-outbound',
  'too-many-connections'
] as const

/** Why a connection was not let in or not dialled. */
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

/** One refusal, as it is counted, evented and explained. */
export interface Refusal {
  reason: RefusalReason
  /** `relay`: it would have used this node as a relay between two others. */
  direction: 'inbound' | 'outbound' | 'relay'
  /** Remote address, where there is one. */
  address?: string
  /** Known only after the encryption handshake, or before a dial. */
  peer?: PeerId
  /** The limit that was met, where the reason is one; milliseconds for `slow-handshake`. */
  limit?: number
  /** Whom it is a limit of: a subnet, a country, a network, a source group. */
  group?: string
}

/** Who asks for a place that somebody else would have to leave. */
export interface Newcomer {
  peer: PeerId
  /** The observed address of its connection. */
  address: Multiaddr
}

/** What {@link Admission} needs to know of bans; a `Reputation` will do. Both are asked for every connection. */
export interface BanLookup {
  isBanned(peer: PeerId): boolean
  isGroupBanned(address: Multiaddr): boolean
}

/** What an {@link Admission} is made of. */
export interface AdmissionInit {
  /** Hard limits; read anew each time. Admission counts the connections itself. */
  limits: ConnectionLimits
  /**
   * So many more inbound connections are let in for a short while: they are answered, and then let go by a `Trimmer`. For
   * bootstrap nodes, which everybody asks first; elsewhere it would only be a higher limit.
   *
   * @default 0
   */
  overflow?: number | undefined
  /**
   * New inbound connections of one source group (IPv4 address or IPv6 /64; loopback is exempt).
   *
   * libp2p's own limit of 5 a second cuts off whole offices behind one address, and says nothing.
   *
   * @default a burst of 32 and 4 a second
   */
  inboundRate?: RateLimit | undefined
  /**
   * Milliseconds that an inbound handshake may take. Lower cuts off peers behind slow proxies; higher leaves handshakes that
   * stall for longer; libp2p gives up after 10 seconds without telling anybody.
   *
   * @default 8_000
   */
  handshakeTimeout?: number | undefined
  bans?: BanLookup | undefined
  /** Counts of inbound subnets. */
  subnets?: Pick<InboundSubnets, 'check' | 'admit' | 'release'> | undefined
  /** Counts by country and network. */
  geo?: Pick<GeoLimits, 'check' | 'admit' | 'release'> | undefined
  /**
   * Peers that limits don't apply to: configured by name, or (only `outbound`: whoever comes in at that moment may claim to
   * be meant) asked for by the program right now. While it is true their connections take no place of others.
   */
  isExempt?: ((peer: PeerId, direction: 'inbound' | 'outbound') => boolean) | undefined
  /** Peers that the operator lets in whatever the limits say. Bans hold for them as well. */
  isUnconditional?: ((peer: PeerId) => boolean) | undefined
  /**
   * Lets a peer go so that there is room for a newcomer, and resolves to true when it is gone; false if nobody is to go. Asked
   * when all else is in order: who would be refused in any case displaces nobody. A `Trimmer` has it. Without it the
   * newcomer is refused.
   */
  makeRoom?: ((newcomer: Newcomer) => Promise<boolean>) | undefined
  /**
   * Told when a connection that was let in for a short while (see {@link AdmissionInit.overflow}) has got a place that became
   * free: `surplusOf()` has nothing to say of it any more. It must not throw.
   */
  onPromoted?: ((peer: PeerId) => void) | undefined
  /** Told of every refusal. It must not throw. */
  onRefusal?: ((refusal: Refusal) => void) | undefined
  traffic?: TrafficMeter | undefined
  clock?: Clock | undefined
}

/** Burst 32: a classroom or an office behind one address that starts at once gets in; see {@link AdmissionInit}. */
export const DEFAULT_INBOUND_RATE: RateLimit = { burst: 32, perSecond: 4 }

/** A node whose job is to be found first lets eight times the crowd in. */
export const BOOTSTRAP_INBOUND_RATE: RateLimit = { burst: 256, perSecond: 32 }

/** Milliseconds; see {@link AdmissionInit.handshakeTimeout}. Three round trips behind the slowest proxies take about 5 s. */
export const HANDSHAKE_TIMEOUT = 8_000
