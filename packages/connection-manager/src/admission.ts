import type { Connection, ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { RateLimiter, sourceGroup, systemClock } from '@penin/interface'
import {
  DEFAULT_INBOUND_RATE,
  HANDSHAKE_TIMEOUT,
  REFUSAL_REASONS,
  type AdmissionInit,
  type Newcomer,
  type Refusal,
  type RefusalReason
} from './admission-contract.js'
import { Handshakes } from './admission-handshakes.js'
import { Places } from './admission-places.js'
import { asPeerId } from './peer-address.js'
import { checkLimits, type ConnectionCounts, type LimitRefusal } from './selection/index.js'
import { withoutOverflow } from './selection/limits.js'

export * from './admission-contract.js'

type Direction = 'inbound' | 'outbound'

/** The statuses of a connection that will send no `close` event any more. */
const GONE: readonly unknown[] = ['closed', 'aborted', 'reset']

/**
 * The connection gater: who may connect, and whom may we dial. Pass {@link Admission.gater} to `createLibp2p()`.
 *
 * Checks run from cheap to dear, each as soon as what it needs is known:
 *
 * 1. Inbound, before a byte is read or a key computed: ban of the IP group, rate of the source group, place among the
 *    handshakes under way; and, unless somebody is exempt from them, subnet and connection limits.
 * 2. Before a dial: key type, ban, connection limits; for each address: ban of the IP group, country and network limits.
 * 3. Once the id is proven, both ways: key type, ban, subnet (inbound), country and network. An outbound connection gets its
 *    place then, within the connection limits.
 * 4. When the connection is usable: all of that once more, for much may have happened meanwhile. An inbound connection gets
 *    its place only now, or those that stall in between would hold all the places, and couldn't be let go for anybody. If
 *    there is none, somebody else is let go for it; if nobody is, there may be a place in the overflow, for a short while.
 *
 * Connection limits are looked at again after the handshake: of many that run at once, all have seen room when they began.
 */
export class Admission {
  /** Refusals so far. */
  readonly refused = Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, 0])) as Record<RefusalReason, number>
  readonly gater: Required<ConnectionGater>
  readonly #init: AdmissionInit
  readonly #limiter: RateLimiter
  readonly #handshakes: Handshakes
  readonly #places: Places

  constructor(init: AdmissionInit) {
    this.#init = init
    const { clock = systemClock, subnets, geo, inboundRate = DEFAULT_INBOUND_RATE } = init
    const timeout = init.handshakeTimeout ?? HANDSHAKE_TIMEOUT
    this.#limiter = new RateLimiter(inboundRate, clock)
    this.#handshakes = new Handshakes({
      clock,
      timeout,
      onClosed: (raw, reason) => {
        const address = raw.remoteAddr.toString()
        this.#refuse({
          reason,
          direction: 'inbound',
          address,
          ...(reason === 'slow-handshake' ? { limit: timeout } : {})
        })
      }
    })
    this.#places = new Places({
      isExempt: (peer, direction) => this.#isExempt(peer, direction),
      onReleased: ({ key }) => {
        subnets?.release(key)
        geo?.release(key)
        this.#promote()
      }
    })
    this.gater = this.#makeGater()
  }

  /** Connections that take a place: open or about to be, without those of exempt peers. */
  get counts(): ConnectionCounts {
    return this.#places.counts()
  }

  /**
   * Why a connection was let in for a short while only: the limit it is beyond. Tell its peer, answer it, and let it go, unless
   * a place becomes free meanwhile; see {@link AdmissionInit.onPromoted}.
   */
  surplusOf(connection: Pick<Connection, 'timeline'>): LimitRefusal['reason'] | undefined {
    return this.#places.surplusOf(connection)
  }

  /** Inbound handshakes under way. */
  get handshakes(): number {
    return this.#handshakes.size
  }

  #makeGater(): Required<ConnectionGater> {
    return {
      denyDialPeer: (peer) => this.#denyDial(peer),
      denyDialMultiaddr: (address) => this.#denyAddress(address),
      denyInboundConnection: (raw) => this.#denyInbound(raw),
      denyOutboundConnection: (peer, raw) =>
        this.#denyPeer('outbound', peer, raw.remoteAddr) || this.#denyGroup('outbound', raw.remoteAddr, peer),
      denyInboundEncryptedConnection: (peer, raw) => this.#denyProven(peer, raw),
      denyOutboundEncryptedConnection: async (peer, raw) => this.#settle('outbound', peer, raw),
      denyInboundUpgradedConnection: async (peer, raw) => {
        this.#handshakes.end(raw)
        return this.#finish('inbound', peer, raw)
      },
      denyOutboundUpgradedConnection: async (peer, raw) => this.#finish('outbound', peer, raw),
      denyInboundRelayReservation: (source) => this.#denyPeer('relay', source),
      denyOutboundRelayedConnection: (source, destination) =>
        this.#denyPeer('relay', source) || this.#denyPeer('relay', destination),
      denyInboundRelayedConnection: (relay, peer) => this.#denyPeer('relay', relay) || this.#denyPeer('inbound', peer),
      // nothing is stored of those who are banned; that is no refusal of a connection, and is not counted as one
      filterMultiaddrForPeer: (peer, address) =>
        this.#init.bans?.isBanned(peer) !== true && this.#init.bans?.isGroupBanned(address) !== true
    }
  }

  #denyInbound(raw: MultiaddrConnection): boolean {
    const { remoteAddr } = raw
    if (this.#denyGroup('inbound', remoteAddr)) {
      return true
    }
    const group = sourceGroup(remoteAddr)
    if (group !== 'loopback' && !this.#limiter.take(group)) {
      return this.#refuse({ reason: 'rate-limit', direction: 'inbound', address: remoteAddr.toString(), group })
    }
    if (this.#knowsNobody() && this.#denyByAddress('inbound', undefined, remoteAddr)) {
      return true
    }
    const full =
      this.#knowsNobody() && this.#init.makeRoom == null ? this.#checkLimits('inbound', this.#init.overflow) : undefined
    const refusal = full ?? (isGone(raw) ? undefined : this.#handshakes.begin(raw, group))
    return refusal == null ? false : this.#refuse({ ...detail(refusal), ...meeting('inbound', undefined, remoteAddr) })
  }

  /** True if no peer is exempt from limits, so that one that is over them need not be asked for its name. */
  #knowsNobody(): boolean {
    return this.#init.isExempt == null && this.#init.isUnconditional == null
  }

  #denyDial(peer: PeerId): boolean {
    if (this.#denyPeer('outbound', peer)) {
      return true
    }
    const full = this.#isExempt(peer, 'outbound') ? undefined : this.#checkLimits('outbound')
    return full == null ? false : this.#refuse({ ...detail(full), direction: 'outbound', peer })
  }

  #denyAddress(address: Multiaddr): boolean {
    const { bans, geo } = this.#init
    if (bans?.isGroupBanned(address) !== true && geo?.check(address) == null) {
      return false // mostly; who is meant need not be known then
    }
    const peer = peerIn(address)
    const isExempt = peer != null && this.#isExempt(peer, 'outbound')
    return this.#denyGroup('outbound', address, peer) || (!isExempt && this.#denyByAddress('outbound', peer, address))
  }

  #denyGroup(direction: Direction, address: Multiaddr, peer?: PeerId): boolean {
    return this.#init.bans?.isGroupBanned(address) === true
      ? this.#refuse({ reason: 'group-banned', ...meeting(direction, peer, address) })
      : false
  }

  /** Ed25519 only: keys of other types can be made so large that checking them is an attack (CVE-2023-39533). */
  #denyPeer(direction: Refusal['direction'], peer: PeerId, address?: Multiaddr): boolean {
    if (peer.type !== 'Ed25519') {
      return this.#refuse({ reason: 'wrong-key-type', ...meeting(direction, peer, address) })
    }
    return this.#init.bans?.isBanned(peer) === true
      ? this.#refuse({ reason: 'banned', ...meeting(direction, peer, address) })
      : false
  }

  #denyByAddress(direction: Direction, peer: PeerId | undefined, address: Multiaddr): boolean {
    const subnet = direction === 'inbound' ? this.#init.subnets?.check(address) : undefined
    if (subnet != null) {
      const { reason, limit, subnet: group } = subnet
      return this.#refuse({ reason, ...meeting(direction, peer, address), limit, group })
    }
    const place = this.#init.geo?.check(address)
    if (place != null) {
      const { reason, limit, value: group } = place
      return this.#refuse({ reason, ...meeting(direction, peer, address), limit, group })
    }
    return false
  }

  /** Who comes in is proven: whether it would be refused in any case. */
  #denyProven(peer: PeerId, raw: MultiaddrConnection): boolean {
    const { remoteAddr } = raw
    if (this.#denyPeer('inbound', peer, remoteAddr)) {
      return true
    }
    return !isGone(raw) && !this.#isExempt(peer, 'inbound') && this.#denyByAddress('inbound', peer, remoteAddr)
  }

  /** Everything is asked, and the connection gets its place. */
  async #settle(direction: Direction, peer: PeerId, raw: MultiaddrConnection): Promise<boolean> {
    const { remoteAddr } = raw
    if (this.#denyPeer(direction, peer, remoteAddr)) {
      return true
    }
    if (this.#places.has(raw) || isGone(raw)) {
      return false
    }
    const isExempt = this.#isExempt(peer, direction)
    if (!isExempt && this.#denyByAddress(direction, peer, remoteAddr)) {
      return true
    }
    const full = isExempt ? undefined : this.#checkLimits(direction)
    const isOver = full == null ? undefined : this.#checkLimits(direction, this.#init.overflow)
    if (full != null && (direction === 'outbound' || (this.#init.makeRoom == null && isOver != null))) {
      return this.#refuse({ ...detail(isOver ?? full), ...meeting(direction, peer, remoteAddr) })
    }
    const { key } = this.#places.take(raw, peer, direction) // before any waiting: two must not get one place
    if (!isExempt) {
      this.#init.geo?.admit(key, remoteAddr)
      if (direction === 'inbound') {
        this.#init.subnets?.admit(key, remoteAddr)
      }
    }
    if (full == null || (await this.#makeRoom({ peer, address: remoteAddr }))) {
      return false
    }
    if (isOver != null) {
      this.#places.release(raw)
      return this.#refuse({ ...detail(isOver), ...meeting(direction, peer, remoteAddr) })
    }
    this.#places.markSurplus(raw, full.reason)
    this.#promote() // somebody may have gone while room was to be made
    return false
  }

  /** Places that have become free are for those who were let in for a short while, the first of them first. */
  #promote(): void {
    while (this.#places.surplus > 0) {
      const { inbound, outbound } = this.#places.counts()
      const settled = { inbound: inbound - this.#places.surplus, outbound }
      const place = checkLimits('inbound', settled, this.#init.limits) == null ? this.#places.promoteNext() : undefined
      if (place == null) {
        return
      }
      this.#init.onPromoted?.(place.peer)
    }
  }

  async #finish(direction: Direction, peer: PeerId, raw: MultiaddrConnection): Promise<boolean> {
    if (await this.#settle(direction, peer, raw)) {
      this.#places.release(raw)
      return true
    }
    this.#init.traffic?.track(raw)
    return false
  }

  async #makeRoom(newcomer: Newcomer): Promise<boolean> {
    try {
      return (await this.#init.makeRoom?.(newcomer)) === true
    } catch {
      return false // then it stays full
    }
  }

  #checkLimits(direction: Direction, overflow = 0): LimitRefusal | undefined {
    const { limits } = this.#init
    const counts = this.#places.counts()
    if (direction === 'outbound') {
      return checkLimits(direction, withoutOverflow(counts, limits), limits)
    }
    const hard = { ...limits, inbound: limits.inbound + overflow, total: limits.total + overflow }
    return checkLimits(direction, counts, hard)
  }

  #isExempt(peer: PeerId, direction: Direction): boolean {
    return this.#init.isUnconditional?.(peer) === true || this.#init.isExempt?.(peer, direction) === true
  }

  #refuse(refusal: Refusal): true {
    this.refused[refusal.reason]++
    this.#init.onRefusal?.(refusal)
    return true
  }
}

/** Who is at the other end, as far as it is known. */
function meeting<D extends Refusal['direction']>(
  direction: D,
  peer: PeerId | undefined,
  address: Multiaddr | undefined
): { direction: D; peer?: PeerId; address?: string } {
  return {
    direction,
    ...(peer == null ? {} : { peer }),
    ...(address == null ? {} : { address: address.toString() })
  }
}

function detail<R extends RefusalReason>({
  reason,
  limit,
  group
}: {
  reason: R
  limit: number
  group?: string
}): {
  reason: R
  limit: number
  group?: string
} {
  return { reason, limit, ...(group == null ? {} : { group }) }
}

function isGone({ status }: MultiaddrConnection): boolean {
  return GONE.includes(status)
}

/** The peer that is expected at an address. */
function peerIn(address: Multiaddr): PeerId | undefined {
  const id = address.getComponents().findLast(({ name }) => name === 'p2p')?.value
  return id == null ? undefined : asPeerId(id)
}
