import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { deadline, type Clock, type Timer } from '@penin/interface'
import { Introductions } from './introductions.js'
import { PROTOCOLS, Registration } from './registration.js'
import type { BroadcastRegistrar } from './router.js'

/** Milliseconds between two looks for lost streams. */
const CHECK_INTERVAL = 5_000

/** Milliseconds for a peer to answer a new stream, and for one that has opened a stream to be greeted. */
const PATIENCE = 10_000

/** Streams of one connection that a peer refuses before it is left alone. */
const MAX_FAILURES = 5

/**
 * A frame that says nothing, an RPC with an empty control part: GossipSub tells a new peer its topics, and nothing at all
 * if it has none, so that whoever has just started could not tell such a peer from one that is slow.
 */
const NO_TOPICS = Uint8Array.of(2, 0x1a, 0)

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
  /** Whether this node has subscribed to anything. */
  hasTopics: () => boolean
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
  /** Of the peers that are there at the start. */
  readonly introductions: Introductions
  readonly registration: Registration
  readonly #links = new Map<string, Link>()
  #timer: Timer | undefined
  #stopped = new AbortController()

  constructor(private readonly init: LinksInit) {
    this.introductions = new Introductions(init.clock)
    this.registration = new Registration(init.registrar, {
      onInbound: this.#onInbound,
      onConnect: this.#onConnect,
      onDisconnect: this.#onDisconnect
    })
  }

  get size(): number {
    return this.#links.size
  }

  /** To be called before GossipSub starts: streams of peers are kept from then on, until `start`. */
  prepare(): void {
    this.#stopped = new AbortController()
  }

  /** To be called once GossipSub runs. */
  start(): void {
    this.#timer = this.init.clock.setInterval(this.#check, CHECK_INTERVAL)
    const there = this.init.connectionManager.getConnections().filter(isUsable)
    this.introductions.begin(
      there
        .map(({ remotePeer }) => remotePeer)
        .filter(this.init.isPeer)
        .map(String)
    )
    for (const connection of there) {
      // libp2p does not tell of those that are there already; one that doesn't speak GossipSub refuses the stream.
      this.#onConnect(connection.remotePeer, connection)
    }
  }

  /**
   * Gives what aborts the streams that GossipSub closes: ours, for peers that don't let them be closed; and theirs, of
   * which it closes only our end, so that they would go on telling a GossipSub that has forgotten them.
   */
  stop(): (which: 'stream' | 'reading') => void {
    this.#timer?.clear()
    this.#timer = undefined
    this.#stopped.abort()
    this.introductions.end()
    const links = [...this.#links.values()]
    this.#links.clear()
    for (const { held } of links) {
      held?.stream.abort(new DOMException('stopped', 'AbortError'))
    }
    return (which) => {
      for (const link of links) {
        link[which]?.abort(new DOMException('stopped', 'AbortError'))
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
      this.#follow(link)
    } else if (link.connection.status !== 'open' || link.failures > 0) {
      this.#move(link, connection)
    }
    return link
  }

  #move(link: Link, connection: Connection): void {
    link.failures = 0
    if (link.connection !== connection) {
      link.connection = connection
      this.#follow(link)
    }
  }

  /** Two nodes that dial each other at once close one of the connections, and its streams with it, soon after. */
  #follow(link: Link): void {
    const { connection } = link
    connection.addEventListener(
      'close',
      () => {
        if (link.connection === connection && this.#links.get(link.id.toString()) === link) {
          this.#onClose(link)
        }
      },
      { once: true }
    )
  }

  #onClose(link: Link): void {
    const other = this.#others(link).at(0)
    if (other === undefined) {
      this.#onDisconnect(link.id)
      return
    }
    // A stream of either direction may have been on either connection: both begin anew.
    link.reading?.abort(new DOMException('replaced', 'AbortError'))
    this.#leave(link)
    this.#move(link, other)
    this.#admit(link)
  }

  #others({ id, connection }: Link): Connection[] {
    return this.init.connectionManager.getConnections(id).filter((other) => other !== connection && isUsable(other))
  }

  /** GossipSub closes what streams it has with the peer; they may be opened again at once. */
  #leave(link: Link): void {
    delete link.reading
    link.openedAt = -Infinity
    this.#forget(link.id)
  }

  #forget(peer: PeerId): void {
    void this.registration.topology?.onDisconnect?.(peer)
    this.init.onGone(peer)
  }

  readonly #onConnect = (peer: PeerId, connection: Connection): void => {
    if (this.#timer !== undefined && isUsable(connection)) {
      this.#admit(this.#link(peer, connection))
    }
  }

  readonly #onDisconnect = (peer: PeerId): void => {
    const link = this.#links.get(peer.toString())
    if (link !== undefined && isUsable(link.connection)) {
      return // what it said of itself before it started came late; if it has stopped, its streams end
    }
    this.#links.delete(peer.toString())
    link?.held?.stream.abort(new DOMException('disconnected', 'AbortError'))
    this.#forget(peer)
    this.introductions.done(peer.toString())
  }

  readonly #onInbound = (stream: Stream, connection: Connection): void => {
    if (this.#stopped.signal.aborted) {
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
    if (this.#timer === undefined || !this.init.isPeer(link.id)) {
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
    const { held, connection } = link
    try {
      const stream = await connection.newStream([...PROTOCOLS], { signal: limit.signal })
      if (this.#links.get(link.id.toString()) !== link || link.connection !== connection) {
        const reason = new DOMException('disconnected', 'AbortError')
        stream.abort(reason)
        throw reason
      }
      link.stream = stream
      link.openedAt = clock.monotonic()
      link.failures = 0
      if (!this.init.hasTopics()) {
        stream.send(NO_TOPICS)
      }
      await this.registration.topology?.onConnect?.(link.id, asSeenBy(connection, stream))
      this.#deliver(link)
    } catch (error) {
      // Tried again at the next check; who doesn't speak GossipSub opens a stream once it does.
      link.failures = (error as Error).name === 'UnsupportedProtocolError' ? MAX_FAILURES : link.failures + 1
    } finally {
      limit.clear()
      link.isOpening = false
    }
    if (link.failures > 0 && this.#links.get(link.id.toString()) === link) {
      this.#onRefused(link, { held, connection })
    }
  }

  /** @param before what there was when a stream was asked for */
  #onRefused(link: Link, before: Pick<Link, 'held' | 'connection'>): void {
    const hasStarted = link.held !== undefined && link.held !== before.held
    if (hasStarted || link.connection !== before.connection) {
      link.failures = 0
      this.#admit(link)
    } else {
      this.#giveUp(link)
    }
  }

  /** It won't say what it has subscribed to, unless on another connection. */
  #giveUp(link: Link): void {
    if (this.#others(link).length === 0) {
      this.introductions.done(link.id.toString())
    }
  }

  #deliver(link: Link): void {
    if (link.held !== undefined) {
      const { stream } = link.held
      delete link.held
      if (stream.remoteWriteStatus === 'closed') {
        stream.abort(new DOMException('ended', 'AbortError')) // while it waited, which its reader would not be told
        return
      }
      link.reading = stream
      const reader = this.init.read(stream, link.id, () => {
        this.#onReadEnd(link, stream)
      })
      void this.registration.handler?.(reader, asSeenBy(link.connection, link.stream))
    }
  }

  /** Without a stream to us a peer can't say that it has unsubscribed: GossipSub would go on sending to it. */
  #onReadEnd(link: Link, stream: Stream): void {
    if (link.reading === stream && this.#links.get(link.id.toString()) === link) {
      this.#leave(link)
      this.#giveUp(link)
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
        this.#onClose(link)
        continue
      }
      this.#admit(link)
    }
  }
}

function isUsable({ status, limits }: Connection): boolean {
  return status === 'open' && limits === undefined
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
