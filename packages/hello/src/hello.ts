import type {
  Connection,
  IdentifyResult,
  Libp2pEvents,
  PeerId,
  Startable,
  Stream,
  TypedEventTarget
} from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'
import {
  deadline,
  singleFrames,
  systemClock,
  type Clock,
  type PeerReporter,
  type SingleFramesInit,
  type Timer
} from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import {
  CAPABILITY_KINDS,
  decodeHello,
  encodeHello,
  HELLO_VERSION,
  MAX_HELLO_BYTES,
  type Capabilities,
  type Hello
} from './codec.js'
import {
  HelloInvalidError,
  ForeignPeerError,
  HelloFailedError,
  HelloMalformedError,
  WrongNetworkError
} from './errors.js'

/** The protocol's name. */
export const HELLO_PROTOCOL = '/penin/hello/1.0.0'

/** A changed hello is pushed at most once in this many milliseconds to each peer. */
const PUSH_INTERVAL = 10_000

/** Hellos a peer may send us within {@link PUSH_INTERVAL}: three times what an honest one needs. */
const MAX_PUSHES = 3

const FRAMES: SingleFramesInit = {
  maxBytes: MAX_HELLO_BYTES,
  onMalformed: (problem) => new HelloMalformedError(problem)
}

export interface HelloInit {
  /** Which network this node belongs to; peers of another are let go. */
  networkId: string
  /** @default 'standard' */
  profile?: string
  /** @default '@penin/hello' */
  agentVersion?: string
  capabilities?: Partial<Capabilities>
  /**
   * What to do with a peer that does not speak this protocol, given the protocols that it does speak.
   *
   * @default everybody may stay
   */
  allowForeign?: (protocols: string[]) => boolean
  /**
   * Why there is no lasting place for the peer at the other end; it is told so. Undefined if there is.
   *
   * @default there always is
   */
  surplusOf?: (connection: Connection) => string | undefined
  /** Milliseconds for the exchange, from the end of identify. @default 5_000 */
  timeout?: number
  reporter?: PeerReporter
  clock?: Clock
}

export interface HelloComponents {
  registrar: Pick<Registrar, 'handle' | 'unhandle'>
  connectionManager: Pick<ConnectionManager, 'getConnections'>
  events: TypedEventTarget<Libp2pEvents>
}

/** Why a peer was let go. */
export type HelloRefusal = WrongNetworkError | ForeignPeerError | HelloFailedError | HelloMalformedError

export interface HelloEvents {
  /** A peer of this network has introduced itself, for the first time on this connection or anew (`changed`). */
  greeted: CustomEvent<{ connection: Connection; hello: Hello; changed: boolean }>
  /** A peer that does not speak the protocol may stay. */
  foreign: CustomEvent<{ connection: Connection; protocols: string[] }>
  /** The connection is being closed. */
  refused: CustomEvent<{ connection: Connection; reason: HelloRefusal }>
}

/** How far the introduction on one connection has come. */
export type Acquaintance =
  | { state: 'waiting' }
  | { state: 'greeted'; hello: Hello }
  | { state: 'foreign' }
  | { state: 'refused'; reason: HelloRefusal }

/** The first words of two peers: which network, which profile, what each offers. */
export interface HelloService extends Startable, TypedEventTarget<HelloEvents> {
  /** What a connected peer has said of itself. */
  get(peer: PeerId): Hello | undefined
  /** How far it is on this connection. */
  acquaintance(connection: Connection): Acquaintance
  /** Resolves once the introduction on this connection has ended, one way or the other; never `waiting`. */
  introduced(connection: Connection): Promise<Acquaintance>
  /** Changes what this node offers and tells all greeted peers, at most once in 10 s. */
  setCapabilities(capabilities: Partial<Capabilities>): void
  /** Says hello once more on a connection, for what the peer was told has changed: its place, say. It never throws. */
  renew(connection: Connection): Promise<void>
  readonly own: Hello
}

interface Entry {
  acquaintance: Acquaintance
  /** Resolves when `acquaintance` is no longer `waiting`. */
  ended: PromiseWithResolvers<Acquaintance>
  /** Exchanges under way: what they bring counts even if the connection is closed meanwhile. */
  exchanges: number
  deadline?: Timer
  /** Hellos received in the window that began at `windowAt`. */
  received: number
  windowAt: number
}

