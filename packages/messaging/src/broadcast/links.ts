import type { Connection, PeerId, Stream, StreamHandler, Topology } from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'
import { deadline, type Clock, type Timer } from '@penin/interface'
import type { BroadcastRegistrar } from './router.js'

/** Newest first; GossipSub says the same ones. */
const PROTOCOLS = ['/meshsub/1.2.0', '/meshsub/1.1.0', '/meshsub/1.0.0']

/** Milliseconds between two looks for lost streams. */
const CHECK_INTERVAL = 5_000

/** Milliseconds for a peer to answer a new stream, and for one that has opened a stream to be greeted. */
const PATIENCE = 10_000

/** Streams of one connection that a peer refuses before it is left alone. */
const MAX_FAILURES = 5

interface Link {
  id: PeerId
  connection: Connection
  failures: number
  isOpening: boolean
  /** Our stream to it, and when it was opened. */
  stream?: Stream
  openedAt: number
  /** Its stream to us, as long as it is read. */
  reading?: Stream
  /** Its stream to us, until it is greeted. */
  held?: { stream: Stream; since: number }
}

export interface LinksInit {
  registrar: BroadcastRegistrar
  connectionManager: Pick<ConnectionManager, 'getConnections'>
  clock: Clock
  /** Whether a connected peer belongs to this network. */
  isPeer: (peer: PeerId) => boolean
  /** Whether GossipSub has a stream to the peer. */
  hasStream: (peer: PeerId) => boolean
  /** Reads a peer's stream in GossipSub's place, until its end. */
  read: (stream: Stream, peer: PeerId, onEnd: () => void) => Stream
  onGone: (peer: PeerId) => void
}

/**
 * Stands between GossipSub and libp2p's registrar. GossipSub takes whoever speaks its protocol, opens streams one by one,
 * so that a peer which does not answer holds up all others, and never opens one again that was lost. Here only peers of
 * this network get through, streams are opened side by side, and a lost one is opened again while the connection lives.
 */
export class Links {
  readonly #links = new Map<string, Link>()
  #topology: Topology | undefined
  #handler: StreamHandler | undefined
  #timer: Timer | undefined
  #stopped = new AbortController()

  constructor(private readonly init: LinksInit) {}

  get size(): number {
    return this.#links.size
  }

  /** What GossipSub takes for libp2p's registrar. */
  get registrar(): Registrar {
    const { registrar } = this.init
    const own: BroadcastRegistrar = {
      handle: async (protocol, handler, options) => {
        this.#handler = handler
        await registrar.handle(protocol, this.#onInbound, options)
      },
      unhandle: async (protocol) => registrar.unhandle(protocol),
      register: async (protocol, topology) => {
        this.#topology = topology
        return registrar.register(protocol, { onConnect: this.#onConnect, onDisconnect: this.#onDisconnect })
      },
      unregister: (id) => {
        registrar.unregister(id)
      }
    }
    return own as Registrar
  }

  start(): void {
    this.#stopped = new AbortController()
    this.#timer = this.init.clock.setInterval(this.#check, CHECK_INTERVAL)
    for (const connection of this.init.connectionManager.getConnections()) {
      // libp2p does not tell of those that are there already; one that doesn't speak GossipSub refuses the stream.
      this.#onConnect(connection.remotePeer, connection)
    }
  }

  /** Gives what aborts the streams that GossipSub closes, for peers that don't let them be closed. */
  stop(): () => void {
    this.#timer?.clear()
    this.#timer = undefined
    this.#stopped.abort()
    const links = [...this.#links.values()]
    this.#links.clear()
    for (const { held } of links) {
      held?.stream.abort(new DOMException('stopped', 'AbortError'))
    }
    return () => {
      for (const { stream } of links) {
        stream?.abort(new DOMException('stopped', 'AbortError'))
      }
    }
  }

  /** To be called when `isPeer` may have become true. */
  peerGreeted(peer: PeerId): void {
    const link = this.#links.get(peer.toString())
    if (link !== undefined) {
      this.#admit(link)
    }
  }

  #link(peer: PeerId, connection: Connection): Link {
    const key = peer.toString()
    let link = this.#links.get(key)
    if (link === undefined) {
      link = { id: peer, connection, failures: 0, isOpening: false, openedAt: -Infinity }
      this.#links.set(key, link)
    } else if (link.connection.status !== 'open' || link.failures > 0) {
      link.connection = connection
      link.failures = 0
    }
    return link
  }

  readonly #onConnect = (peer: PeerId, connection: Connection): void => {
    if (this.#timer !== undefined && connection.status === 'open' && connection.limits === undefined) {
      this.#admit(this.#link(peer, connection))
    }
  }

  readonly #onDisconnect = (peer: PeerId): void => {
    const link = this.#links.get(peer.toString())
    this.#links.delete(peer.toString())
    link?.held?.stream.abort(new DOMException('disconnected', 'AbortError'))
    void this.#topology?.onDisconnect?.(peer)
    this.init.onGone(peer)
  }

  readonly #onInbound = (stream: Stream, connection: Connection): void => {
    if (this.#timer === undefined) {
      stream.abort(new DOMException('stopped', 'AbortError'))
      return
    }
    const link = this.#link(connection.remotePeer, connection)
    link.held?.stream.abort(new DOMException('replaced', 'AbortError'))
    stream.pause()
    link.failures = 0
    link.held = { stream, since: this.init.clock.monotonic() }
    this.#admit(link)
  }

