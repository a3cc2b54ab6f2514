import type { AbortOptions, Connection, IdentifyResult, PeerId, Startable } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import {
  systemClock,
  systemRng,
  type Candidate,
  type CandidateSink,
  type PeerSource,
  type Timer
} from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import { chooseAnchors } from './anchors.js'
import { ConfiguredPeers, type ConfiguredEntry, type ConfiguredPeer, type Persistence } from './configured-peers.js'
import { DialMemory, USEFUL_AFTER, type DialState } from './dial-memory.js'
import { BookedDialler } from './booked-dialler.js'
import { Dialler, type DialTarget } from './dialler.js'
import { Feelers } from './feelers.js'
import { Holds, type Hold } from './holds.js'
import { Links, type Link } from './links.js'
import type { PeerKeeperComponents, PeerKeeperEvents, PeerKeeperInit } from './keeper-contract.js'
import { learnedCandidate } from './learned-candidate.js'
import { DIALLED_SCOPES, type BookedPeer, type Excluded } from './peer-book.js'
import { planDials } from './plan-dials.js'

/** Milliseconds between two clear-outs of the address book. */
const EXPIRE_INTERVAL = 10_000

/** A peer that was let go on purpose is not dialled again for so many milliseconds, unless the world changes. */
const LET_GO_FOR = 600_000

/**
 * Keeps this node connected: takes candidates from every source into the address book, dials peers from there until there
 * are enough, redials configured ones for ever, and tells the book how it went. It is the only caller of the dialler.
 */
export class PeerKeeper extends TypedEventEmitter<PeerKeeperEvents> implements CandidateSink, Startable {
  readonly #components: PeerKeeperComponents
  readonly #init: Required<PeerKeeperInit>
  readonly #dialler: Dialler
  readonly #dials: BookedDialler
  readonly #configured: ConfiguredPeers
  readonly #memory: DialMemory
  readonly #holds = new Holds()
  readonly #links = new Links()
  /** What connected peers have said of themselves, before it was known whether they are of this network. */
  readonly #identified = new WeakMap<Connection, IdentifyResult>()
  /** Whom the program is dialling; undefined for an address without a name. */
  readonly #manual: Array<PeerId | undefined> = []
  /** Peers that are being let go on purpose. */
  readonly #released = new Set<string>()
  /** Peers that were dialled only to see whether they answer. */
  readonly #probed = new Set<string>()
  /** Connections to seeds that have been told of. */
  readonly #seeds = new WeakSet<Connection>()
  #anchors: BookedPeer[] = []
  #feelers?: Feelers
  #stopping?: AbortController
  #timer?: Timer
  #soon?: Timer
  #isolatedSince = 0
  #starvedAt = -Infinity
  #expiredAt = 0