class HelloServiceImpl extends TypedEventEmitter<HelloEvents> implements HelloService {
  own: Hello
  readonly #components: HelloComponents
  readonly #init: HelloInit & { timeout: number; clock: Clock }
  readonly #entries = new WeakMap<Connection, Entry>()
  readonly #peers = new Map<string, Hello>()
  /** Deadlines that have not been cleared, so that a stop can. */
  readonly #deadlines = new Set<Timer>()
  #stopping?: AbortController
  #push?: Timer
  #pushedAt = -Infinity

  constructor(components: HelloComponents, init: HelloInit) {
    super()
    this.#components = components
    this.#init = { timeout: 5_000, clock: systemClock, ...init }
    this.own = {
      networkId: init.networkId,
      version: HELLO_VERSION,
      profile: init.profile ?? 'standard',
      agentVersion: init.agentVersion ?? '@penin/hello',
      agents: [],
      tools: [],
      resources: [],
      prompts: [],
      ...readCapabilities(init.capabilities ?? {}),
      features: 0n
    }
    encodeHello(this.own) // a bad configuration is told at once, not at the first peer
  }

  readonly [Symbol.toStringTag] = '@penin/hello'

  async start(): Promise<void> {
    if (this.#stopping != null) {
      return
    }
    this.#stopping = new AbortController()
    const { events, registrar } = this.#components
    events.addEventListener('connection:open', this.#onOpen)
    events.addEventListener('peer:identify', this.#onIdentify)
    events.addEventListener('peer:disconnect', this.#onDisconnect)
    await registrar.handle(HELLO_PROTOCOL, this.#onStream, { maxInboundStreams: 4, maxOutboundStreams: 4 })
  }

  async stop(): Promise<void> {
    if (this.#stopping == null) {
      return
    }
    this.#stopping.abort()
    this.#stopping = undefined
    this.#push?.clear()
    this.#push = undefined
    for (const timer of this.#deadlines) {
      timer.clear()
    }
    this.#deadlines.clear()
    const { events, registrar } = this.#components
    events.removeEventListener('connection:open', this.#onOpen)
    events.removeEventListener('peer:identify', this.#onIdentify)
    events.removeEventListener('peer:disconnect', this.#onDisconnect)
    this.#peers.clear()
    await registrar.unhandle(HELLO_PROTOCOL)
  }

  get(peer: PeerId): Hello | undefined {
    return this.#peers.get(peer.toString())
  }

  acquaintance(connection: Connection): Acquaintance {
    return this.#entry(connection).acquaintance
  }

  async introduced(connection: Connection): Promise<Acquaintance> {
    const entry = this.#entry(connection)
    if (connection.status !== 'open') {
      this.#onClose(connection)
    }
    return entry.ended.promise
  }

  setCapabilities(capabilities: Partial<Capabilities>): void {
    const next = { ...this.own, ...readCapabilities(capabilities) }
    encodeHello(next)
    this.own = next
    if (this.#stopping == null || this.#push != null) {
      return
    }
    const wait = Math.max(0, this.#pushedAt + PUSH_INTERVAL - this.#init.clock.monotonic())
    this.#push = this.#init.clock.setTimeout(() => {
      this.#push = undefined
      this.#pushedAt = this.#init.clock.monotonic()
      for (const connection of this.#components.connectionManager.getConnections()) {
        if (this.#entry(connection).acquaintance.state === 'greeted') {
          void this.#greet(connection)
        }
      }
    }, wait)
  }

  async renew(connection: Connection): Promise<void> {
    if (this.#stopping != null && this.#entry(connection).acquaintance.state === 'greeted') {
      await this.#greet(connection)
    }
  }

  /** From here on the peer has time to identify itself and say hello. */
  readonly #onOpen = ({ detail: connection }: CustomEvent<Connection>): void => {
    const { clock, timeout } = this.#init
    const entry = this.#entry(connection)
    entry.deadline = clock.setTimeout(() => {
      this.#clearDeadline(entry)
      if (entry.acquaintance.state === 'waiting' && connection.status === 'open') {
        this.#refuse(
          connection,
          new HelloFailedError(connection.remotePeer.toString(), 'it did not introduce itself in time')
        )
      }
    }, timeout * 3)
    this.#deadlines.add(entry.deadline)
    connection.addEventListener(
      'close',
      () => {
        this.#onClose(connection)
      },
      { once: true }
    )
  }

  #onClose(connection: Connection): void {
    const entry = this.#entry(connection)
    this.#clearDeadline(entry)
    if (entry.exchanges === 0) {
      this.#end(entry, {
        state: 'refused',
        reason: new HelloFailedError(connection.remotePeer.toString(), 'the connection was closed')
      })
    }
  }

  #clearDeadline(entry: Entry): void {
    if (entry.deadline != null) {
      entry.deadline.clear()
      this.#deadlines.delete(entry.deadline)
      delete entry.deadline
    }
  }

