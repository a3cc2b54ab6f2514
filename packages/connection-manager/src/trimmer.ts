import type { Connection, PeerId } from '@libp2p/interface'
import { observedScope, systemClock, systemRng, type Clock, type Timer } from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import type { Newcomer } from './admission-contract.js'
import { DuplicateConnectionError } from './errors.js'
import {
  chooseInboundVictim,
  chooseSurplus,
  isGrouped,
  netGroup,
  type Surplus,
  type SurplusSituation
} from './selection/index.js'
import { LINGER } from './departures.js'
import type { Trimmer, TrimmerComponents, TrimmerEvents, TrimmerInit, TrimReason } from './trimmer-contract.js'
import { PeerBannedError, PeerLingersError } from './trimmer-errors.js'
import { ConnectionView, type SeenPeer } from './trimmer-view.js'

export * from './trimmer-contract.js'
export * from './trimmer-errors.js'

/** As long as `SurplusSituation.minAge` is by default. In milliseconds. */
const MIN_AGE = 10_000

/** Connections open in swarms; one look serves them all. In milliseconds. */
const SOON = 100

/** A peer that is leaving. */
interface Leaver {
  timer: Timer
  /** Resolves when it is gone. */
  gone: PromiseWithResolvers<void>
}

class TrimmerService extends TypedEventEmitter<TrimmerEvents> implements Trimmer {
  readonly dropped: Record<TrimReason, number> = {
    'low-reputation': 0,
    repeat: 0,
    idle: 0,
    'over-target': 0,
    'largest-group': 0,
    'own-group': 0,
    reconnected: 0,
    banned: 0
  }

  readonly #components: TrimmerComponents
  readonly #init: TrimmerInit
  readonly #clock: Clock
  readonly #view: ConnectionView
  /** As bounded as connections are. */
  readonly #leaving = new Map<string, Leaver>()
  #timer?: Timer
  #soon?: Timer

  constructor(components: TrimmerComponents, init: TrimmerInit) {
    super()
    this.#components = components
    this.#init = init
    this.#clock = init.clock ?? systemClock
    this.#view = new ConnectionView(init, this.#clock, init.rng ?? systemRng)
  }

  readonly [Symbol.toStringTag] = '@penin/trimmer'

