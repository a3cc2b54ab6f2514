import type { Connection, Libp2p, PeerId, PrivateKey } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { WakeUp, type Admission, type StoredReputation, type TrafficMeter } from '@penin/connection-manager'
import type { Capabilities, Hello } from '@penin/hello'
import { deadline, NotRunningError, printable, type Clock, type Rng } from '@penin/interface'
import type { LegacyState } from '@penin/legacy'
import type { Store, StoredAddressBook, StoreEvent } from '@penin/peer-store'
import { TypedEventEmitter } from 'main-event'
import { readConfiguredPeers } from './configured-peers.js'
import type { NodeConfig } from './config/defaults.js'
import { resolveConfig } from './config/resolve.js'
import { DhtDiscovery } from './dht.js'
import { NoRoomError } from './errors.js'
import type { NodeEvents } from './events.js'
import { LegacyView } from './legacy-wiring.js'
import type { NodeServices } from './libp2p.js'
import type { MessageWatch } from './message-watch.js'
import type { HelloMemory } from './peer-view-memory.js'
import { Messages } from './messages.js'
import { Peers } from './peers.js'
import type { ReputationWiring } from './reputation-wiring.js'
import { followUdp } from './udp-wiring.js'
import { confirmInterfaceAddresses } from './own-addresses.js'
import { newCounters, type NodeStats } from './stats.js'
import { VERSION } from './version.js'
import { Visits } from './visits.js'
import { addWarnings } from './warnings.js'

/** `stop()` gives libp2p this long to close its connections, in milliseconds; then they are cut. */
const STOP_BUDGET = 4_000

/** Peers of other networks, and foreign ones where they are not wanted, are not dialled for an hour. */
const UNWANTED_HOLD = 3_600_000

/** @internal What `createNode()` has built. */
export interface NodeParts {
  libp2p: Libp2p<NodeServices>
  config: NodeConfig
  privateKey: PrivateKey
  store: Store
  book: StoredAddressBook
  reputation: StoredReputation
  wiring: ReputationWiring
  messageWatch: MessageWatch
  helloMemory: HelloMemory
  admission: Admission
  traffic: TrafficMeter
  legacyState: LegacyState | undefined
  clock: Clock
  rng: Rng
  warnings: string[]
}

/** A running peer of a network. `createNode()` makes it; `stop()` ends it for good. */
export class PeninNode extends TypedEventEmitter<NodeEvents> implements AsyncDisposable {
  /** The peers this node knows. */
  readonly peers: Peers
  /** Messages to peers and from them, and to all who have subscribed to a topic. */
  readonly messages: Messages
  /** The Python PENIN nodes around, their state file and their messages. */
  readonly legacy: LegacyView
  /** All settings, defaults filled in. */
  readonly config: NodeConfig
  /** The way out: everything libp2p offers. What is done here happens behind this node's back. */
  readonly libp2p: Libp2p<NodeServices>
  readonly #parts: NodeParts
  readonly #dht: DhtDiscovery
  readonly #wakeUp: WakeUp
  readonly #visits: Visits
  readonly #stopping = new AbortController()
  readonly #counters = newCounters()
  readonly #startedAt: number
  #stopped?: Promise<void>
  #announced = ''
  /** Messages of an earlier run that have failed, until the start is done: nobody can hear of them before. */
  #undelivered: { count: number; first?: Error } | undefined = { count: 0 }
  /** Configured peers out of reach that a warning has been given of. */
  readonly #outages = new Set<string>()
  /** Peers that were reported as connected, until they are reported as gone. */
  readonly #greeted = new Set<string>()

  /** @internal */
  constructor(parts: NodeParts) {
    super()
    const { libp2p, config, clock, traffic, rng } = parts
    this.#parts = parts
    this.libp2p = libp2p
    this.config = config
    this.#startedAt = clock.monotonic()
    const dht = new DhtDiscovery(libp2p.services, libp2p.services.keeper, rng)
    this.#dht = dht
    this.peers = new Peers({
      libp2p,
      book: parts.book.book,
      reputation: parts.reputation.reputation,
      traffic,
      clock,
      startedAt: clock.now(),
      dht,
      memory: parts.helloMemory,
      isRunning: () => this.isRunning,
      stopping: this.#stopping.signal
    })
    this.messages = new Messages({
      direct: libp2p.services.messages,
      broadcast: libp2p.services.broadcast,
      banOf: (id) => parts.reputation.reputation.banOf(id)
    })
    this.legacy = new LegacyView({
      beacons: libp2p.services.udp?.source,
      state: parts.legacyState,
      messages: libp2p.services.legacy,
      clock,
      warn: (message) => {
        this.warn(message)
      },
      tell: (name, detail) => {
        this.safeDispatchEvent(name, { detail })
      }
    })
    this.#visits = new Visits({ libp2p, clock, stopping: this.#stopping.signal })
    this.#wakeUp = new WakeUp({ clock, onWakeUp: this.#onWakeUp })
    parts.wiring.attach(libp2p)
    this.#listen()
    this.peers.listen()
  }