  /** The first word stands, but for a new hello of a peer that has been greeted. */
  #end(entry: Entry, acquaintance: Acquaintance): void {
    this.#clearDeadline(entry)
    if (entry.acquaintance.state === 'waiting' || acquaintance.state === 'greeted') {
      entry.acquaintance = acquaintance
    }
    entry.ended.resolve(entry.acquaintance)
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const { connection, protocols } = detail
    const entry = this.#entry(connection)
    if (entry.acquaintance.state !== 'waiting') {
      return
    }
    if (!protocols.includes(HELLO_PROTOCOL)) {
      this.#meetForeigner(connection, entry, protocols)
    } else if (connection.direction === 'outbound') {
      void this.#greet(connection)
    }
  }

  #meetForeigner(connection: Connection, entry: Entry, protocols: string[]): void {
    if (this.#init.allowForeign?.(protocols) === false) {
      this.#refuse(connection, new ForeignPeerError(connection.remotePeer.toString()))
      return
    }
    this.#end(entry, { state: 'foreign' })
    this.safeDispatchEvent('foreign', { detail: { connection, protocols } })
  }

  readonly #onDisconnect = ({ detail: peer }: CustomEvent<PeerId>): void => {
    this.#peers.delete(peer.toString())
  }

  /** Our turn: say hello and hear theirs. */
  async #greet(connection: Connection): Promise<void> {
    const limit = deadline(this.#init.clock, this.#init.timeout, this.#stopping?.signal)
    const entry = this.#entry(connection)
    entry.exchanges++
    let stream: Stream | undefined
    try {
      stream = await connection.newStream(HELLO_PROTOCOL, { signal: limit.signal, runOnLimitedConnection: true })
      const frames = singleFrames(stream, FRAMES)
      const asked = this.#init.clock.monotonic()
      await frames.write(this.#helloTo(connection), limit.signal)
      const theirs = await frames.read(limit.signal)
      connection.rtt ??= Math.round(this.#init.clock.monotonic() - asked) // a first guess; the heartbeat measures it better
      this.#meet(connection, decodeHello(theirs))
      await stream.close({ signal: limit.signal })
    } catch (error) {
      this.#fail(connection, stream, error as Error)
    } finally {
      entry.exchanges--
      limit.clear()
    }
  }

  /** Their turn: hear their hello and answer with ours, even to another network, so that both sides can say why. */
  readonly #onStream = async (stream: Stream, connection: Connection): Promise<void> => {
    if (this.#isPushingTooMuch(connection)) {
      stream.abort(new HelloMalformedError('too many hellos'))
      this.#init.reporter?.report(connection.remotePeer, { reason: 'hello-flood', tolerance: 'mid' })
      return
    }
    const limit = deadline(this.#init.clock, this.#init.timeout, this.#stopping?.signal)
    const entry = this.#entry(connection)
    entry.exchanges++
    try {
      const frames = singleFrames(stream, FRAMES)
      const theirs = await frames.read(limit.signal)
      const hello = decodeHello(theirs)
      await frames.write(this.#helloTo(connection), limit.signal)
      await stream.close({ signal: limit.signal })
      this.#meet(connection, hello)
    } catch (error) {
      this.#fail(connection, stream, error as Error)
    } finally {
      entry.exchanges--
      limit.clear()
    }
  }

  #helloTo(connection: Connection): Uint8Array {
    const surplus = this.#init.surplusOf?.(connection)
    return encodeHello(surplus == null ? this.own : { ...this.own, surplus })
  }

  #isPushingTooMuch(connection: Connection): boolean {
    const entry = this.#entry(connection)
    const at = this.#init.clock.monotonic()
    if (at - entry.windowAt > PUSH_INTERVAL) {
      entry.windowAt = at
      entry.received = 0
    }
    return ++entry.received > MAX_PUSHES
  }

  #meet(connection: Connection, hello: Hello): void {
    const entry = this.#entry(connection)
    if (hello.networkId !== this.own.networkId) {
      const reason = new WrongNetworkError(connection.remotePeer.toString(), this.own.networkId, hello.networkId)
      this.#refuse(connection, reason)
      return
    }
    if (connection.status !== 'open') {
      this.#onClose(connection)
      return
    }
    if (entry.acquaintance.state === 'refused') {
      return
    }
    const before = this.#peers.get(connection.remotePeer.toString())
    this.#end(entry, { state: 'greeted', hello })
    this.#peers.set(connection.remotePeer.toString(), hello)
    const changed =
      before != null && CAPABILITY_KINDS.some((kind) => JSON.stringify(before[kind]) !== JSON.stringify(hello[kind]))
    this.safeDispatchEvent('greeted', { detail: { connection, hello, changed } })
  }

  #fail(connection: Connection, stream: Stream | undefined, error: Error): void {
    stream?.abort(error)
    const peer = connection.remotePeer
    if (this.#stopping == null || connection.status !== 'open') {
      const reason = new HelloFailedError(peer.toString(), 'the connection was closed', { cause: error })
      this.#end(this.#entry(connection), { state: 'refused', reason })
      return
    }
    if (error instanceof HelloMalformedError) {
      this.#init.reporter?.report(peer, { reason: 'hello-malformed', tolerance: 'mid' })
      this.#refuse(connection, error)
    } else if (this.#entry(connection).acquaintance.state === 'waiting') {
      this.#refuse(connection, new HelloFailedError(peer.toString(), error.message, { cause: error }))
    }
  }

  #refuse(connection: Connection, reason: HelloRefusal): void {
    const entry = this.#entry(connection)
    if (entry.acquaintance.state === 'refused') {
      return
    }
    entry.acquaintance = { state: 'refused', reason }
    this.#end(entry, entry.acquaintance)
    this.safeDispatchEvent('refused', { detail: { connection, reason } })
    connection.close().catch(() => {
      connection.abort(reason)
    })
  }

  #entry(connection: Connection): Entry {
    let entry = this.#entries.get(connection)
    if (entry == null) {
      entry = {
        acquaintance: { state: 'waiting' },
        ended: Promise.withResolvers(),
        exchanges: 0,
        received: 0,
        windowAt: this.#init.clock.monotonic()
      }
      this.#entries.set(connection, entry)
    }
    return entry
  }
}

/**
 * The hello service for any libp2p node; it needs identify beside it.
 *
 * @throws HelloInvalidError if the node's own hello breaks a limit
 */
export function hello(init: HelloInit): (components: HelloComponents) => HelloService {
  return (components) => new HelloServiceImpl(components, init)
}

/** Callers in plain JavaScript get an error that names the field, too. */
function readCapabilities(capabilities: Partial<Capabilities>): Partial<Capabilities> {
  const given = Object.entries(capabilities).filter(([, list]) => (list as unknown) !== undefined)
  for (const [kind, list] of given) {
    if (!(CAPABILITY_KINDS as readonly string[]).includes(kind)) {
      throw new HelloInvalidError(kind, `no kind of capability; there are ${CAPABILITY_KINDS.join(', ')}`)
    }
    if (!Array.isArray(list) || list.some((entry: unknown) => typeof entry !== 'string')) {
      throw new HelloInvalidError(kind, 'must be a list of strings')
    }
  }
  return Object.fromEntries(given)
}