  constructor(components: PeerKeeperComponents, init: PeerKeeperInit) {
    super()
    this.#components = components
    this.#init = {
      configured: [],
      parallelDials: 8,
      dialTimeout: 10_000,
      tick: 1_000,
      isolation: 30_000,
      feelerInterval: 120_000,
      acceptAll: true,
      clock: systemClock,
      rng: systemRng,
      ...init
    }
    const { clock, rng, book, dialTimeout } = this.#init
    this.#dialler = new Dialler(components, clock, dialTimeout)
    this.#configured = new ConfiguredPeers(rng)
    this.#memory = new DialMemory(rng)
    this.#dials = new BookedDialler({
      dialler: this.#dialler,
      book,
      memory: this.#memory,
      clock,
      isOnline: () => this.#links.peers > 0,
      onStart: (detail) => this.safeDispatchEvent('dialling', { detail }),
      onEnd: (detail) => this.safeDispatchEvent('dial', { detail })
    })
  }

  readonly [Symbol.toStringTag] = '@penin/peer-keeper'

  /** Greeted peers that are connected. */
  get peerCount(): number {
    return this.#links.peers
  }

  get target(): number {
    return this.#init.target
  }

  /** Dials under way. */
  get dialling(): number {
    return this.#dialler.inFlight.size
  }

  start(): void {
    if (this.#stopping != null) {
      return
    }
    this.#stopping = new AbortController()
    const { clock, rng, tick, book, feelerInterval } = this.#init
    this.#isolatedSince = this.#expiredAt = clock.monotonic()
    this.#components.events.addEventListener('peer:connect', this.#onConnect)
    this.#components.events.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#components.events.addEventListener('peer:identify', this.#onIdentify)
    this.#anchors = book.anchors()
    this.#feelers = new Feelers(book, rng, feelerInterval, clock.monotonic())
    this.configure(this.#init.configured)
    this.#timer = clock.setInterval(() => {
      this.#look()
    }, tick)
    this.#lookSoon()
  }

  stop(): void {
    this.#components.events.removeEventListener('peer:connect', this.#onConnect)
    this.#components.events.removeEventListener('peer:disconnect', this.#onDisconnect)
    this.#components.events.removeEventListener('peer:identify', this.#onIdentify)
    this.#stopping?.abort()
    this.#stopping = undefined
    this.#timer?.clear()
    this.#soon?.clear()
    this.#timer = this.#soon = undefined
    this.#links.clear()
    this.#released.clear()
    this.#probed.clear()
  }

  /** Replaces the configured peers, for instance when the configuration was reread. Connections stay. */
  configure(peers: readonly ConfiguredPeer[]): void {
    const { book } = this.#init
    this.#configured.replace(peers.filter(({ id }) => id?.equals(this.#components.peerId) !== true))
    const lasting = new Set([...this.#configured.ids()].map(String).filter((id) => this.persistenceOf(id) != null))
    for (const { id, marks } of book.marked()) {
      if (marks.persistent === true && !lasting.has(id)) {
        book.mark(id, { persistent: false })
      }
    }
    for (const id of lasting) {
      book.mark(id, { persistent: true })
    }
    for (const { id, addresses, persistence } of peers) {
      if (id != null && persistence !== 'seed') {
        this.addCandidate({ id, multiaddrs: addresses, source: persistence })
      }
    }
    this.#lookSoon()
  }

  addCandidate(candidate: Candidate): void {
    const { id, source } = candidate
    if (this.heldReason(id) != null) {
      return
    }
    const { status } = this.#init.book.addCandidate(candidate)
    if (status !== 'refused') {
      this.safeDispatchEvent('candidate', { detail: { id, source, added: status === 'added' } })
    }
    if (status === 'added') {
      this.#lookSoon()
    }
  }

  /**
   * Dials at once, whatever the backoff, and returns the connection.
   *
   * @throws what {@link Dialler.dial} throws
   */
  async dial(target: DialTarget, options: AbortOptions & { source?: PeerSource } = {}): Promise<Connection> {
    this.#manual.push(target.id)
    try {
      const connection = await this.#dials.dial(target, 'manual', options.signal)
      this.#holds.delete(connection.remotePeer)
      this.#remember(connection, options.source ?? 'manual')
      return connection
    } catch (error) {
      await this.#forgetStranger(target.id)
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
  persistenceOf(id: PeerId | string): Persistence | undefined {
    const persistence = this.#configured.of(id)?.persistence
    return persistence === 'seed' ? undefined : persistence
  }

  /** The peer at the other end is one of us: it counts from now on, until it disconnects. */
  accept(connection: Connection): void {
    const { clock, book } = this.#init
    const { remotePeer: id, direction, remoteAddr } = connection
    const key = id.toString()
    if (direction === 'outbound') {
      this.#remember(connection, this.#configured.of(id)?.persistence ?? 'manual')
      book.good(id, { address: remoteAddr })
    }
    this.#links.accept(key)
    this.#isolatedSince = clock.monotonic()
    void this.#learn(connection)
    this.#endProbe(id)
    this.#tellOfSeed(connection)
    this.#lookSoon()
  }

  /**
   * The peer has shown that it is not one of us. With `holdFor` it is not dialled for so many milliseconds unless the
   * program asks, and nothing of it is kept but that.
   */
  reject(id: PeerId, reason: string, holdFor = 0): void {
    const until = this.#init.clock.monotonic() + holdFor
    const entry = this.#configured.of(id)
    if (entry != null) {
      entry.lastError = reason
    }
    if (holdFor === 0) {
      return
    }
    if (entry != null) {
      entry.heldUntil = until
    }
    this.#holds.add(id, { until, reason })
    void this.forget(id)
  }

  /** Closes the connection to a peer that is not needed, without blame. It is not dialled for the next ten minutes. */
  release(id: PeerId): void {
    const key = id.toString()
    if (this.#links.has(key)) {
      this.#released.add(key)
      void this.#components.connectionManager.closeConnections(id).catch(() => undefined)
    }
  }

  /** Why a peer is not dialled for a while, known or not. */
  heldReason(id: PeerId): Hold | undefined {
    return this.#holds.get(id, this.#init.clock.monotonic())
  }

  /** How the last dials to a peer went; for a configured one, those because of the configuration. */
  dialState(id: PeerId): DialState | undefined {
    return this.#configured.of(id) ?? this.#memory.get(id.toString())
  }

  isAccepted(id: PeerId | string): boolean {
    return this.#links.isAccepted(id.toString())
  }

  /** True while a dial to the peer is under way. */
  isDialling(id: PeerId): boolean {
    return this.#dialler.inFlight.has(id.toString())
  }

  /** Forgets the peer and what is stored about it. */
  async forget(id: PeerId): Promise<boolean> {
    const was = this.#init.book.remove(id)
    this.#memory.delete(id.toString())
    await this.#forgetStored(id)
    return was
  }

  /** The book has lost a peer: what libp2p has stored about it goes as well, unless it is connected. */
  noteRemoved(id: string): void {
    if (!this.#links.has(id)) {
      void this.#forgetStored(peerIdFromString(id))
    }
  }

  /** The world has changed: forgets all backoffs and looks at once. */
  wake(): void {
    this.#memory.clearBackoffs()
    this.#configured.clearBackoffs()
    this.#lookSoon()
  }

  readonly #onConnect = ({ detail: id }: CustomEvent<PeerId>): void => {
    const [connection] = this.#components.connectionManager.getConnections(id)
    const since = this.#init.clock.monotonic()
    this.#links.open(id.toString(), { since, direction: connection?.direction ?? 'outbound' })
    if (this.#init.acceptAll && connection != null) {
      this.accept(connection)
    }
  }

  readonly #onDisconnect = ({ detail: id }: CustomEvent<PeerId>): void => {
    const key = id.toString()
    const at = this.#init.clock.monotonic()
    const wasPeer = this.#links.isAccepted(key)
    const link = this.#links.close(key)
    this.#probed.delete(key)
    this.#noteEnd(id, link, at)
    void this.#forgetStranger(id)
    if (wasPeer && this.#links.peers === 0) {
      this.#isolatedSince = at
    }
    this.#lookSoon()
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    this.#identified.set(detail.connection, detail)
    if (this.isAccepted(detail.peerId)) {
      void this.#learn(detail.connection)
    }
  }

  /** What the end of a link says of the peer. */
  #noteEnd(id: PeerId, link: Link | undefined, at: number): void {
    const { book } = this.#init
    const key = id.toString()
    const isUseful = link != null && at - link.since >= USEFUL_AFTER
    const entry = this.#configured.of(id)
    if (this.#released.delete(key)) {
      this.#memory.postpone(key, at + LET_GO_FOR)
      return
    }
    if (entry != null) {
      entry.failures = isUseful ? 0 : entry.failures
      this.#configured.recordFailure(entry, at) // it waits a little before it looks who answers there now
    }
    if (isUseful) {
      this.#memory.wasUseful(key, at)
      book.seen(id)
    } else {
      this.#memory.failed(key, at)
      if (link?.direction === 'outbound') {
        book.failed(id, { offline: this.#links.peers === 0 })
      }
    }
  }

  /** A peer that we have reached is known, at least at the address where it answered. */
  #remember({ remotePeer: id, remoteAddr }: Connection, source: PeerSource): void {
    if (this.#init.book.get(id) == null) {
      this.addCandidate({ id, multiaddrs: [remoteAddr], source, observed: remoteAddr })
    }
  }

  /** Takes over what a peer of ours says of its addresses. */
  async #learn(connection: Connection): Promise<void> {
    const told = this.#identified.get(connection)
    const { remotePeer: id, direction } = connection
    if (told == null) {
      return // identify is not through yet, and will say so
    }
    const stored = await this.#components.peerStore.get(id).catch(() => undefined)
    const source = direction === 'inbound' ? 'inbound' : (this.#init.book.get(id)?.source ?? 'manual')
    if (this.isAccepted(id)) {
      this.addCandidate(learnedCandidate(connection, told, source, stored?.peerRecordEnvelope))
      this.#init.book.seen(id)
    }
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
    const { clock, rng, target, parallelDials } = this.#init
    const at = clock.monotonic()
    this.#tidy(at)
    const anchors = this.#anchors.filter(({ id }) => this.#isFree(id, at))
    const exclude: Excluded = { has: (id) => !this.#isFree(id, at) || anchors.some((anchor) => anchor.id === id) }
    const plan = planDials(
      {
        anchors,
        configured: this.#configured.due(at, this.#links.peers === 0, (entry) => this.#isBusy(entry)),
        select: (count) => this.#init.book.select({ count, exclude, scopeFilter: DIALLED_SCOPES }),
        peers: this.#links.peers,
        dialling: this.dialling,
        greeting: this.#links.greeting(at),
        target,
        maxParallel: parallelDials
      },
      rng
    )
    if (plan.length > 0) {
      this.#anchors = [] // they are dialled once; after that they are peers like others
    }
    for (const dial of plan) {
      if ('entry' in dial) {
        void this.#dialConfigured(dial.entry)
      } else {
        void this.#dialBooked(dial.peer, dial.reason)
      }
    }
    const probe = this.dialling < parallelDials ? this.#feelers?.due(at, exclude, this.peerCount < target) : undefined
    if (probe != null) {
      void this.#dialBooked(probe.peer, probe.reason)
    }
    if (plan.length === 0 && this.#links.peers < target && at - this.#starvedAt >= 10_000) {
      this.#starvedAt = at
      this.safeDispatchEvent('starving', { detail: { peers: this.#links.peers, target } })
    }
  }

  /** What has to be done from time to time, whether or not somebody is to be dialled. */
  #tidy(at: number): void {
    const { book, isolation } = this.#init
    if (this.#links.peers === 0 && at - this.#isolatedSince >= isolation) {
      this.safeDispatchEvent('isolated', { detail: { forMs: at - this.#isolatedSince } })
      this.#isolatedSince = at
      this.wake()
    }
    if (at - this.#expiredAt >= EXPIRE_INTERVAL) {
      this.#expiredAt = at
      book.expire()
    }
    const outbound = this.#links.outbound()
    if (outbound.length > 0) {
      book.setAnchors(chooseAnchors(outbound, book.anchorIds()))
    }
  }

  /** Whether a peer of the book may be dialled now; configured ones are dialled for themselves. */
  #isFree(id: string, at: number): boolean {
    return !(
      this.#links.has(id) ||
      this.#dialler.inFlight.has(id) ||
      !this.#memory.isDue(id, at) ||
      this.#holds.get(id, at) != null ||
      this.#configured.of(id) != null
    )
  }

  #isBusy({ id, answeredBy, addresses }: ConfiguredEntry): boolean {
    const who = (id ?? answeredBy)?.toString()
    const name = id?.toString() ?? addresses[0]?.toString() ?? ''
    return (who != null && this.#links.has(who)) || this.#dialler.inFlight.has(name)
  }

  async #dialBooked(peer: BookedPeer, reason: 'anchor' | 'target' | 'feeler' | 'test'): Promise<void> {
    const id = peerIdFromString(peer.id)
    if (reason === 'feeler' || reason === 'test') {
      this.#probed.add(peer.id)
    }
    try {
      await this.#dials.dial({ id }, reason, this.#stopping?.signal)
      this.#endProbe(id)
    } catch {
      this.#probed.delete(peer.id)
      await this.#forgetStranger(id)
    }
  }

  /** A peer that has answered, and was dialled for nothing else, is let go; unless peers are missing. */
  #endProbe(id: PeerId): void {
    const key = id.toString()
    if (this.isAccepted(id) && !this.isDialling(id) && this.#probed.delete(key) && this.peerCount > this.target) {
      this.release(id)
    }
  }

  /** Once for each connection that was made because of a seed list. */
  #tellOfSeed(connection: Connection): void {
    const { remotePeer, direction } = connection
    const isSeed = this.#configured.of(remotePeer)?.persistence === 'seed'
    if (isSeed && direction === 'outbound' && this.isAccepted(remotePeer) && !this.#seeds.has(connection)) {
      this.#seeds.add(connection)
      this.safeDispatchEvent('seed', { detail: { connection } })
    }
  }

  async #dialConfigured(entry: ConfiguredEntry): Promise<void> {
    const { clock } = this.#init
    const { id, addresses, persistence } = entry
    this.#configured.recordAttempt(entry, clock.monotonic())
    try {
      const connection = await this.#dials.dial(
        { ...(id == null ? {} : { id }), addresses },
        persistence,
        this.#stopping?.signal
      )
      this.#configured.recordAnswer(entry, connection.remotePeer, clock.monotonic())
      this.#tellOfSeed(connection)
    } catch (error) {
      const { name, message } = error as Error
      if (name === 'DialSelfError') {
        this.#configured.remove(entry) // the same list on all servers names each of them, too
      } else {
        this.#configured.recordFailure(entry, clock.monotonic(), message)
      }
    }
  }

  /** What libp2p writes down about a peer that has no place in the book must not fill the disk. */
  async #forgetStranger(id: PeerId | undefined): Promise<void> {
    if (id != null && this.#init.book.get(id) == null && !this.#links.has(id.toString())) {
      await this.#forgetStored(id)
    }
  }

  async #forgetStored(id: PeerId): Promise<void> {
    await this.#components.peerStore.delete(id).catch(() => undefined)
  }
}

/** A libp2p service that keeps a node connected; see {@link PeerKeeper}. */
export function peerKeeper(init: PeerKeeperInit): (components: PeerKeeperComponents) => PeerKeeper {
  return (components) => new PeerKeeper(components, init)
}
