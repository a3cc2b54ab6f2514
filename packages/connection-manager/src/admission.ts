import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { RateLimiter, sourceGroup, systemClock, type Clock, type RateLimit } from '@penin/interface'
import type { TrafficMeter } from './traffic.js'

/** Why a connection was not let in or not dialled. */
export type RefusalReason = 'rate-limit' | 'too-many-handshakes' | 'too-many-connections' | 'wrong-key-type'

/** One refusal, as it is counted, evented and explained. */
export interface Refusal {
  reason: RefusalReason
  direction: 'inbound' | 'outbound'
  /** Remote address, where there is one. */
  address?: string
  /** Known only after the encryption handshake. */
  peer?: PeerId
}

export interface AdmissionInit {
  /**
   * Connections in both directions, at most. Peers that `isExempt` names are dialled beyond it; inbound ones are not let in
   * beyond it, since nobody knows who they are before the handshake.
   */
  maxConnections: number
  /**
   * New inbound connections of one source group (IPv4 address or IPv6 /64; loopback is exempt).
   *
   * libp2p's own limit of 5 a second cuts off whole offices behind one address, and says nothing.
   *
   * @default a burst of 32 and 4 a second
   */
  inboundRate?: RateLimit
  /** Peers that connection limits don't apply to: configured by name, or asked for by the program right now. */
  isExempt?: (peer: PeerId) => boolean
  /** How many connections are open. */
  connections: () => number
  onRefusal?: (refusal: Refusal) => void
  traffic?: TrafficMeter
  clock?: Clock
}

/** Burst 32: a classroom or an office behind one address that starts at once gets in; see {@link AdmissionInit}. */
export const DEFAULT_INBOUND_RATE: RateLimit = { burst: 32, perSecond: 4 }

/** A node whose job is to be found first lets eight times the crowd in. */
export const BOOTSTRAP_INBOUND_RATE: RateLimit = { burst: 256, perSecond: 32 }

/**
 * Inbound handshakes under way, at most; a quarter of them from one source group. libp2p's own limit is 10, which turns a
 * classroom away, and says nothing.
 */
const MAX_HANDSHAKES = 256

/**
 * The connection gater: who may connect, and whom may we dial. Pass {@link Admission.gater} to `createLibp2p()`.
 *
 * Checks run from cheap to dear: rate and count before any byte is read or key computed, the key type once it is known.
 */
export class Admission {
  readonly refused: Record<RefusalReason, number> = {
    'rate-limit': 0,
    'too-many-handshakes': 0,
    'too-many-connections': 0,
    'wrong-key-type': 0
  }

  readonly gater: ConnectionGater
  readonly #init: AdmissionInit
  readonly #limiter: RateLimiter
  /** Inbound connections that have not finished their handshake, and where they come from. */
  readonly #handshakes = new Map<MultiaddrConnection, string>()

  constructor(init: AdmissionInit) {
    this.#init = init
    this.#limiter = new RateLimiter(init.inboundRate ?? DEFAULT_INBOUND_RATE, init.clock ?? systemClock)
    const { traffic } = init
    this.gater = {
      denyDialPeer: (peer) => this.#denyOutbound(peer),
      denyDialMultiaddr: () => false,
      denyInboundConnection: (raw) => this.#denyInbound(raw),
      denyInboundEncryptedConnection: (peer, raw) => this.#denyKey('inbound', peer, raw),
      denyOutboundEncryptedConnection: (peer, raw) => this.#denyKey('outbound', peer, raw),
      denyInboundUpgradedConnection: (peer, raw) => {
        this.#handshakes.delete(raw)
        if (this.#isFull(peer)) {
          const address = raw.remoteAddr.toString()
          return this.#refuse({ reason: 'too-many-connections', direction: 'inbound', peer, address })
        }
        traffic?.track(raw)
        return false
      },
      denyOutboundUpgradedConnection: (peer, raw) => {
        if (this.#isFull(peer)) {
          return this.#refuse({ reason: 'too-many-connections', direction: 'outbound', peer })
        }
        traffic?.track(raw)
        return false
      }
    }
  }

  #denyInbound(raw: MultiaddrConnection): boolean {
    const group = sourceGroup(raw.remoteAddr)
    const address = raw.remoteAddr.toString()
    if (group !== 'loopback' && !this.#limiter.take(group)) {
      return this.#refuse({ reason: 'rate-limit', direction: 'inbound', address })
    }
    if (this.#init.connections() >= this.#init.maxConnections) {
      return this.#refuse({ reason: 'too-many-connections', direction: 'inbound', address })
    }
    const fromGroup = [...this.#handshakes.values()].filter((other) => other === group).length
    const groupLimit = group === 'loopback' ? MAX_HANDSHAKES : MAX_HANDSHAKES / 4
    if (this.#handshakes.size >= MAX_HANDSHAKES || fromGroup >= groupLimit) {
      return this.#refuse({ reason: 'too-many-handshakes', direction: 'inbound', address })
    }
    this.#handshakes.set(raw, group)
    raw.addEventListener('close', () => this.#handshakes.delete(raw), { once: true })
    return false
  }

  #denyOutbound(peer: PeerId): boolean {
    if (!this.#isFull(peer)) {
      return false
    }
    return this.#refuse({ reason: 'too-many-connections', direction: 'outbound', peer })
  }

  /** Asked again after the handshake: of many that run at once, all have seen room when they began. */
  #isFull(peer: PeerId): boolean {
    return this.#init.connections() >= this.#init.maxConnections && this.#init.isExempt?.(peer) !== true
  }

  /** Ed25519 only: keys of other types can be made so large that checking them is an attack (CVE-2023-39533). */
  #denyKey(direction: 'inbound' | 'outbound', peer: PeerId, raw: MultiaddrConnection): boolean {
    if (peer.type === 'Ed25519') {
      return false
    }
    return this.#refuse({ reason: 'wrong-key-type', direction, peer, address: raw.remoteAddr.toString() })
  }

  #refuse(refusal: Refusal): true {
    this.refused[refusal.reason]++
    this.#init.onRefusal?.(refusal)
    return true
  }
}
