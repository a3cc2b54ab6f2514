import type { AbortOptions, Connection, Libp2pEvents, PeerId, Startable } from '@libp2p/interface'
import { systemClock, systemRng } from '@penin/interface'
import type { Candidate, CandidateSink, PeerSource, Timer } from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import { chooseAnchors } from './anchors.js'
import { ConfiguredPeers, type ConfiguredEntry, type ConfiguredPeer, type Persistence } from './configured-peers.js'
import { DialMemory, type DialState } from './dial-memory.js'
import { BookedDialler } from './booked-dialler.js'
import { Departures } from './departures.js'
import { Dialler, type DialTarget } from './dialler.js'
import { ExpectedPeers } from './expected-peers.js'
import { Feelers } from './feelers.js'
import { Holds, type Hold } from './holds.js'
import { noteLinkEnd } from './link-end.js'
import { Links } from './links.js'
import { asPeerId } from './peer-address.js'
import type { DialReason, PeerKeeperComponents, PeerKeeperEvents, PeerKeeperInit } from './keeper-contract.js'
import { Learner } from './learned-candidate.js'
import type { BookedPeer, Excluded } from './peer-book.js'
import { NEUTRAL } from './reputation/parameters.js'
import type { PlannedOutbound } from './selection/outbound-situation.js'
import { DialPlanner } from './dial-planner.js'
import { Strangers } from './strangers.js'
import { NO_CAPABILITIES, Wishes } from './wishes.js'

/** Milliseconds between two clear-outs of the address book. */
const EXPIRE_INTERVAL = 10_000

type BookedDial = { peer: BookedPeer; reason: DialReason } & Pick<PlannedOutbound, 'replaces' | 'makesRoom'>

/**
 * Keeps this node connected: takes candidates from every source into the address book, dials peers from there until there
 * are enough, redials configured ones for ever, and tells the book how it went. It is the only caller of the dialler.
 */
