import { isPeerId, peerDiscoverySymbol } from '@libp2p/interface'
import type { KadDHT, KadDHTInit } from '@libp2p/kad-dht'
import { kadDHT, passthroughMapper, removePrivateAddressesMapper, removePublicAddressesMapper } from '@libp2p/kad-dht'
import type {
  AbortOptions,
  PeerData,
  PeerDiscoveryEvents,
  PeerId,
  PeerInfo,
  PeerStore,
  TypedEventTarget
} from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { MAX_DIALLED_ADDRESSES, NoAddressesError, withPeer } from '@penin/connection-manager'
import { systemRng, type CandidateSink, type Rng } from '@penin/interface'
import type { AddressBook } from '@penin/peer-store'
import { MemoryDatastore } from 'datastore-core'
import type { NodeConfig } from './config/defaults.js'
import { DhtStorageRefusedError } from './errors.js'

type DhtFactory = ReturnType<typeof kadDHT>
type DhtComponents = Parameters<DhtFactory>[0]

/** kad-dht's type leaves out that it is a discovery source. */
type Table = KadDHT &
  TypedEventTarget<PeerDiscoveryEvents> & {
    protocol: string
    routingTable: { size: number; remove(id: PeerId): Promise<void> }
  }

/** The protocol names of a network's tables. Peers of another network speak another protocol. */
export function dhtProtocols(networkId: string): { lan: string; public: string } {
  return { lan: `/penin/${networkId}/lan/kad/1.0.0`, public: `/penin/${networkId}/kad/1.0.0` }
}

/**
 * The tables of a profile, as libp2p services.
 *
 * kad-dht's defaults find nobody on a private network: it stays a client until it has a public address, and drops every
 * private address it hears of. `lan` is a server from the start and takes any address. In `dual` the two tables are kept
 * apart by scope, as Kubo does, so that private addresses never get into the public one and the other way round.
 */
export function dhtServices(config: NodeConfig, book: Pick<AddressBook, 'get'>): Record<string, DhtFactory> {
  const { enabled, profile } = config.discovery.dht
  if (!enabled) {
    return {}
  }
  const names = dhtProtocols(config.networkId)
  const common = { initialQuerySelfInterval: 500, querySelfInterval: 60_000, maxInboundStreams: 16 }
  const lan = contained(book, {
    ...common,
    protocol: names.lan,
    logPrefix: 'penin:dht:lan',
    metricsPrefix: 'penin_dht_lan',
    datastorePrefix: '/penin/dht-lan',
    clientMode: false,
    peerInfoMapper: profile === 'lan' ? passthroughMapper : removePublicAddressesMapper
  })
  const wide = contained(book, {
    ...common,
    protocol: names.public,
    logPrefix: 'penin:dht:public',
    metricsPrefix: 'penin_dht_public',
    datastorePrefix: '/penin/dht-public',
    peerInfoMapper: removePrivateAddressesMapper
  })
  return { ...(profile === 'public' ? {} : { dhtLan: lan }), ...(profile === 'lan' ? {} : { dhtPublic: wide }) }
}

/**
 * kad-dht with four of its habits taken away.
 *
 * It stores provider and value records for anybody who asks, which lets strangers fill the disk; here nothing is stored,
 * since this network uses it to find peers and for nothing else. And libp2p, seeing a discovery service, puts every peer it
 * names into the peer store without any bound; here what it finds goes to the candidates, which have one. And it tags the
 * peers closest to it so that libp2p redials them for ever, behind the back of the one dialler; here it tags nobody. And it dials the peers it asks by their names alone, which makes
 * libp2p look the addresses of each up by a query of its own: until that one has run into its limit, 10 s later, every other
 * dial to the peer waits for it, though its address be known by then. Here it dials what is known, or not at all.
 */
function contained(book: Pick<AddressBook, 'get'>, init: KadDHTInit): DhtFactory {
  return (components) => {
    const own = Object.create(components, {
      datastore: { value: new RefusingDatastore() },
      peerStore: { value: withoutTags(components.peerStore) },
      ...withoutLookups(components, book)
    }) as DhtComponents
    const table = kadDHT(init)(own)
    Object.defineProperty(table, peerDiscoverySymbol, { value: undefined })
    return table
  }
}

