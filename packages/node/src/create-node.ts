import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { DeadConnectionError } from '@penin/connection-manager'
import { openReputation, TrafficMeter, type Refusal, type StoredReputation } from '@penin/connection-manager'
import {
  assertSupportedRuntime,
  InvalidArgumentError,
  printable,
  systemClock,
  systemRng,
  type Clock,
  type PeerReporter,
  type Rng
} from '@penin/interface'
import type { MessageHandler } from '@penin/messaging'
import {
  loadOrCreateIdentity,
  openAddressBook,
  openStore,
  type Store,
  type StoreEvent,
  type StoredAddressBook
} from '@penin/peer-store'
import type { Connection } from '@libp2p/interface'
import { markPeers, readConfiguredPeers } from './configured-peers.js'
import type { NodeConfig } from './config/defaults.js'
import { resolveConfig, type ConfigLayers } from './config/resolve.js'
import type { TransportManager } from '@libp2p/interface-internal'
import type { ConfigInput } from './config/schema.js'
import { ListenError } from './errors.js'
import { nodeAdmission, openGeoLimits, trimmerInit, type GateParts } from './gates.js'
import { openConfiguredState } from './legacy-wiring.js'
import { buildLibp2p, type Libp2pParts } from './libp2p.js'
import { MessageWatch } from './message-watch.js'
import { PeninNode } from './node.js'
import { HelloMemory } from './peer-view-memory.js'
import { ReputationWiring } from './reputation-wiring.js'
import { rememberPorts, withStablePorts } from './stable-port.js'
import { addWarnings } from './warnings.js'

/** What only a program can hand in. */
export interface NodeOptions extends ConfigInput, Pick<ConfigLayers, 'env' | 'configFile' | 'flags'> {
  /** An Ed25519 key; it takes the place of the one in the data directory, which is then neither read nor made. */
  privateKey?: PrivateKey
  /** libp2p's logger, DNS client and metrics, if others than its defaults are wanted. */
  logger?: NonNullable<Libp2pParts['overrides']>['logger']
  dns?: NonNullable<Libp2pParts['overrides']>['dns']
  metrics?: NonNullable<Libp2pParts['overrides']>['metrics']
  /** Where misbehaviour is reported to, beside the node's own counters. */
  reporter?: PeerReporter
  /**
   * Handlers of messages by type, as `node.messages.handle()` takes them. For programs that can't do so as soon as they have
   * the node: a message that comes before its handler is refused, and its sender does not send it again.
   */
  handlers?: Record<string, MessageHandler>
  /** Gives up starting; everything opened by then is closed again. */
  signal?: AbortSignal
  clock?: Clock
  rng?: Rng
}

/**
 * Starts a node and returns it once it listens.
 *
 * Without any option it finds peers on this LAN at once, keeps everything in memory, and stops with `stop()` or at the end
 * of an `await using` block.
 *
 * @throws UnsupportedRuntimeError, ConfigError, ListenError, and what `@penin/peer-store` throws: DatastoreLockedError,
 * SchemaTooNewError, IdentityMalformedError, …, and `@penin/legacy` of a state file: LegacyStateMalformedError, …
 */
export async function createNode(options: NodeOptions = {}): Promise<PeninNode> {
  assertSupportedRuntime()
  const { privateKey, logger, dns, metrics, reporter, handlers, signal, clock, rng, env, ...rest } = options
  const { configFile, flags, ...code } = rest
  const layers = { code, ...(env && { env }), ...(configFile && { configFile }), ...(flags && { flags }) }
  assertEd25519(privateKey)
  const { config, warnings } = resolveConfig(layers)
  return new Startup(config, warnings, {
    ...(privateKey && { privateKey }),
    ...(reporter && { reporter }),
    ...(handlers && { handlers }),
    ...(signal && { signal }),
    clock: clock ?? systemClock,
    rng: rng ?? systemRng,
    overrides: { ...(logger && { logger }), ...(dns && { dns }), ...(metrics && { metrics }) }
  }).run()
}

/** Other kinds of key would be refused by every peer. */
function assertEd25519(privateKey: unknown): void {
  const type = (privateKey as { type?: unknown } | undefined)?.type
  if (privateKey != null && type !== 'Ed25519') {
    throw new InvalidArgumentError(
      'privateKey',
      typeof type === 'string' ? type : typeof privateKey,
      'an Ed25519 private key'
    )
  }
}