export class PeerKeeper extends TypedEventEmitter<PeerKeeperEvents> implements CandidateSink, Startable {
  readonly #components: PeerKeeperComponents
  readonly #init: Required<PeerKeeperInit>
  readonly #dials: BookedDialler
  readonly #configured: ConfiguredPeers
  readonly #memory: DialMemory
  readonly #holds = new Holds()
  readonly #links = new Links()
  readonly #learner: Learner
  readonly #strangers: Strangers
  readonly #wishes: Wishes
  /** Whom the program is dialling. */
  readonly #manual: ExpectedPeers
  readonly #departures: Departures
  /** Connections to seeds that have been told of. */
  readonly #seeds = new WeakSet<Connection>()
  #planner: DialPlanner
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
      limits: { inbound: Infinity, outbound: Infinity, total: Infinity, minOutbound: 0 },
      scoreOf: () => NEUTRAL,
      wishes: () => [],
      capabilities: NO_CAPABILITIES,
      acceptAll: true,
      clock: systemClock,
      rng: systemRng,
      ...init
    }
    const { clock, rng, book, dialTimeout } = this.#init
    this.#configured = new ConfiguredPeers(rng)
    this.#memory = new DialMemory(rng)
    this.#manual = new ExpectedPeers(this.#links)
    const { connectionManager, peerStore } = components
    this.#departures = new Departures({ connectionManager, links: this.#links, clock })
    this.#dials = new BookedDialler({
      dialler: new Dialler(components, clock, dialTimeout),
      book,
      memory: this.#memory,
      clock,
      isOnline: () => this.#links.peers > 0,
      onStart: (detail) => this.safeDispatchEvent('dialling', { detail }),
      onEnd: (detail) => this.safeDispatchEvent('dial', { detail })
    })
    const isPeer = (id: PeerId): boolean => this.isAccepted(id)
    this.#learner = new Learner({ peerStore, book, isPeer, addCandidate: this.addCandidate.bind(this) })
    const isKnown = (id: PeerId): boolean => book.get(id) != null || this.#links.has(id.toString())
    this.#strangers = new Strangers({ peerStore, isKnown })
    const { wishes: wanted, capabilities: lookup, scoreOf } = this.#init
    this.#wishes = new Wishes({ wanted, lookup, scoreOf, book, links: this.#links })
    this.#planner = this.#newPlanner()
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
    return this.#planner.underWay
  }

  start(): void {
    if (this.#stopping != null) {
      return
    }
    this.#stopping = new AbortController()
    const { clock, rng, tick, book, feelerInterval } = this.#init
    this.#isolatedSince = this.#expiredAt = clock.monotonic()
    this.#listen('addEventListener')
    this.#planner = this.#newPlanner()
    this.#feelers = new Feelers(book, rng, feelerInterval, clock.monotonic())
    this.configure(this.#init.configured)
    this.#timer = clock.setInterval(() => {
      this.#look()
    }, tick)
    this.#lookSoon()
  }

  stop(): void {
    this.#listen('removeEventListener')
    this.#stopping?.abort()
    this.#stopping = undefined
    this.#timer?.clear()
    this.#soon?.clear()
    this.#timer = this.#soon = undefined
    this.#links.clear()
    this.#departures.clear()
    this.#strangers.clear()
  }

  /** Replaces the configured peers, for instance when the configuration was reread. Connections stay. */
  configure(peers: readonly ConfiguredPeer[]): void {
    const { book } = this.#init
    this.#configured.replace(peers.filter(({ id }) => id?.equals(this.#components.peerId) !== true))
    this.#configured.markIn(book)
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
    const end = this.#manual.expect(target, this.#init.clock.monotonic())
    try {
      const connection = await this.#dial(target, 'manual', options.signal)
      this.#holds.delete(connection.remotePeer)
      this.#learner.noteReached(connection, options.source ?? 'manual')
      return connection
    } catch (error) {
      await this.#strangers.forget(target.id)
      throw error
    } finally {
      end()
    }
  }

  /** True while the program itself waits for a dial to this peer, or to an address at which it may be. */
  isAskedFor(id: PeerId): boolean {
    return this.#manual.has(id)
  }

  /** Limits do not apply to a dial that the program waits for, to whoever answers at a configured address, and to feelers. */
  isBeyondLimits(id: PeerId): boolean {
    return this.isAskedFor(id) || this.#planner.isExpected(id) || this.#departures.isProbe(id.toString())
  }

  /** True for a connected peer that is wanted for what it can do; it is not surplus as long as that is so. */
  isWished(id: PeerId): boolean {
    return this.#wishes.isServing(id.toString())
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
      this.#learner.noteReached(connection, this.#configured.of(id)?.persistence ?? 'manual')
      book.good(id, { address: remoteAddr })
    }
    this.#links.accept(key)
    this.#isolatedSince = clock.monotonic()
    void this.#learner.learn(connection)
    this.#endProbe(id)
    this.#departures.noteArrival(key)
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
    void this.#departures.letGo(id)
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
  isDialling(id: PeerId | string): boolean {
    return this.#planner.isUnderWay(id.toString())
  }

  /** Forgets the peer and what is stored about it. */
  async forget(id: PeerId): Promise<boolean> {
    const was = this.#init.book.remove(id)
    this.#memory.delete(id.toString())
    await this.#strangers.forgetStored(id)
    return was
  }

  /** The book has lost a peer: what libp2p has stored about it goes as well, unless it is connected. */
  noteRemoved(id: string): void {
    const peer = asPeerId(id)
    if (peer != null && !this.#links.has(id)) {
      void this.#strangers.forgetStored(peer)
    }
  }

  /** The world has changed: forgets all backoffs and looks at once. */
  wake(): void {
    this.#memory.clearBackoffs()
    this.#configured.clearBackoffs()
    this.#lookSoon()
  }

  #listen(how: 'addEventListener' | 'removeEventListener'): void {
    const { events } = this.#components
    events[how]('peer:connect', this.#onConnect)
    events[how]('connection:close', this.#onClose)
    events[how]('peer:disconnect', this.#onDisconnect)
    events[how]('peer:identify', this.#learner.onIdentify)
    events[how]('peer:update', this.#onWritten)
  }

  readonly #onConnect = ({ detail: id }: CustomEvent<PeerId>): void => {
    const [connection] = this.#components.connectionManager.getConnections(id)
    if (connection == null) {
      return // gone again
    }
    this.#links.open(id.toString(), connection, this.#init.clock.monotonic())
    if (this.#init.acceptAll) {
      this.accept(connection)
    }
  }

  readonly #onClose = ({ detail: closed }: CustomEvent<Connection>): void => {
    const { remotePeer: id } = closed
    const all = this.#components.connectionManager.getConnections(id)
    this.#links.reduce(
      id.toString(),
      all.filter((connection) => connection !== closed && connection.status === 'open')
    )
  }

  readonly #onDisconnect = ({ detail: id }: CustomEvent<PeerId>): void => {
    const key = id.toString()
    const at = this.#init.clock.monotonic()
    const wasPeer = this.#links.isAccepted(key)
    const link = this.#links.close(key)
    const wasLetGo = this.#departures.noteEnd(key)
    const parts = { book: this.#init.book, memory: this.#memory, configured: this.#configured }
    noteLinkEnd(parts, id, { link, wasLetGo, isOnline: this.#links.peers > 0, at })
    void this.#strangers.forget(id)
    if (wasPeer && this.#links.peers === 0) {
      this.#isolatedSince = at
    }
    this.#lookSoon()
  }

  readonly #onWritten = (event: Libp2pEvents['peer:update']): void => {
    this.#strangers.noteWritten(event, this.#init.clock.monotonic())
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
    const { clock, target, parallelDials } = this.#init
    const at = clock.monotonic()
    this.#tidy(at)
    const plan = this.#planner.next(at)
    for (const dial of plan) {
      if ('entry' in dial) {
        void this.#dialConfigured(dial.entry)
      } else {
        void this.#dialBooked(dial)
      }
    }
    const exclude: Excluded = { has: (id) => !this.#planner.isFree(id, at) }
    const probe = this.dialling < parallelDials ? this.#feelers?.due(at, exclude, this.peerCount < target) : undefined
    if (probe != null) {
      void this.#dialBooked(probe)
    }
    if (plan.length === 0 && this.#links.peers < target && at - this.#starvedAt >= 10_000) {
      this.#starvedAt = at
      this.safeDispatchEvent('starving', { detail: { peers: this.#links.peers, target } })
    }
  }

  #newPlanner(): DialPlanner {
    const { book, target, limits, parallelDials, scoreOf, rng } = this.#init
    return new DialPlanner({
      book,
      configured: this.#configured,
      links: this.#links,
      memory: this.#memory,
      holds: this.#holds,
      target,
      limits,
      maxParallel: parallelDials,
      scoreOf,
      wishes: this.#wishes,
      rng
    })
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
      this.#strangers.tidy(at)
    }
    const outbound = this.#links.outbound().filter(({ id }) => this.#links.isAccepted(id))
    if (outbound.length > 0) {
      book.setAnchors(chooseAnchors(outbound, book.anchorIds()))
    }
  }

  /** The one place where dials begin. */
  async #dial(
    target: DialTarget,
    reason: DialReason,
    signal?: AbortSignal,
    first?: () => Promise<void>
  ): Promise<Connection> {
    const end = this.#planner.begin(target, reason, this.#init.clock.monotonic())
    let isSuccess = false
    try {
      await first?.()
      const connection = await this.#dials.dial(target, reason, signal)
      isSuccess = true
      return connection
    } finally {
      end(isSuccess)
    }
  }

  async #dialBooked({ peer, reason, replaces, makesRoom }: BookedDial): Promise<void> {
    const id = asPeerId(peer.id)
    if (id == null) {
      this.#init.book.remove(peer.id) // nobody can be there
      return
    }
    const replaced = asPeerId(replaces ?? '')
    if (replaces != null && makesRoom !== true) {
      this.#departures.replace(peer.id, replaces)
    }
    const first = replaced != null && makesRoom === true ? async () => this.#departures.letGo(replaced) : undefined
    if (reason === 'feeler' || reason === 'test') {
      this.#departures.probe(peer.id)
    }
    try {
      await this.#dial({ id }, reason, this.#stopping?.signal, first)
      this.#endProbe(id)
    } catch {
      this.#departures.noteFailure(peer.id)
      await this.#strangers.forget(id)
    }
  }

  /** A peer that has answered, and was dialled for nothing else, is let go; unless peers are missing. */
  #endProbe(id: PeerId): void {
    const key = id.toString()
    const isOver = this.isAccepted(id) && !this.isDialling(id) && this.#departures.endProbe(key)
    if (isOver && this.peerCount > this.target && !this.isWished(id)) {
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
    const dial = async (target: DialTarget): Promise<Connection> =>
      this.#dial(target, entry.persistence, this.#stopping?.signal)
    const connection = await this.#configured.attempt(entry, dial, () => this.#init.clock.monotonic())
    if (connection != null) {
      this.#tellOfSeed(connection)
    }
  }
}

/** A libp2p service that keeps a node connected; see {@link PeerKeeper}. */
export function peerKeeper(init: PeerKeeperInit): (components: PeerKeeperComponents) => PeerKeeper {
  return (components) => new PeerKeeper(components, init)
}
