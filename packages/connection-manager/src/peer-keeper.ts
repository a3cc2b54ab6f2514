import type { AbortOptions, Connection, Libp2pEvents, PeerId, Startable, TypedEventTarget } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import {
  systemClock,
  systemRng,
  type Candidate,
  type CandidateSink,
  type Clock,
  type PeerSource,
  type Rng,
  type Timer
} from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import { Dialler, type DialTarget, type DiallerComponents } from './dialler.js'
import { KnownPeers, type KnownPeer, type Persistence } from './known-peers.js'
import { planDials, type PlannedDial } from './plan-dials.js'
import { UnnamedPeers } from './unnamed-peers.js'

/** A peer that the configuration names. Without an id the one that answers at the address is taken. */
export interface ConfiguredPeer {
  id?: PeerId
  addresses: Multiaddr[]
  /** A `seed` is a candidate like any other; the others are redialled for ever. */
  persistence: Persistence | 'seed'
}

export interface PeerKeeperInit {
  /** How many peers to keep up. Raising it costs memory and traffic per peer, lowering it makes partitions likelier. */
  target: number
  configured?: ConfiguredPeer[]
  /** Peers to remember at most. @default 1000 */
  maxKnown?: number
  /** Dials under way at most. @default 8 */
  parallelDials?: number
  /** Milliseconds for one dial, name resolution and handshake included. @default 10_000 */
  dialTimeout?: number
  /** Milliseconds between two looks at whether anything is to do; events are acted on at once. @default 1_000 */
  tick?: number
  /** Milliseconds without any peer after which every backoff is forgotten. @default 30_000 */
  isolation?: number
  /**
   * If false a connected peer counts only after {@link PeerKeeper.accept}: a protocol above decides.
   *
   * @default true
   */
  acceptAll?: boolean
  clock?: Clock
  rng?: Rng
}

export interface PeerKeeperComponents extends DiallerComponents {
  events: TypedEventTarget<Libp2pEvents>
}

/** Why a dial was made. */
export type DialReason = PlannedDial['reason'] | 'seed' | 'manual'

export interface PeerKeeperEvents {
  /** A source has named a peer; `added` if it was unknown. */
  candidate: CustomEvent<{ id: PeerId; source: PeerSource; added: boolean }>
  dial: CustomEvent<{ target: string; reason: DialReason; ok: boolean; error?: string }>
  /** No peer at all for the isolation time: backoffs were cleared. */
  isolated: CustomEvent<{ forMs: number }>
  /** Below target and nobody left to dial now: discovery should look for more. */
  starving: CustomEvent<{ peers: number; target: number }>
}

/** Unwanted peers that are not known otherwise, the latest ones. */
const MAX_HELD_STRANGERS = 1024

/** Where libp2p notes the time of the last successful dial. */
const DIAL_SUCCESS_KEY = 'last-dial-success'

/**
 * Keeps this node connected: takes candidates from every source, dials them until there are enough peers, and redials
 * configured ones for ever. It is the only caller of the dialler.
 */
export class PeerKeeper extends TypedEventEmitter<PeerKeeperEvents> implements CandidateSink, Startable {
  readonly known: KnownPeers
  readonly #components: PeerKeeperComponents
  readonly #init: Required<PeerKeeperInit>
  readonly #dialler: Dialler
  readonly #unnamed: UnnamedPeers
  readonly #accepted = new Set<string>()
  readonly #connectedAt = new Map<string, number>()
  readonly #heldStrangers = new Map<string, NonNullable<KnownPeer['held']>>()
  #stopping?: AbortController
  #timer?: Timer
  #soon?: Timer
  #isolatedSince = 0
  #starvedAt = -Infinity

  constructor(components: PeerKeeperComponents, init: PeerKeeperInit) {
    super()
    this.#components = components
    this.#init = {
      configured: [],
      maxKnown: 1000,
      parallelDials: 8,
      dialTimeout: 10_000,
      tick: 1_000,
      isolation: 30_000,
      acceptAll: true,
      clock: systemClock,
      rng: systemRng,
      ...init
    }
    this.known = new KnownPeers(this.#init.maxKnown, this.#init.rng)
    this.#dialler = new Dialler(components, this.#init.clock, this.#init.dialTimeout)
    this.#unnamed = new UnnamedPeers(this.#init.rng)
  }