  #admit(link: Link): void {
    if (!this.init.isPeer(link.id)) {
      return
    }
    if (this.init.hasStream(link.id)) {
      this.#deliver(link)
      return
    }
    // GossipSub takes a moment to take over a stream that it is given.
    const isNew = link.stream?.status === 'open' && this.init.clock.monotonic() - link.openedAt < CHECK_INTERVAL / 2
    if (!isNew && !link.isOpening && link.failures < MAX_FAILURES) {
      void this.#open(link)
    }
  }

  async #open(link: Link): Promise<void> {
    const { clock } = this.init
    link.isOpening = true
    if (link.stream?.status === 'open') {
      link.stream.abort(new DOMException('replaced', 'AbortError'))
    }
    const limit = deadline(clock, PATIENCE, this.#stopped.signal)
    try {
      const stream = await link.connection.newStream(PROTOCOLS, { signal: limit.signal })
      if (this.#links.get(link.id.toString()) !== link) {
        stream.abort(new DOMException('disconnected', 'AbortError'))
        return
      }
      link.stream = stream
      link.openedAt = clock.monotonic()
      link.failures = 0
      await this.#topology?.onConnect?.(link.id, asSeenBy(link.connection, stream))
      this.#deliver(link)
    } catch {
      link.failures++ // tried again at the next check
    } finally {
      limit.clear()
      link.isOpening = false
    }
  }

  #deliver(link: Link): void {
    if (link.held !== undefined) {
      const { stream } = link.held
      delete link.held
      link.reading = stream
      const reader = this.init.read(stream, link.id, () => {
        this.#onReadEnd(link, stream)
      })
      void this.#handler?.(reader, asSeenBy(link.connection, link.stream))
    }
  }

  /** Without a stream to us a peer can't say that it has unsubscribed: GossipSub would go on sending to it. */
  #onReadEnd(link: Link, stream: Stream): void {
    if (link.reading === stream && this.#links.get(link.id.toString()) === link) {
      delete link.reading
      void this.#topology?.onDisconnect?.(link.id)
      this.init.onGone(link.id)
    }
  }

  readonly #check = (): void => {
    const now = this.init.clock.monotonic()
    for (const link of this.#links.values()) {
      if (link.held !== undefined && now - link.held.since > PATIENCE) {
        link.held.stream.abort(new DOMException('not greeted in time', 'TimeoutError'))
        delete link.held
      }
      if (link.connection.status !== 'open') {
        const other = this.init.connectionManager
          .getConnections(link.id)
          .find(({ status, limits }) => status === 'open' && limits === undefined)
        if (other === undefined) {
          this.#onDisconnect(link.id)
          continue
        }
        link.connection = other
        link.failures = 0
      }
      this.#admit(link)
    }
  }
}

/** A connection that has one stream to give, which is open already. */
function asSeenBy({ remotePeer, remoteAddr, direction }: Connection, stream: Stream | undefined): Connection {
  const seen: Pick<Connection, 'remotePeer' | 'remoteAddr' | 'direction' | 'status' | 'newStream'> = {
    remotePeer,
    remoteAddr,
    direction,
    status: 'open',
    newStream: async () => {
      if (stream?.status !== 'open') {
        throw new DOMException('the stream was closed', 'InvalidStateError')
      }
      return Promise.resolve(stream)
    }
  }
  return seen as Connection
}