type StartupParts = Pick<NodeOptions, 'privateKey' | 'reporter' | 'handlers' | 'signal'> &
  Required<Pick<NodeOptions, 'clock' | 'rng'>> & { overrides: NonNullable<Libp2pParts['overrides']> }

/** The steps of a start, and undoing them when one fails. */
class Startup {
  #node?: PeninNode
  #book?: StoredAddressBook
  #reputation?: StoredReputation
  readonly #open = Promise.withResolvers<void>()

  constructor(
    private readonly config: NodeConfig,
    private readonly warnings: string[],
    private readonly parts: StartupParts
  ) {}

  async run(): Promise<PeninNode> {
    const { config, parts } = this
    parts.signal?.throwIfAborted()
    const store = await openStore({
      ...(config.dataDir == null ? {} : { dataDir: config.dataDir }),
      ...(parts.signal && { signal: parts.signal }),
      clock: parts.clock,
      onEvent: this.#onStoreEvent
    })
    try {
      const node = await this.#build(store)
      this.#node = node
      for (const [type, handler] of Object.entries(parts.handlers ?? {})) {
        node.messages.handle(type, handler)
      }
      await node.start(parts.signal)
      await rememberPorts(config.listen, portsOf(node), store.datastore)
      // Whoever handles messages as soon as he has the node misses none.
      parts.clock.setTimeout(this.#open.resolve, 0)
      return node
    } catch (error) {
      await this.#node?.stop()
      await this.#book?.close()
      await this.#reputation?.close()
      await store.close()
      throw asListenError(error)
    }
  }

  async #build(store: Store): Promise<PeninNode> {
    const { config, parts, warnings } = this
    const legacyState = await openConfiguredState(config, parts)
    const { peers, problems } = readConfiguredPeers(config)
    addWarnings(warnings, ...problems)
    const traffic = new TrafficMeter()
    const privateKey = parts.privateKey ?? (await this.#identity())
    const { book, reputation } = await this.#openMemory(store, privateKey)
    addWarnings(warnings, ...markPeers(book.book, config))
    const wiring = new ReputationWiring({
      reputation: reputation.reputation,
      book: book.book,
      clock: parts.clock,
      reporter: parts.reporter,
      signOfLife: config.heartbeat.interval + config.heartbeat.timeout
    })
    const messageWatch = new MessageWatch({
      countsOf: (id) => this.#node?.libp2p.services.messages.countsOf(id),
      takeBroadcasts: (id) => this.#node?.libp2p.services.broadcast.takeUseful(id) ?? 0,
      reputation: reputation.reputation,
      clock: parts.clock
    })
    const gates: GateParts = {
      config,
      book: book.book,
      reputation: reputation.reputation,
      geo: await openGeoLimits(config),
      services: () => this.#node?.libp2p.services,
      messageWatch,
      onRefusal: this.#onRefusal,
      onPromoted: (id) => this.#node?.onPromoted(id),
      traffic,
      clock: parts.clock,
      rng: parts.rng
    }
    const admission = nodeAdmission(gates)
    const helloMemory = new HelloMemory()
    const libp2p = await buildLibp2p({
      config,
      privateKey,
      datastore: store.datastore,
      book: book.book,
      listen: await withStablePorts(config.listen, store.datastore),
      configured: peers,
      admission,
      helloMemory,
      trimmer: trimmerInit(gates, admission),
      traffic,
      reporter: wiring.reporter,
      scoreOf: (id) => reputation.reputation.score(id),
      isOpen: this.#open.promise,
      banOf: (id) => reputation.reputation.banOf(id),
      onPing: (connection, rtt) => {
        wiring.onPing(connection, rtt)
        messageWatch.look(connection.remotePeer)
      },
      onAnswer: wiring.onAnswer,
      onDead: this.#onDead,
      clock: parts.clock,
      rng: parts.rng,
      overrides: parts.overrides
    })
    return new PeninNode({
      libp2p,
      config,
      privateKey,
      store,
      book,
      reputation,
      wiring,
      messageWatch,
      helloMemory,
      admission,
      traffic,
      legacyState,
      clock: parts.clock,
      rng: parts.rng,
      warnings
    })
  }

  /** What is remembered of peers: where they are, and how they behave. */
  async #openMemory(
    store: Store,
    privateKey: PrivateKey
  ): Promise<{ book: StoredAddressBook; reputation: StoredReputation }> {
    const { clock, rng, signal } = this.parts
    const common = { datastore: store.datastore, clock, ...(signal && { signal }) }
    this.#book = await openAddressBook({
      ...common,
      rng,
      selfId: peerIdFromPrivateKey(privateKey),
      maxSize: this.config.maxKnownPeers,
      onRemoved: (id) => {
        this.#node?.libp2p.services.keeper.noteRemoved(id)
        this.#node?.peers.noteRemoved(id)
      }
    })
    this.#reputation = await openReputation(common)
    return { book: this.#book, reputation: this.#reputation }
  }

  async #identity(): Promise<PrivateKey> {
    const { dataDir } = this.config
    if (dataDir == null) {
      return generateKeyPair('Ed25519')
    }
    const identity = await loadOrCreateIdentity(dataDir, { ...(this.parts.signal && { signal: this.parts.signal }) })
    addWarnings(this.warnings, ...identity.warnings)
    return identity.privateKey
  }

  readonly #onStoreEvent = (event: StoreEvent): void => {
    const text = describeStoreEvent(event)
    if (this.#node == null) {
      addWarnings(this.warnings, text)
      return
    }
    this.#node.onStoreEvent(event)
    this.#node.warn(text)
  }

  readonly #onRefusal = (refusal: Refusal): void => {
    if (refusal.peer != null) {
      this.#node?.peers.noteRefusal(refusal.peer, refusal)
    }
    this.#node?.safeDispatchEvent('connection:refused', { detail: refusal })
  }

  readonly #onDead = (connection: Connection, reason: DeadConnectionError): void => {
    this.#node?.safeDispatchEvent('connection:dead', { detail: { id: connection.remotePeer, message: reason.message } })
  }
}