  readonly [Symbol.toStringTag] = '@penin/peer-keeper'

  /** Greeted peers that are connected. */
  get peerCount(): number {
    return this.#accepted.size
  }

  get target(): number {
    return this.#init.target
  }

  /** Dials under way. */
  get dialling(): number {
    return this.#dialler.inFlight.size
  }

  async start(): Promise<void> {
    if (this.#stopping != null) {
      return
    }
    const stopping = new AbortController()
    this.#stopping = stopping
    const { clock, tick } = this.#init
    this.#isolatedSince = clock.monotonic()
    this.#components.events.addEventListener('peer:connect', this.#onConnect)
    this.#components.events.addEventListener('peer:disconnect', this.#onDisconnect)
    this.configure(this.#init.configured)
    await this.#recall()
    if (stopping.signal.aborted) {
      return
    }
    this.#timer = clock.setInterval(() => {
      this.#look()
    }, tick)
    this.#lookSoon()
  }

  stop(): void {
    this.#components.events.removeEventListener('peer:connect', this.#onConnect)
    this.#components.events.removeEventListener('peer:disconnect', this.#onDisconnect)
    this.#stopping?.abort()
    this.#stopping = undefined
    this.#timer?.clear()
    this.#soon?.clear()
    this.#timer = this.#soon = undefined
    this.#accepted.clear()
    this.#connectedAt.clear()
  }

  /** Replaces the configured peers, for instance when the configuration was reread. Connections stay. */
  configure(peers: readonly ConfiguredPeer[]): void {
    for (const peer of this.known.values()) {
      delete peer.persistence
    }
    this.#unnamed.clear()
    for (const { id, addresses, persistence } of peers) {
      if (id == null) {
        this.#unnamed.add(addresses, persistence)
      } else if (!id.equals(this.#components.peerId)) {
        this.addCandidate({ id, multiaddrs: addresses, source: persistence })
        this.#persist(id, persistence)
      }
    }
    this.#lookSoon()
  }

  addCandidate({ id, multiaddrs, source, record }: Candidate): void {
    if (id.equals(this.#components.peerId) || (multiaddrs.length === 0 && source !== 'inbound')) {
      return
    }
    const result = this.#note(id, source)
    if (result == null) {
      return
    }
    const fresh = this.known.noteAddresses(result.peer, multiaddrs)
    if (fresh.length > 0) {
      const { peerStore } = this.#components
      const stored: Promise<unknown> =
        record == null
          ? peerStore.merge(id, { multiaddrs: fresh })
          : peerStore.consumePeerRecord(record.envelope, { expectedPeer: id })
      void stored.then(
        () => {
          this.#lookSoon()
        },
        () => undefined // the store has its own alarm; without an address the peer is simply not dialled
      )
    }
    this.safeDispatchEvent('candidate', { detail: { id, source, added: result.added } })
  }

  /**
   * Dials at once, whatever the backoff, and returns the connection.
   *
   * @throws what {@link Dialler.dial} throws
   */
  async dial(target: DialTarget, options: AbortOptions & { source?: PeerSource } = {}): Promise<Connection> {
    const stored = target.id != null && (this.known.get(target.id) != null || (await this.#dialler.isStored(target.id)))
    try {
      const connection = await this.#dialler.dial(target, options)
      const { peer } = this.#note(connection.remotePeer, options.source ?? 'manual') ?? {}
      delete peer?.held
      this.#recordDial({ ...target, id: connection.remotePeer }, 'manual')
      return connection
    } catch (error) {
      if (options.signal?.aborted !== true) {
        this.#recordDial(target, 'manual', error as Error)
      }
      if (!stored && target.id != null) {
        await this.#forgetStored(target.id) // libp2p notes failed dials of strangers; nothing of them is to stay
      }
      throw error
    }
  }

  /** The peer is one of us: it counts from now on, until it disconnects. */
  accept(id: PeerId, direction: 'inbound' | 'outbound'): void {
    if (direction === 'inbound') {
      this.addCandidate({ id, multiaddrs: [], source: 'inbound' })
    }
    this.#accepted.add(id.toString())
    this.#isolatedSince = this.#init.clock.monotonic()
    this.#lookSoon()
  }

  isAccepted(id: PeerId): boolean {
    return this.#accepted.has(id.toString())
  }

  /** True while a dial to the peer is under way. */
  isDialling(id: PeerId): boolean {
    return this.#dialler.inFlight.has(id.toString())
  }

  /** Does not dial the peer, known or not, for `ms` milliseconds by itself; a manual dial lifts it. */
  hold(id: PeerId, ms: number, reason: string): void {
    const held = { until: this.#init.clock.monotonic() + ms, reason }
    const known = this.known.get(id)
    if (known != null) {
      known.held = held
      return
    }
    // A stranger must not get a place among the known peers by being unwanted; it is remembered only in case it gets one.
    const key = id.toString()
    this.#heldStrangers.delete(key)
    this.#heldStrangers.set(key, held)
    if (this.#heldStrangers.size > MAX_HELD_STRANGERS) {
      this.#heldStrangers.delete(this.#heldStrangers.keys().next().value as string)
    }
  }

  /** Forgets the peer and what is stored about it. */
  async forget(id: PeerId): Promise<boolean> {
    const was = this.known.remove(id)
    await this.#forgetStored(id)
    return was
  }

  /** The world has changed: forgets all backoffs and looks at once. */
  wake(): void {
    this.known.clearBackoffs()
    this.#unnamed.clearBackoffs()
    this.#lookSoon()
  }

  readonly #onConnect = ({ detail: id }: CustomEvent<PeerId>): void => {
    const key = id.toString()
    this.#connectedAt.set(key, this.#init.clock.monotonic())
    if (this.#init.acceptAll) {
      this.accept(id, this.#components.connectionManager.getConnections(id)[0]?.direction ?? 'outbound')
    }
  }

  readonly #onDisconnect = ({ detail: id }: CustomEvent<PeerId>): void => {
    const key = id.toString()
    const { clock } = this.#init
    const at = clock.monotonic()
    const known = this.known.get(id)
    if (known != null) {
      this.known.recordDisconnect(known, at - (this.#connectedAt.get(key) ?? at), clock.now(), at)
    } else {
      void this.#forgetStored(id) // what identify wrote down about strangers must not fill the disk
    }
    this.#connectedAt.delete(key)
    if (this.#accepted.delete(key) && this.#accepted.size === 0) {
      this.#isolatedSince = at
    }
    this.#lookSoon()
  }

  #isConnected(id: PeerId | string): boolean {
    return this.#connectedAt.has(id.toString())
  }

  /** Events come in swarms; one look serves them all. */
  #lookSoon(): void {
    if (this.#stopping != null && this.#soon == null) {
      this.#soon = this.#init.clock.setTimeout(() => {
        this.#soon = undefined
        this.#look()
      }, 20)
    }
  }

  #look(): void {
    const { clock, rng, target, parallelDials, isolation } = this.#init
    const at = clock.monotonic()
    if (this.#accepted.size === 0 && at - this.#isolatedSince >= isolation) {
      this.safeDispatchEvent('isolated', { detail: { forMs: at - this.#isolatedSince } })
      this.#isolatedSince = at
      this.wake()
    }
    const plan = planDials(
      {
        at,
        known: this.known.values(),
        isConnected: (id) => this.#isConnected(id),
        isDialling: (id) => this.#dialler.inFlight.has(id),
        peers: this.#accepted.size,
        dialling: this.#dialler.inFlight.size,
        target,
        maxParallel: parallelDials
      },
      rng
    )
    for (const { peer, reason } of plan) {
      void this.#attempt({ id: peer.id }, reason)
    }
    const free = Math.max(0, parallelDials - this.#dialler.inFlight.size)
    const unnamed = this.#unnamed
      .due(at, this.#accepted.size === 0)
      .filter(({ addresses }) => !this.#dialler.inFlight.has(addresses[0]?.toString() ?? ''))
    for (const { key } of unnamed.slice(0, free)) {
      void this.#attemptUnnamed(key)
    }
    if (plan.length === 0 && this.#accepted.size < target && at - this.#starvedAt >= 10_000) {
      this.#starvedAt = at
      this.safeDispatchEvent('starving', { detail: { peers: this.#accepted.size, target } })
    }
  }

  async #attempt(target: DialTarget, reason: DialReason): Promise<Connection | undefined> {
    const signal = this.#stopping?.signal
    try {
      const connection = await this.#dialler.dial(target, { signal })
      this.#recordDial({ ...target, id: connection.remotePeer }, reason)
      return connection
    } catch (error) {
      if (signal?.aborted !== true) {
        this.#recordDial(target, reason, error as Error)
      }
      return undefined
    }
  }

  async #attemptUnnamed(key: string): Promise<void> {
    const entry = this.#unnamed.get(key)
    if (entry == null) {
      return
    }
    const connection = await this.#attempt({ addresses: entry.addresses }, entry.persistence)
    if (connection == null) {
      this.#unnamed.recordFailure(entry, this.#init.clock.monotonic())
      return
    }
    this.#unnamed.remove(key) // it has a name now, and is redialled by it
    this.addCandidate({ id: connection.remotePeer, multiaddrs: entry.addresses, source: entry.persistence })
    this.#persist(connection.remotePeer, entry.persistence)
  }

  #persist(id: PeerId, persistence: ConfiguredPeer['persistence']): void {
    const known = this.known.get(id)
    if (known != null && persistence !== 'seed') {
      known.persistence = persistence
    }
  }

  #recordDial({ id, addresses = [] }: DialTarget, reason: DialReason, error?: Error): void {
    const { clock } = this.#init
    const known = id == null ? undefined : this.known.get(id)
    if (known != null) {
      const forget = this.known.record(known, {
        ok: error == null,
        now: clock.now(),
        at: clock.monotonic(),
        ...(error == null ? {} : { error: error.message }),
        online: this.#accepted.size > 0
      })
      if (forget) {
        void this.forget(known.id)
      }
    }
    this.safeDispatchEvent('dial', {
      detail: {
        target: addresses[0]?.toString() ?? id?.toString() ?? '*',
        reason,
        ok: error == null,
        ...(error == null ? {} : { error: error.message })
      }
    })
  }

  /** Adds a peer to the known ones; whoever must make room is forgotten altogether. */
  #note(id: PeerId, source: PeerSource): ReturnType<KnownPeers['add']> {
    const result = this.known.add(id, source, this.#init.clock.now(), (peer) => this.#isConnected(peer.id))
    if (result?.displaced != null) {
      void this.#forgetStored(result.displaced.id)
    }
    const held = this.#heldStrangers.get(id.toString())
    if (result != null && held != null) {
      this.#heldStrangers.delete(id.toString())
      result.peer.held = held
    }
    return result
  }

  /** Takes what the peer store remembers as candidates; those that answered an earlier run come first. */
  async #recall(): Promise<void> {
    const { clock, maxKnown } = this.#init
    const stored = await this.#components.peerStore.all({ limit: maxKnown * 2 }).catch(() => [])
    for (const peer of stored) {
      if (peer.addresses.length === 0) {
        continue
      }
      const success = peer.metadata.get(DIAL_SUCCESS_KEY)
      const result = this.#note(peer.id, 'store')
      if (result?.added === true && success != null) {
        result.peer.lastSuccess = Number(new TextDecoder().decode(success)) || clock.now()
      }
    }
  }

  async #forgetStored(id: PeerId): Promise<void> {
    await this.#components.peerStore.delete(id).catch(() => undefined)
  }

  /** What is known about a peer. */
  get(id: PeerId): KnownPeer | undefined {
    return this.known.get(id)
  }
}

/** A libp2p service that keeps a node connected; see {@link PeerKeeper}. */
export function peerKeeper(init: PeerKeeperInit): (components: PeerKeeperComponents) => PeerKeeper {
  return (components) => new PeerKeeper(components, init)
}