  /** This node's identity. */
  get id(): PeerId {
    return this.libp2p.peerId
  }

  /** The addresses that others are told. */
  get addresses(): Multiaddr[] {
    return this.libp2p.getMultiaddrs()
  }

  /** What a person should have heard since the start; events of the time before `createNode()` returned are in it. */
  get warnings(): readonly string[] {
    return this.#parts.warnings
  }

  get isRunning(): boolean {
    return this.#stopped == null
  }

  /** @internal */
  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await this.libp2p.start()
    this.#tellOfUndelivered()
    confirmInterfaceAddresses(this.libp2p)
    this.#dht.start()
    this.#wakeUp.start()
    this.#tellBook()
    signal?.throwIfAborted()
  }

  /**
   * Changes what this node offers; connected peers are told, at most once in 10 seconds.
   *
   * @throws HelloInvalidError if a limit is broken
   */
  setCapabilities(capabilities: Partial<Capabilities>): void {
    this.libp2p.services.hello.setCapabilities(capabilities)
  }

  /**
   * Replaces the bootstrap list; bad entries become warnings. Connections stay.
   *
   * @throws ConfigError for more than 256 entries, or one of more than 1024 characters
   */
  setBootstrap(bootstrap: string[]): void {
    resolveConfig({ env: {}, code: { bootstrap } })
    const { peers, problems } = readConfiguredPeers({ ...this.config, bootstrap })
    this.config.bootstrap = bootstrap
    this.#outages.clear()
    this.libp2p.services.keeper.configure(peers)
    problems.forEach((problem) => {
      this.warn(problem)
    })
  }

  /** A snapshot of every counter. */
  stats(): NodeStats {
    const { libp2p, config, admission, store, book, traffic, clock, warnings } = this.#parts
    const { keeper, heartbeat, singleConnection, mdns, pex, udp } = libp2p.services
    const legacy = this.legacy.stats()
    const connections = libp2p.getConnections()
    const flows = connections.map((connection) => traffic.of(connection))
    return {
      id: this.id.toString(),
      networkId: config.networkId,
      profile: config.profile,
      version: VERSION,
      addresses: this.addresses.map(String),
      uptime: Math.round(clock.monotonic() - this.#startedAt),
      peers: {
        connected: keeper.peerCount,
        target: keeper.target,
        max: config.connections.max,
        known: book.book.size,
        dialling: keeper.dialling
      },
      connections: {
        inbound: connections.filter((c) => c.direction === 'inbound').length,
        outbound: connections.filter((c) => c.direction === 'outbound').length,
        dead: heartbeat.closed,
        duplicates: singleConnection.closed,
        refused: { ...admission.refused }
      },
      counters: structuredClone(this.#counters),
      traffic: {
        bytesIn: flows.reduce((sum, flow) => sum + (flow?.bytesIn ?? 0), this.#counters.closedBytesIn),
        bytesOut: flows.reduce((sum, flow) => sum + (flow?.bytesOut ?? 0), this.#counters.closedBytesOut)
      },
      dht: this.#dht.stats(),
      ...(pex == null ? {} : { pex: pex.stats() }),
      messages: this.#messageStats(),
      ...(mdns == null ? {} : { mdns: { ...mdns.source.stats(), interfaces: mdns.source.interfaces() } }),
      ...(udp == null ? {} : { udp: { ...udp.source.stats(), interfaces: udp.source.interfaces() } }),
      ...(legacy == null ? {} : { legacy }),
      book: { ...book.book.stats(), ...book.stats() },
      reputation: this.#reputationStats(),
      store: store.stats(),
      memory: { rss: process.memoryUsage.rss(), heapUsed: process.memoryUsage().heapUsed },
      warnings: [...warnings]
    }
  }

  /** Ends the node within 5 seconds: connections are closed, the database is written and released. Again does nothing. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    await this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** @internal A peer that there was no lasting place for has one now: it is a peer from now on, and is told so. */
  onPromoted(id: PeerId): void {
    const { hello } = this.libp2p.services
    for (const connection of this.libp2p.getConnections(id)) {
      const acquaintance = hello.acquaintance(connection)
      if (acquaintance.state === 'greeted' && this.#parts.admission.surplusOf(connection) == null) {
        this.#onGreeted(connection, acquaintance.hello, false)
        void hello.renew(connection)
      }
    }
  }

  /** @internal */
  warn(message: string): void {
    addWarnings(this.#parts.warnings, message)
    this.safeDispatchEvent('warning', { detail: { message } })
  }

  /** @internal */
  onStoreEvent(event: StoreEvent): void {
    this.safeDispatchEvent('store', { detail: event })
  }

  async #stop(): Promise<void> {
    const { clock, store, book, reputation } = this.#parts
    this.#stopping.abort(new NotRunningError('the node'))
    this.#wakeUp.stop()
    this.#dht.stop()
    const limit = deadline(clock, STOP_BUDGET)
    const saved = this.legacy.close()
    const cut = Promise.withResolvers<void>()
    limit.signal.addEventListener('abort', () => {
      for (const connection of this.libp2p.getConnections()) {
        connection.abort(limit.signal.reason as Error)
      }
      cut.resolve()
    })
    try {
      await Promise.race([Promise.resolve(this.libp2p.stop()), cut.promise])
    } finally {
      await saved
      limit.clear()
      await Promise.all([book.close(), reputation.close()])
      await store.close()
    }
  }

  #messageStats(): NodeStats['messages'] {
    const { total, broadcast } = this.messages.stats()
    return { ...total, broadcast }
  }

  #reputationStats(): NodeStats['reputation'] {
    const { reputation, wiring } = this.#parts
    const bans = reputation.reputation.bans()
    const groupBans = bans.filter(({ kind }) => kind === 'group').length
    return {
      peers: reputation.reputation.size,
      bans: bans.length - groupBans,
      groupBans,
      reports: { ...wiring.reports },
      ...reputation.stats()
    }
  }

  /** Listeners on libp2p and its services live as long as those do; they end together in `stop()`. */
  #listen(): void {
    const { keeper, hello, mdns, messages, pex, udp } = this.libp2p.services
    keeper.addEventListener('seed', ({ detail: { connection } }) => {
      if (pex != null) {
        void this.#visits.askAndRelease(connection) // without pex there is nothing to ask it: it stays, a peer like others
      }
    })
    keeper.addEventListener('candidate', ({ detail: { id, source, added } }) => {
      if (added) {
        pex?.source.noteChange()
        this.#counters.discovered[source] = (this.#counters.discovered[source] ?? 0) + 1
        this.safeDispatchEvent('peer:discovered', { detail: { id, source } })
      }
    })
    keeper.addEventListener('dialling', ({ detail }) => {
      const { byReason } = this.#counters.dials
      byReason[detail.reason] = (byReason[detail.reason] ?? 0) + 1
      this.safeDispatchEvent('dialling', { detail })
    })
    keeper.addEventListener('dial', ({ detail }) => {
      this.#counters.dials[detail.ok ? 'ok' : 'failed']++
      this.safeDispatchEvent('dial', { detail })
      this.#tellOfOutage(detail)
    })
    keeper.addEventListener('isolated', ({ detail }) => {
      this.#counters.isolations++
      this.safeDispatchEvent('isolated', { detail })
    })
    keeper.addEventListener('starving', () => {
      const limit = deadline(this.#parts.clock, 10_000, this.#stopping.signal)
      void this.#dht.walk({ signal: limit.signal }).finally(() => {
        limit.clear()
      })
    })
    messages.addEventListener('undelivered', ({ detail: { peer, type, error } }) => {
      if (this.#undelivered != null) {
        this.#undelivered.count++
        this.#undelivered.first ??= error
      }
      this.safeDispatchEvent('message:undelivered', { detail: { id: peer, type, error } })
    })
    hello.addEventListener('greeted', ({ detail: { connection, hello: theirs, changed } }) => {
      this.#onGreeted(connection, theirs, changed)
    })
    hello.addEventListener('refused', ({ detail: { connection, reason } }) => {
      this.#onRefused(connection, reason)
    })
    this.libp2p.addEventListener('peer:disconnect', this.#onDisconnect)
    this.libp2p.addEventListener('connection:close', ({ detail }) => {
      const flow = this.#parts.traffic.of(detail)
      this.#counters.closedBytesIn += flow?.bytesIn ?? 0
      this.#counters.closedBytesOut += flow?.bytesOut ?? 0
    })
    this.libp2p.addEventListener('self:peer:update', this.#onSelfUpdate)
    mdns?.source.addEventListener('peer', ({ detail: { id, multiaddrs } }) => {
      keeper.addCandidate({ id, multiaddrs, source: 'mdns' })
    })
    mdns?.source.addEventListener('identity:conflict', ({ detail: { address } }) => {
      this.warn(`another process at ${address} uses this node's identity: give each its own data directory`)
    })
    mdns?.source.addEventListener('mdns:error', ({ detail }) => {
      this.warn(`mdns: ${detail.message}`)
    })
    if (udp != null) {
      followUdp(udp, keeper, (message) => {
        this.warn(message)
      })
    }
  }

  #tellOfUndelivered(): void {
    const { count, first } = this.#undelivered ?? { count: 0 }
    this.#undelivered = undefined
    if (first != null) {
      this.warn(`messages of an earlier run that could not be delivered: ${count}; the first: ${first.message}`)
    }
  }

  /** A configured peer that can't be reached is worth a word, once per outage. */
  #tellOfOutage({ target, reason, ok, error = '' }: NodeEvents['dial']['detail']): void {
    if (ok) {
      this.#outages.delete(target)
    } else if ((reason === 'bootstrap' || reason === 'persistent') && !this.#outages.has(target)) {
      this.#outages.add(target)
      this.warn(`${reason} peer ${printable(target, 120)} is out of reach and will be tried for ever: ${error}`)
    }
  }

  #onGreeted(connection: Connection, { surplus }: Hello, changed: boolean): void {
    const { keeper } = this.libp2p.services
    const id = connection.remotePeer
    if (surplus != null && keeper.persistenceOf(id) !== 'persistent') {
      this.#leave(connection, surplus)
      return
    }
    if (this.#parts.admission.surplusOf(connection) != null) {
      return // it has been told, may ask for peers, and is let go after some seconds, unless a place becomes free
    }
    const isNew = !this.#greeted.has(id.toString())
    this.#greeted.add(id.toString())
    keeper.accept(connection)
    this.libp2p.services.pex?.source.noteChange()
    this.libp2p.services.broadcast.peerGreeted(id)
    if (isNew) {
      this.#counters.peersConnected++
      this.safeDispatchEvent('peer:connected', { detail: this.peers.get(id) })
    } else if (changed) {
      this.safeDispatchEvent('peer:updated', { detail: this.peers.get(id) })
    }
  }

  #onRefused(connection: Connection, reason: Error): void {
    const { keeper } = this.libp2p.services
    const id = connection.remotePeer
    const { name, message } = reason
    this.#counters.peersRefused[name] = (this.#counters.peersRefused[name] ?? 0) + 1
    const persistence = keeper.persistenceOf(id)
    keeper.reject(id, message, name === 'WrongNetworkError' || name === 'ForeignPeerError' ? UNWANTED_HOLD : 0)
    this.peers.noteRefusal(id, { reason: name, message })
    this.safeDispatchEvent('peer:refused', { detail: { id, name, message } })
    if (persistence != null) {
      this.warn(`the ${persistence} peer ${id.toString()} was refused: ${message}`)
    }
  }

  readonly #onDisconnect = ({ detail: id }: CustomEvent<PeerId>): void => {
    this.#parts.messageWatch.end(id)
    if (this.#greeted.delete(id.toString())) {
      this.#counters.peersDisconnected++
      this.safeDispatchEvent('peer:disconnected', { detail: { id } })
    }
  }

  readonly #onSelfUpdate = (): void => {
    if (!this.isRunning) {
      return
    }
    const addresses = this.addresses
    const announced = addresses.map(String).sort().join(' ')
    if (announced !== this.#announced) {
      this.#announced = announced
      this.#tellBook()
      this.safeDispatchEvent('addresses', { detail: addresses })
    }
  }

  /** The book gives up addresses that are this node's own, whoever says that somebody else is there. */
  #tellBook(): void {
    this.#parts.book.book.setOwnAddresses(this.addresses)
  }

  /** The other end has no place for this node. */
  #leave(connection: Connection, surplus: string): void {
    const id = connection.remotePeer
    const { name, message } = new NoRoomError(id.toString(), surplus)
    this.#counters.peersRefused[name] = (this.#counters.peersRefused[name] ?? 0) + 1
    this.peers.noteRefusal(id, { reason: name, message })
    this.safeDispatchEvent('peer:refused', { detail: { id, name, message } })
    void this.#visits.leave(connection)
  }

  readonly #onWakeUp = (reason: NodeEvents['wake-up']['detail']['reason']): void => {
    this.#counters.wakeUps++
    confirmInterfaceAddresses(this.libp2p)
    this.libp2p.services.keeper.wake()
    void this.libp2p.services.heartbeat.probe()
    this.safeDispatchEvent('wake-up', { detail: { reason } })
  }
}
