import type { KadDHT } from '@libp2p/kad-dht'
import { kadDHT, passthroughMapper, removePrivateAddressesMapper, removePublicAddressesMapper } from '@libp2p/kad-dht'
import type { AbortOptions, PeerDiscoveryEvents, PeerInfo, TypedEventTarget } from '@libp2p/interface'
import { systemRng, type CandidateSink, type Rng } from '@penin/interface'
import type { NodeConfig } from './config/defaults.js'

type DhtFactory = ReturnType<typeof kadDHT>

/** kad-dht's type leaves out that it is a discovery source. */
type Table = KadDHT & TypedEventTarget<PeerDiscoveryEvents>

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
export function dhtServices(config: NodeConfig): Record<string, DhtFactory> {
  const { enabled, profile } = config.discovery.dht
  if (!enabled) {
    return {}
  }
  const names = dhtProtocols(config.networkId)
  const common = { initialQuerySelfInterval: 500, querySelfInterval: 60_000 }
  const lan = kadDHT({
    ...common,
    protocol: names.lan,
    logPrefix: 'penin:dht:lan',
    metricsPrefix: 'penin_dht_lan',
    datastorePrefix: '/penin/dht-lan',
    clientMode: false,
    peerInfoMapper: profile === 'lan' ? passthroughMapper : removePublicAddressesMapper
  })
  const wide = kadDHT({
    ...common,
    protocol: names.public,
    logPrefix: 'penin:dht:public',
    metricsPrefix: 'penin_dht_public',
    datastorePrefix: '/penin/dht-public',
    peerInfoMapper: removePrivateAddressesMapper
  })
  return { ...(profile === 'public' ? {} : { dhtLan: lan }), ...(profile === 'lan' ? {} : { dhtPublic: wide }) }
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

  readonly #onPeer = ({ detail }: CustomEvent<PeerInfo>): void => {
    this.#add(detail)
  }

  #add({ id, multiaddrs }: PeerInfo): void {
    this.sink.addCandidate({ id, multiaddrs, source: 'dht' })
  }
}
