import type { Connection, Libp2pEvents, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { FakeClock, seededRng } from '@penin/testing'
import { TypedEventEmitter } from 'main-event'
import { Admission, peerKeeper, type ConnectionLimits, type PeerKeeper, type PeerKeeperInit } from '../src/index.js'
import { dial } from './admission-support.js'
import { makeBook, named } from './support.js'

/** A keeper and the gater of its node, over connections that are only said to be there. Peers go by their names. */
export class KeeperWorld {
  readonly clock = new FakeClock()
  readonly book = makeBook(named('me'), this.clock)
  readonly log: string[] = []
  readonly keeper: PeerKeeper
  readonly admission: Admission
  connections: Connection[] = []
  readonly #events = new TypedEventEmitter<Libp2pEvents>()
  readonly #names = new Map<string, string>()
  /** The raw connection below each of ours. */
  readonly #raw = new Map<Connection, { abort: () => void }>()
  /** Settles dials to addresses without a name. */
  readonly nameless: Array<PromiseWithResolvers<Connection>> = []

  constructor(limits: ConnectionLimits, init: Partial<PeerKeeperInit> = {}) {
    this.admission = new Admission({ limits, clock: this.clock })
    const { book, clock } = this
    this.keeper = peerKeeper({ book, clock, limits, target: 2, rng: seededRng(1), ...init })({
      peerId: named('me'),
      events: this.#events,
      connectionManager: {
        getConnections: (id?: PeerId) =>
          this.connections.filter(({ remotePeer }) => id == null || remotePeer.equals(id)),
        closeConnections: async (id: PeerId) => {
          await Promise.resolve()
          this.connections
            .filter(({ remotePeer }) => remotePeer.equals(id))
            .forEach((connection) => this.close(connection))
        },
        openConnection: async (target: unknown) => this.#dialled(String(target))
      },
      peerStore: { getInfo: async () => Promise.reject(new RangeError('none')), delete: async () => undefined }
    } as never)
  }

  id(name: string): PeerId {
    const id = named(name)
    this.#names.set(id.toString(), name)
    return id
  }

  /** The book knows the peer at an address; with `isTried` this node has reached it. */
  know(name: string, ip: string, isTried = true): void {
    const address = multiaddr(`/ip4/${ip}/tcp/4001`)
    this.book.add({ id: this.id(name), multiaddrs: [address], source: 'pex', sourceGroup: ip })
    if (isTried) {
      this.book.good(this.id(name), { address })
    }
  }

  /** A connection opens, of a peer that is a peer at once. */
  connect(name: string, direction: 'inbound' | 'outbound', ip = '127.0.0.1'): Connection {
    const remotePeer = this.id(name)
    const remoteAddr = multiaddr(`/ip4/${ip}/tcp/4001`)
    const connection = { remotePeer, direction, remoteAddr, status: 'open' } as Connection
    const isFirst = !this.connections.some((other) => other.remotePeer.equals(remotePeer))
    this.connections.push(connection)
    if (isFirst) {
      this.#events.safeDispatchEvent('peer:connect', { detail: remotePeer })
    }
    return connection
  }

  close(connection: Connection): void {
    const { remotePeer } = connection
    this.log.push(`close ${this.#nameOf(remotePeer.toString())}`)
    this.#raw.get(connection)?.abort()
    this.connections = this.connections.filter((other) => other !== connection)
    this.#events.safeDispatchEvent('connection:close', { detail: connection })
    if (!this.connections.some((other) => other.remotePeer.equals(remotePeer))) {
      this.#events.safeDispatchEvent('peer:disconnect', { detail: remotePeer })
    }
  }

  /** This node dials a peer, past its own gater. */
  async #dialled(target: string): Promise<Connection> {
    const [, ip = '', id] = /\/ip4\/([0-9.]+)\/tcp\/4001(?:\/p2p\/(\w+))?/.exec(target) ?? []
    if (id == null) {
      const pending = Promise.withResolvers<Connection>()
      this.nameless.push(pending)
      return pending.promise
    }
    const name = this.#nameOf(id)
    const raw = await dial(this.admission, name)
    this.log.push(`dial ${name}${raw == null ? ': refused' : ''}`)
    if (raw == null) {
      throw new RangeError('denied')
    }
    const connection = this.connect(name, 'outbound', ip)
    this.#raw.set(connection, raw)
    return connection
  }

  #nameOf(id: string): string {
    return this.#names.get(id) ?? '?'
  }
}
