import { identify, identifyPush } from '@libp2p/identify'
import type { PrivateKey } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { steadyTcp } from './steady-tcp.js'
import { yamux } from '@libp2p/yamux'
import {
  heartbeat,
  peerKeeper,
  singleConnection,
  trimmer,
  type Admission,
  type ConfiguredPeer,
  type ConnectionLimits,
  type Heartbeat,
  type HeartbeatInit,
  type PeerKeeper,
  type PeerKeeperComponents,
  type SingleConnection,
  type TrafficMeter,
  type Trimmer,
  type TrimmerInit
} from '@penin/connection-manager'
import { hello, type HelloInit, type HelloService } from '@penin/hello'
import { addressScope, type Clock, type PeerReporter, type Rng } from '@penin/interface'
import type { LegacyMessages } from '@penin/legacy'
import { mdns, type Mdns } from '@penin/mdns'
import type { Broadcast, Messaging } from '@penin/messaging'
import { pex, type OnAnswer, type Pex, type PexComponents } from '@penin/pex'
import type { Datastore } from 'interface-datastore'
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p'
import type { NodeConfig } from './config/defaults.js'
import { dhtProtocols, dhtServices } from './dht.js'
import { legacyService } from './legacy-wiring.js'
import { messageServices, type MessagesParts } from './messages-wiring.js'
import type { AddressBook } from '@penin/peer-store'
import type { HelloMemory } from './peer-view-memory.js'
import { boundObservedAddresses } from './own-addresses.js'
import { BookRecords } from './pex-source.js'
import { udpService, type UdpService } from './udp-wiring.js'
import { AGENT_VERSION } from './version.js'
import { capabilitiesByHello, wantedCapabilities } from './wishes.js'

/**
 * How long libp2p keeps an address that nobody has confirmed. Its default of an hour empties the memory of a laptop that
 * was closed over lunch; a month matches Bitcoin Core's horizon (addrman.h, ADDRMAN_HORIZON).
 */
const ADDRESS_LIFETIME = 30 * 24 * 3_600_000

/** The services that a node always has; those of switched-off discovery sources are absent. */
export interface NodeServices extends Record<string, unknown> {
  keeper: PeerKeeper
  hello: HelloService
  heartbeat: Heartbeat
  singleConnection: SingleConnection
  trimmer: Trimmer
  mdns?: { source: Mdns }
  udp?: UdpService
  legacy?: LegacyMessages
  pex?: PexService
  messages: Messaging
  broadcast: Broadcast
}

/** Peer exchange, and what it tells others of. */
export type PexService = Pex & { source: BookRecords }

/** Everything that is decided outside and handed to libp2p. */
export interface Libp2pParts {
  config: NodeConfig
  privateKey: PrivateKey
  datastore: Datastore
  book: AddressBook
  listen: string[]
  configured: ConfiguredPeer[]
  admission: Admission
  helloMemory: HelloMemory
  trimmer: TrimmerInit
  traffic: TrafficMeter
  reporter: PeerReporter
  onDead: NonNullable<HeartbeatInit['onDead']>
  onPing: NonNullable<HeartbeatInit['onPing']>
  /** Told what came of asking a peer for others. */
  onAnswer: OnAnswer
  /** Reputation of a peer, 0 to 100. */
  scoreOf: (id: string) => number
  banOf: MessagesParts['banOf']
  isOpen: Promise<void>
  clock: Clock
  rng: Rng
  /** What the program adds or replaces; see `createNode()`. */
  overrides?: Partial<Pick<Libp2pOptions, 'logger' | 'dns' | 'metrics'>>
}

/**
 * Builds libp2p, stopped, with its defaults for dialling, limits and monitoring replaced by this project's services.
 */