/** A view of the peer store through which no tags are set. */
function withoutTags(peerStore: PeerStore): PeerStore {
  return new Proxy(peerStore, {
    get: (target, name) => {
      if (name === 'merge' || name === 'patch' || name === 'save') {
        return async (id: PeerId, { tags: _, ...data }: PeerData, options?: AbortOptions) =>
          target[name](id, data, options)
      }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    }
  })
}

/** Views of what a table reaches peers with, through which none is dialled that neither the book nor libp2p has addresses of. */
function withoutLookups(
  { connectionManager, peerStore, ping }: Pick<DhtComponents, 'connectionManager' | 'peerStore' | 'ping'>,
  book: Pick<AddressBook, 'get'>
): PropertyDescriptorMap {
  const connect = async (peer: PeerId, options?: AbortOptions): Promise<void> => {
    if (connectionManager.getConnections(peer).some(({ status }) => status === 'open')) {
      return
    }
    const stored = await peerStore.getInfo(peer, options).catch(() => undefined)
    const booked = book.get(peer)?.addresses.map(({ text }) => multiaddr(text)) ?? []
    const known = [...booked, ...(stored?.multiaddrs ?? [])].map((address) => withPeer(address, peer))
    if (known.length === 0) {
      throw new NoAddressesError(peer.toString())
    }
    await connectionManager.openConnection(known.slice(0, MAX_DIALLED_ADDRESSES), options)
  }
  const openStream: DhtComponents['connectionManager']['openStream'] = async (peer, protocol, options) => {
    if (isPeerId(peer)) {
      await connect(peer, options)
    }
    return connectionManager.openStream(peer, protocol, options)
  }
  const knock: DhtComponents['ping']['ping'] = async (peer, options) => {
    if (isPeerId(peer)) {
      await connect(peer, options)
    }
    return ping.ping(peer, options)
  }
  return {
    connectionManager: { value: withMethod(connectionManager, 'openStream', openStream) },
    ping: { value: withMethod(ping, 'ping', knock) }
  }
}

/** The object with one of its methods replaced. */
function withMethod<T extends object, K extends keyof T>(object: T, name: K, method: T[K]): T {
  return new Proxy(object, {
    get: (target, key) => {
      const value: unknown = key === name ? method : Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    }
  })
}

class RefusingDatastore extends MemoryDatastore {
  override put(): never {
    throw new DhtStorageRefusedError()
  }
}

/** Feeds what the tables find to the candidates, and looks for more when asked to. */
export class DhtDiscovery {
  #walking = false
  readonly #tables: Table[]

  constructor(
    services: Record<string, unknown>,
    private readonly sink: CandidateSink,
    private readonly rng: Rng = systemRng
  ) {
    this.#tables = ['dhtLan', 'dhtPublic'].flatMap((name) => (services[name] == null ? [] : [services[name] as Table]))
  }

  start(): void {
    for (const table of this.#tables) {
      table.addEventListener('peer', this.#onPeer)
    }
  }

  stop(): void {
    for (const table of this.#tables) {
      table.removeEventListener('peer', this.#onPeer)
    }
  }

  /** Asks the tables for the peers around a random key; what they find arrives as candidates. One walk at a time. */
  async walk(options: AbortOptions): Promise<void> {
    if (this.#walking) {
      return
    }
    this.#walking = true
    try {
      await Promise.allSettled(
        this.#tables.map(async (table) => {
          for await (const event of table.getClosestPeers(this.rng.bytes(32), options)) {
            if (event.name === 'FINAL_PEER') {
              this.#add(event.peer)
            }
          }
        })
      )
    } finally {
      this.#walking = false
    }
  }

  /** Mode and size of each table. */
  stats(): Record<string, { mode: string; peers: number }> {
    return Object.fromEntries(
      this.#tables.map((table) => [
        table.protocol.includes('/lan/') ? 'lan' : 'public',
        { mode: table.getMode(), peers: table.routingTable.size }
      ])
    )
  }

  /** Takes a peer out of the tables, or they would dial it again at once. It may come back when it is heard of. */
  async forget(id: PeerId): Promise<void> {
    await Promise.allSettled(this.#tables.map(async (table) => table.routingTable.remove(id)))
  }

  readonly #onPeer = ({ detail }: CustomEvent<PeerInfo>): void => {
    this.#add(detail)
  }

  #add({ id, multiaddrs }: PeerInfo): void {
    this.sink.addCandidate({ id, multiaddrs, source: 'dht' })
  }
}