  start(): void {
    if (this.#timer != null) {
      return
    }
    this.#components.events.addEventListener('connection:open', this.#onOpen)
    this.#components.events.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#timer = this.#clock.setInterval(() => {
      this.trim()
    }, this.#init.interval ?? 2_000)
  }

  stop(): void {
    this.#components.events.removeEventListener('connection:open', this.#onOpen)
    this.#components.events.removeEventListener('peer:disconnect', this.#onDisconnect)
    this.#timer?.clear()
    this.#soon?.clear()
    this.#timer = this.#soon = undefined
    for (const id of [...this.#leaving.keys()]) {
      this.#noteGone(id)
    }
  }

  trim(): void {
    const peers = this.#staying()
    const settled = peers.filter((peer) => !peer.isPassing)
    const chosen = new Map(this.#beyondTarget(settled).map(({ disconnect, reason }) => [disconnect, reason]))
    const others = settled.filter(({ id }) => !chosen.has(id))
    for (const { disconnect, reason } of [...this.#beyondInboundLimits(others), ...this.#passed(peers)]) {
      chosen.set(disconnect, reason)
    }
    for (const { id, peer } of peers) {
      const reason = chosen.get(id)
      if (reason != null) {
        void this.#letGo(peer, reason)
      }
    }
  }

  async makeRoom({ peer, address }: Newcomer): Promise<boolean> {
    if (this.#timer == null) {
      return false
    }
    const peers = this.#staying()
    const own = peers.find(({ id }) => id === peer.toString())
    if (own != null) {
      return own.direction === 'inbound' && this.#replace(own.peer)
    }
    const group = netGroup(address)
    const settled = peers.filter((other) => !other.isPassing) // the others hold no place that could be given on
    const victim = chooseInboundVictim(settled, { newcomer: { group } })
    const loser = peers.find(({ id }) => id === victim?.disconnect)
    // One for another of the same group gains nobody anything, and on a private network all would take turns.
    const isGain = victim?.reason === 'low-reputation' || (victim?.group !== group && isGrouped(observedScope(address)))
    if (victim == null || loser == null || !isGain) {
      return false
    }
    await this.#letGo(loser.peer, victim.reason)
    return true
  }

  closeBanned(peer: PeerId | string): void {
    const connections = this.#connectionsOf(peer.toString())
    const [first] = connections
    if (first == null) {
      return
    }
    this.#tell(first.remotePeer, 'banned')
    cut(connections, new PeerBannedError())
  }

  minRtt(connection: Connection): number | undefined {
    return this.#view.note(connection).minRtt
  }

  readonly #onOpen = ({ detail }: CustomEvent<Connection>): void => {
    this.#view.note(detail)
    this.#soon ??= this.#clock.setTimeout(() => {
      this.#soon = undefined
      this.trim()
    }, SOON)
  }

  readonly #onDisconnect = ({ detail }: CustomEvent<PeerId>): void => {
    this.#noteGone(detail.toString())
  }

  /** Connected peers that are not leaving already. */
  #staying(): SeenPeer[] {
    const open = this.#components.connectionManager.getConnections().filter(({ status }) => status === 'open')
    return this.#view.peers(open).filter(({ id }) => !this.#leaving.has(id))
  }

  /** Those whom limits don't apply to have their places beside the target. */
  #beyondTarget(peers: readonly SeenPeer[]): Surplus[] {
    const { limits, target } = this.#init
    return chooseSurplus({
      ...this.#situation(peers),
      target: target + peers.filter(isUnlimited).length,
      minOutbound: limits.minOutbound,
      slack: Math.min(Math.max(0, limits.total - target), Math.max(2, Math.ceil(target / 10)))
    })
  }

  /** Their while is over. They go, and nobody who has a place goes for them: else whoever comes late would push it out. */
  #passed(peers: readonly SeenPeer[]): Surplus[] {
    const latest = this.#clock.monotonic() - (this.#init.minAge ?? MIN_AGE)
    return peers
      .filter((peer) => peer.connectedAt <= latest && peer.isPassing)
      .map(({ id }) => ({ disconnect: id, reason: 'over-target' }))
  }

  /** Inbound peers that are more than the limits have room for go, even if the number of peers is in order. */
  #beyondInboundLimits(peers: readonly SeenPeer[]): Surplus[] {
    const { limits } = this.#init
    const limited = peers.filter((peer) => !isUnlimited(peer))
    const inbound = limited.filter(({ direction }) => direction === 'inbound')
    const outbound = Math.max(limits.minOutbound, limited.length - inbound.length)
    const target = Math.min(limits.inbound, Math.max(0, limits.total - outbound))
    return chooseSurplus({ ...this.#situation(inbound), target, minOutbound: 0, slack: 0 })
  }

  #situation(peers: readonly SeenPeer[]): Pick<SurplusSituation, 'peers' | 'at' | 'idleAfter' | 'minAge'> {
    const { idleAfter, minAge } = this.#init
    return { peers, at: this.#clock.monotonic(), idleAfter, minAge }
  }

  #connectionsOf(id: string): Connection[] {
    return this.#components.connectionManager.getConnections().filter(({ remotePeer }) => remotePeer.toString() === id)
  }

  /** Resolves when the peer is gone. */
  async #letGo(peer: PeerId, reason: TrimReason): Promise<void> {
    const id = peer.toString()
    const connections = this.#connectionsOf(id)
    const gone = Promise.withResolvers<void>()
    const timer = this.#clock.setTimeout(() => {
      this.#noteGone(id)
      cut(connections, new PeerLingersError(LINGER))
    }, LINGER)
    this.#leaving.set(id, { timer, gone })
    this.#tell(peer, reason)
    this.#init.release(peer, reason)
    await gone.promise
  }

  #noteGone(id: string): void {
    const leaver = this.#leaving.get(id)
    leaver?.timer.clear()
    leaver?.gone.resolve()
    this.#leaving.delete(id)
  }

  /** The old connection makes room for the new one of the same peer, which is not let go as a whole. */
  #replace(peer: PeerId): boolean {
    this.#tell(peer, 'reconnected')
    cut(this.#connectionsOf(peer.toString()), new DuplicateConnectionError())
    return true
  }

  #tell(id: PeerId, reason: TrimReason): void {
    this.dropped[reason]++
    this.safeDispatchEvent('surplus', { detail: { id, reason } })
  }
}

/** Whom connection limits don't apply to; trusted peers are only protected. */
function isUnlimited({ exempt }: SeenPeer): boolean {
  return exempt === 'persistent' || exempt === 'unconditional'
}

function cut(connections: readonly Connection[], reason: Error): void {
  for (const connection of connections) {
    connection.abort(reason)
  }
}

/**
 * A libp2p service that lets peers go when there are too many, makes room for newcomers (give its `makeRoom` to
 * {@link Admission}) and cuts banned ones.
 */
export function trimmer(init: TrimmerInit): (components: TrimmerComponents) => Trimmer {
  return (components) => new TrimmerService(components, init)
}
