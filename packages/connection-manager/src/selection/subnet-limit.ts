import type { Multiaddr } from '@multiformats/multiaddr'
import { GroupCounts } from './group-counts.js'
import { inboundSubnet } from './groups.js'

/**
 * Inbound connections of one public IPv4 /24 or IPv6 /48, at most. A /24 is what is traded and routed as one, so it is what
 * one attacker has; 10 are a fifth of the predecessors' inbound places, and still let an office behind one address in.
 */
export const MAX_PER_SUBNET = 10

/** The same on a bootstrap node, which answers whole campuses, and lets them go again. */
export const BOOTSTRAP_MAX_PER_SUBNET = 64

/** Options of an {@link InboundSubnets}. */
export interface InboundSubnetsInit {
  /**
   * Raised, one network can take more of the inbound places; lowered, fewer nodes behind one NAT get in.
   *
   * @default 10
   */
  maxPerSubnet?: number | undefined
}

/** The subnet has as many connections as it gets. */
export interface SubnetRefusal {
  reason: 'subnet-limit'
  subnet: string
  limit: number
}

/** Options of {@link InboundSubnets.admit} and of `GeoLimits.admit()`. */
export interface AdmitOptions {
  /** The operator lets the peer in whatever the limits say; it takes no place of others either. */
  unconditional?: boolean | undefined
}

/**
 * Counts connected inbound peers by subnet, and refuses what is too many. Private and loopback addresses have no limit. It
 * holds one entry for each connection that it let in, so it is bounded by the connection limits.
 */
export class InboundSubnets {
  readonly #counts = new GroupCounts()
  readonly #limit: number

  constructor(init: InboundSubnetsInit = {}) {
    this.#limit = init.maxPerSubnet ?? MAX_PER_SUBNET
  }

  /** What {@link admit} would answer. */
  check(address: Multiaddr, options: AdmitOptions = {}): SubnetRefusal | undefined {
    if (this.size < this.#limit) {
      return undefined // then no subnet is full, whichever it is
    }
    const subnet = inboundSubnet(address)
    return subnet == null || options.unconditional === true || this.#counts.of(subnet) < this.#limit
      ? undefined
      : { reason: 'subnet-limit', subnet, limit: this.#limit }
  }

  /**
   * Takes a place for a connection, unless there is none: then it answers why. `key` names the connection, and `address` is
   * the observed one it comes from.
   */
  admit(key: string, address: Multiaddr, options: AdmitOptions = {}): SubnetRefusal | undefined {
    const refusal = this.check(address, options)
    const subnet = inboundSubnet(address)
    if (refusal == null && subnet != null && options.unconditional !== true) {
      this.#counts.hold(key, [subnet])
    }
    return refusal
  }

  /** The connection is gone. */
  release(key: string): void {
    this.#counts.release(key)
  }

  /** Connections that hold a place. */
  get size(): number {
    return this.#counts.size
  }
}