export async function buildLibp2p(parts: Libp2pParts): Promise<Libp2p<NodeServices>> {
  const { config, book, clock, rng, traffic } = parts
  const services = {
    ...alwaysServices(parts),
    heartbeat: heartbeat({ ...config.heartbeat, traffic, clock, rng, onDead: parts.onDead, onPing: parts.onPing }),
    singleConnection: singleConnection({ clock, rng }),
    trimmer: trimmer(parts.trimmer),
    ...messageServices(parts),
    ...dhtServices(config, book),
    ...mdnsService(config, clock, rng),
    ...udpService(config, clock, rng),
    ...legacyService(config, parts)
  }
  const node = await createLibp2p({
    start: false,
    privateKey: parts.privateKey,
    datastore: parts.datastore,
    nodeInfo: { userAgent: AGENT_VERSION },
    addresses: { listen: parts.listen, announce: config.announce, announceFilter: withoutLoopback },
    transports: [steadyTcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: parts.admission.gater,
    // Limits, redialling and dead peers are the business of the services above; these switch libp2p's own off.
    connectionManager: {
      maxConnections: Number.MAX_SAFE_INTEGER,
      inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
      maxIncomingPendingConnections: Number.MAX_SAFE_INTEGER,
      maxParallelDials: config.connections.parallelDials * 2,
      dialTimeout: config.connections.dialTimeout,
      reconnectRetries: 0
    },
    connectionMonitor: { enabled: false },
    peerStore: { maxAddressAge: ADDRESS_LIFETIME, maxPeerAge: ADDRESS_LIFETIME },
    services,
    ...parts.overrides
  })
  boundObservedAddresses(node)
  return node as unknown as Libp2p<NodeServices>
}

/**
 * Loopback addresses mean nothing to anybody on another host, and are what peer exchange elsewhere is full of; they are
 * told only by a node that has no others. On the same host its other addresses do as well.
 */
function withoutLoopback(addresses: Multiaddr[]): Multiaddr[] {
  const others = addresses.filter((address) => addressScope(address) !== 'loopback')
  return others.length > 0 ? others : addresses
}

function alwaysServices(parts: Libp2pParts): NonNullable<Libp2pOptions['services']> {
  const { config, admission, book, reporter, onAnswer, clock, rng } = parts
  const init: HelloInit = {
    networkId: config.networkId,
    profile: config.profile,
    agentVersion: AGENT_VERSION,
    capabilities: config.capabilities,
    allowForeign: foreignPolicy(config),
    surplusOf: (connection) => admission.surplusOf(connection),
    reporter,
    clock
  }
  return {
    identify: identify(),
    identifyPush: identifyPush(),
    ping: ping(),
    hello: hello(init),
    keeper: keeper(parts),
    ...(config.discovery.pex ? { pex: exchange({ book, onAnswer, reporter, clock, rng }) } : {})
  }
}

/** The keeper of peers, after hello: libp2p adds each service that it has made to the components. */
function keeper(parts: Libp2pParts): (components: PeerKeeperComponents) => PeerKeeper {
  const { config, configured, book, helloMemory, scoreOf, clock, rng } = parts
  const { target, parallelDials, dialTimeout, wishes } = config.connections
  const wanted = wantedCapabilities(wishes)
  return (components) =>
    peerKeeper({
      book,
      target,
      limits: connectionLimits(config),
      parallelDials,
      dialTimeout,
      configured,
      scoreOf,
      wishes: () => wanted,
      capabilities: capabilitiesByHello(
        helloMemory,
        (components as PeerKeeperComponents & Pick<NodeServices, 'hello'>).hello
      ),
      acceptAll: false,
      clock,
      rng
    })(components)
}

/** How many connections there may be, as the selection of peers has it. */
export function connectionLimits({ connections }: Pick<NodeConfig, 'connections'>): ConnectionLimits {
  const { maxInbound, maxOutbound, max, minOutbound } = connections
  return { inbound: maxInbound, outbound: maxOutbound, total: max, minOutbound }
}

/** Peer exchange, between the keeper and hello, in the same way. */
function exchange({
  book,
  onAnswer,
  reporter,
  clock,
  rng
}: Pick<Libp2pParts, 'book' | 'onAnswer' | 'reporter' | 'clock' | 'rng'>): (components: PexComponents) => PexService {
  return (components) => {
    const { keeper, hello } = components as PexComponents & Pick<NodeServices, 'keeper' | 'hello'>
    const source = new BookRecords(book, keeper)
    const service = pex({
      source,
      sink: {
        addCandidate: (candidate) => {
          keeper.addCandidate(candidate)
        },
        knownSeq: (id) => book.get(id)?.seq
      },
      wants: () => Math.max(0, keeper.target - keeper.peerCount),
      onAnswer,
      isPeer: async (_id, connection) => (await hello.introduced(connection)).state === 'greeted',
      reporter,
      clock,
      rng
    })(components)
    return Object.assign(service, { source })
  }
}

function foreignPolicy(config: NodeConfig): (protocols: string[]) => boolean {
  const own = Object.values(dhtProtocols(config.networkId))
  switch (config.foreignPeers) {
    case 'allow':
      return () => true
    case 'refuse':
      return () => false
    case 'dht':
      return (protocols) => own.some((protocol) => protocols.includes(protocol))
  }
}

/** Wrapped, so that libp2p doesn't put every sighting into its unbounded peer store by itself: candidates are ours. */
function mdnsService(config: NodeConfig, clock: Clock, rng: Rng): NonNullable<Libp2pOptions['services']> {
  const { enabled, interfaces, interval, serviceTag } = config.discovery.mdns
  if (!enabled) {
    return {}
  }
  const init = { interval, serviceTag, clock, rng, ...(interfaces == null ? {} : { interfaces }) }
  return {
    mdns: (components) => {
      const source = mdns(init)(components)
      return { source, start: async () => source.start(), stop: async () => source.stop() }
    }
  }
}
