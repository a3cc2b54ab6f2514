import type { AbortOptions, Connection, PeerId, Startable } from '@libp2p/interface'
import {
  systemClock,
  systemRng,
  type Candidate,
  type CandidateSink,
  type PeerSource,
  type Timer
} from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import { Dialler, type DialTarget } from './dialler.js'
import { HeldStrangers } from './held-strangers.js'
import type {
  ConfiguredPeer,
  DialReason,
  PeerKeeperComponents,
  PeerKeeperEvents,
  PeerKeeperInit
} from './keeper-contract.js'
import { KnownPeers, type KnownPeer, type Persistence } from './known-peers.js'
import { planDials } from './plan-dials.js'
import { UnnamedPeers } from './unnamed-peers.js'

/** Where the peer store notes when this node has last reached a peer that then said hello, as text. */
const GREETED_KEY = 'penin-greeted'

/** A peer that has said no hello for so long after connecting won't; hello itself gives up sooner. In milliseconds. */
const GREETING_TIME = 20_000

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
  /** Whom the program is dialling; undefined for an address without a name. */
  readonly #manual: Array<PeerId | undefined> = []
  readonly #heldStrangers = new HeldStrangers()
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
    this.#unnamed.replace(peers.filter((peer) => peer.id == null))
    for (const { id, addresses, persistence } of peers) {
      if (id != null && !id.equals(this.#components.peerId)) {
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
    const wasKnown =
      target.id != null && (this.known.get(target.id) != null || (await this.#dialler.isStored(target.id)))
    this.#manual.push(target.id)
    try {
      const connection = await this.#dialler.dial(target, options)
      const { peer } = this.#note(connection.remotePeer, options.source ?? 'manual') ?? {}
      delete peer?.held
      this.#heldStrangers.delete(connection.remotePeer)
      this.#recordDial({ ...target, id: connection.remotePeer }, 'manual')
      return connection
    } catch (error) {
      if (options.signal?.aborted !== true) {
        this.#recordDial(target, 'manual', error as Error)
      }
      if (!wasKnown && target.id != null) {
        await this.#forgetStored(target.id) // libp2p notes failed dials of strangers; nothing of them is to stay
      }
      throw error
    } finally {
      this.#manual.splice(this.#manual.indexOf(target.id), 1)
    }
  }

  /** True while the program itself waits for a dial to this peer, or to an address at which it may be. */
  isAskedFor(id: PeerId): boolean {
    return this.#manual.some((other) => other == null || other.equals(id))
  }

  /** Why the peer is redialled for ever, if it is: by its id, or because it answers at a configured address. */
  persistenceOf(id: PeerId): Persistence | undefined {
    const persistence = this.known.get(id)?.persistence ?? this.#unnamed.answeredBy(id)?.persistence
    return persistence === 'seed' ? undefined : persistence
  }

  /** The peer is one of us: it counts from now on, until it disconnects. */
  accept(id: PeerId, direction: 'inbound' | 'outbound'): void {
    const { clock } = this.#init
    if (direction === 'inbound') {
      this.addCandidate({ id, multiaddrs: [], source: 'inbound' })
    } else {
      this.#recordSuccess(id)
    }
    this.#accepted.add(id.toString())
    this.#isolatedSince = clock.monotonic()
    this.#lookSoon()
  }

  /**
   * The peer has shown that it is not one of us. With `holdFor` it is not dialled for so many milliseconds unless the
   * program asks; and unless it is configured nothing of it is kept but that.
   */
  reject(id: PeerId, reason: string, holdFor = 0): void {
    const until = this.#init.clock.monotonic() + holdFor
    const known = this.known.get(id)
    const unnamed = this.#unnamed.answeredBy(id)
    if (known != null) {
      known.lastError = reason
    }
    if (holdFor === 0) {
      return
    }
    if (unnamed != null) {
      unnamed.heldUntil = until
    }
    if (known?.persistence != null) {
      known.held = { until, reason }
      return
    }
    this.#heldStrangers.add(id, { until, reason })
    void this.forget(id)
  }

  /** Why a peer is not dialled for a while, known or not. */
  heldReason(id: PeerId): KnownPeer['held'] {
    return this.known.get(id)?.held ?? this.#heldStrangers.get(id)
  }

  isAccepted(id: PeerId): boolean {
    return this.#accepted.has(id.toString())
  }

  /** True while a dial to the peer is under way. */
  isDialling(id: PeerId): boolean {
    return this.#dialler.inFlight.has(id.toString())
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
    const lived = at - (this.#connectedAt.get(key) ?? at)
    if (known == null) {
      void this.#forgetStored(id) // what identify wrote down about strangers must not fill the disk
    } else if (this.known.recordDisconnect(known, lived, clock.now(), at, this.#accepted.size > 1)) {
      void this.forget(id)
    }
    const unnamed = this.#unnamed.answeredBy(id)
    if (unnamed != null) {
      this.#unnamed.recordFailure(unnamed, at) // it waits a little before it looks who answers there now
    }
    this.#connectedAt.delete(key)
    if (this.#accepted.delete(key) && this.#accepted.size === 0) {
      this.#isolatedSince = at
    }
    this.#lookSoon()
  }

  /** Only a peer that has said hello has been reached: one that answers and then stalls has not. */
  #recordSuccess(id: PeerId): void {
    const { clock } = this.#init
    const known = this.known.get(id)
    if (known != null) {
      this.known.record(known, { ok: true, now: clock.now(), at: clock.monotonic(), online: true })
      const metadata = { [GREETED_KEY]: new TextEncoder().encode(String(clock.now())) }
      void this.#components.peerStore.merge(id, { metadata }).catch(() => undefined)
    }
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
        greeting: this.#greeting(at),
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
      .due(at, this.#accepted.size === 0, (id) => this.#isConnected(id))
      .filter(({ addresses }) => !this.#dialler.inFlight.has(addresses[0]?.toString() ?? ''))
    for (const { key } of unnamed.slice(0, free)) {
      void this.#attemptUnnamed(key)
    }
    if (plan.length === 0 && this.#accepted.size < target && at - this.#starvedAt >= 10_000) {
      this.#starvedAt = at
      this.safeDispatchEvent('starving', { detail: { peers: this.#accepted.size, target } })
    }
  }

  #greeting(at: number): number {
    let count = 0
    for (const [key, since] of this.#connectedAt) {
      count += !this.#accepted.has(key) && at - since < GREETING_TIME ? 1 : 0
    }
    return count
  }

  async #attempt(target: DialTarget, reason: DialReason): Promise<Connection | Error> {
    const signal = this.#stopping?.signal
    try {
      const connection = await this.#dialler.dial(target, { signal })
      this.#recordDial({ ...target, id: connection.remotePeer }, reason)
      return connection
    } catch (error) {
      const isSelf = (error as Error).name === 'DialSelfError'
      if (signal?.aborted !== true && !isSelf) {
        this.#recordDial(target, reason, error as Error)
      }
      return error as Error
    }
  }

  async #attemptUnnamed(key: string): Promise<void> {
    const entry = this.#unnamed.get(key)
    if (entry == null) {
      return
    }
    const result = await this.#attempt({ addresses: entry.addresses }, entry.persistence)
    const at = this.#init.clock.monotonic()
    if (!(result instanceof Error)) {
      const id = result.remotePeer
      this.#unnamed.recordAnswer(entry, id, at)
      this.addCandidate({ id, multiaddrs: entry.addresses, source: entry.persistence })
    } else if (result.name === 'DialSelfError') {
      this.#unnamed.remove(key) // the same list on all servers names each of them, too
    } else {
      this.#unnamed.recordFailure(entry, at)
    }
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
    const at = clock.monotonic()
    if (known != null && error == null) {
      known.lastAttemptAt = at
    } else if (known != null) {
      const outcome = { ok: false, now: clock.now(), at, error: error?.message ?? '', online: this.#accepted.size > 0 }
      if (this.known.record(known, outcome)) {
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
    const held = this.#heldStrangers.get(id)
    if (result != null && held != null) {
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
      const success = peer.metadata.get(GREETED_KEY)
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