/** The port of each listener, in the order of the configured list; libp2p makes them in that order. */
function portsOf(node: PeninNode): (index: number) => number | undefined {
  const { components } = node.libp2p as unknown as { components: { transportManager: TransportManager } }
  const listeners = components.transportManager.getListeners()
  return (index) => {
    const parts = listeners[index]?.getAddrs()[0]?.getComponents()
    const port = parts?.find(({ name }) => name === 'tcp')?.value
    return port == null ? undefined : Number(port)
  }
}

function describeStoreEvent(event: StoreEvent): string {
  switch (event.type) {
    case 'corrupt':
      return `the database ${event.path} was corrupt (${event.cause}): it was moved to ${event.movedTo}, this node starts with an empty one`
    case 'corrupt-record':
      return `the stored record ${printable(event.key)} was corrupt and has been dropped`
    case 'write-failed':
      return `the database ${event.path} cannot be written (${event.reason}): changes stay in memory until it can`
    case 'write-recovered':
      return `the database ${event.path} can be written again; ${event.flushed} records were caught up`
    case 'read-failed':
      return `the database ${event.path} cannot be read: ${event.cause}`
  }
}

/** libp2p says which address failed only in a text of several lines. */
function asListenError(error: unknown): unknown {
  const { name, message = '' } = (error ?? {}) as Partial<Error>
  if (name !== 'UnsupportedListenAddressesError' && name !== 'InvalidMultiaddrError') {
    return error
  }
  const [, address = 'an address', problem = message] = /^\s*(\/\S+):\s*([^\n]+)/m.exec(message) ?? []
  return new ListenError(printable(address), printable(explainListenProblem(problem), 200), { cause: error })
}

function explainListenProblem(problem: string): string {
  if (problem.includes('EADDRINUSE')) {
    return 'the port is taken by another process (EADDRINUSE); choose another port, or 0 for any free one'
  }
  if (problem.includes('EADDRNOTAVAIL')) {
    return 'this machine has no such address (EADDRNOTAVAIL)'
  }
  if (problem.includes('EACCES')) {
    return 'this user may not use the port (EACCES); ports below 1024 need a privilege'
  }
  return problem.trim()
}
