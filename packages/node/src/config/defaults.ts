import { BOOTSTRAP_MAX_PER_SUBNET, MAX_PER_SUBNET, PROFILE_LIMITS } from '@penin/connection-manager'
import { BROADCAST_LIMITS, MESSAGING_LIMITS } from '@penin/messaging'
import { DEFAULT_MAX_SIZE } from '@penin/peer-store'
import type { Profile } from './schema.js'
import type { PeerWish } from './wish.js'

interface BandwidthConfig {
  bytesPerSecond?: number
  messagesPerSecond?: number
}

/** All settings after defaults have been filled in. Durations are milliseconds. */
export interface NodeConfig {
  networkId: string
  profile: Profile
  listen: string[]
  announce: string[]
  dataDir?: string
  bootstrap: string[]
  seeds: string[]
  persistentPeers: string[]
  unconditionalPeers: string[]
  privatePeers: string[]
  maxKnownPeers: number
  foreignPeers: 'refuse' | 'dht' | 'allow'
  capabilities: { agents: string[]; tools: string[]; resources: string[]; prompts: string[] }
  discovery: {
    mdns: { enabled: boolean; interfaces?: string[]; interval: number; serviceTag: string }
    bootstrap: boolean
    pex: boolean
    dht: { enabled: boolean; profile: 'lan' | 'public' | 'dual' }
    udpBroadcast: { enabled: boolean; interfaces?: string[]; port: number; interval: number }
  }
  connections: {
    target: number
    max: number
    maxInbound: number
    maxOutbound: number
    minOutbound: number
    overflow: number
    maxPerSubnet: number
    wishes: PeerWish[]
    geo?: { countryFile?: string; asnFile?: string; maxPerCountry?: number; maxPerAsn?: number }
    parallelDials: number
    dialTimeout: number
    inboundBurst: number
    inboundPerSecond: number
  }
  heartbeat: { interval: number; timeout: number; maxFailures: number; maxSilence: number }
  legacyState?: string
  legacyMessages: boolean
  messaging: {
    timeout: number
    attempts: number
    maxSize: number
    maxBroadcastSize: number
    bandwidthLimit?: { perPeer?: BandwidthConfig; total?: BandwidthConfig }
  }
}

/** How the connections of a profile are shared out. */
function places(profile: Profile): Pick<NodeConfig['connections'], 'maxInbound' | 'maxOutbound' | 'minOutbound'> {
  const { inbound, outbound, minOutbound } = PROFILE_LIMITS[profile]
  return { maxInbound: inbound, maxOutbound: outbound, minOutbound }
}

const DEFAULTS: NodeConfig = {
  networkId: 'penin',
  profile: 'standard',
  listen: ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0'],
  announce: [],
  bootstrap: [],
  seeds: [],
  persistentPeers: [],
  unconditionalPeers: [],
  privatePeers: [],
  maxKnownPeers: DEFAULT_MAX_SIZE,
  foreignPeers: 'dht',
  capabilities: { agents: [], tools: [], resources: [], prompts: [] },
  discovery: {
    mdns: { enabled: true, interval: 10_000, serviceTag: '_p2p._udp.local' },
    bootstrap: true,
    pex: true,
    dht: { enabled: true, profile: 'dual' },
    udpBroadcast: { enabled: false, port: 51_515, interval: 10_000 }
  },
  connections: {
    target: 16,
    max: 32,
    ...places('standard'),
    overflow: 8,
    maxPerSubnet: MAX_PER_SUBNET,
    wishes: [],
    parallelDials: 8,
    dialTimeout: 10_000,
    inboundBurst: 32,
    inboundPerSecond: 4
  },
  heartbeat: { interval: 30_000, timeout: 10_000, maxFailures: 3, maxSilence: 60_000 },
  legacyMessages: false,
  messaging: {
    timeout: 60_000,
    attempts: 3,
    maxSize: MESSAGING_LIMITS.maxMessageBytes,
    maxBroadcastSize: BROADCAST_LIMITS.maxMessageBytes
  }
}

const PROFILE_CONNECTIONS: Record<Profile, Partial<NodeConfig['connections']>> = {
  minimal: { target: 4, max: 8, ...places('minimal'), overflow: 4, parallelDials: 4 },
  standard: {},
  bridge: {
    target: 64,
    max: 128,
    ...places('bridge'),
    overflow: 128,
    maxPerSubnet: BOOTSTRAP_MAX_PER_SUBNET,
    parallelDials: 16,
    inboundBurst: 256,
    inboundPerSecond: 32
  }
}

/** The settings of a profile for which nothing else says otherwise; a fresh copy each time. */
export function profileDefaults(profile: Profile = 'standard'): NodeConfig {
  const defaults = structuredClone(DEFAULTS)
  return { ...defaults, profile, connections: { ...defaults.connections, ...PROFILE_CONNECTIONS[profile] } }
}
