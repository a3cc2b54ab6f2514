import type { DialReason, Refusal } from '@penin/connection-manager'
import type { MdnsStats } from '@penin/mdns'
import type { PexStats } from '@penin/pex'
import type { UdpBroadcastStats } from '@penin/udp-broadcast'
import type { LegacyStats } from './legacy-wiring.js'
import type { PeerSource } from '@penin/interface'
import type { BroadcastStats, MessageStats } from '@penin/messaging'
import type { BookStats, BookStorageStats, Store } from '@penin/peer-store'

/** Counters that only grow, from the start of the node. */
export interface Counters {
  discovered: Partial<Record<PeerSource, number>>
  /** `byReason` counts those that were begun. */
  dials: { ok: number; failed: number; byReason: Partial<Record<DialReason, number>> }
  peersConnected: number
  peersDisconnected: number
  peersRefused: Record<string, number>
  wakeUps: number
  isolations: number
  /** Bytes of connections that are closed by now. */
  closedBytesIn: number
  closedBytesOut: number
}

/** Fresh counters. */
export function newCounters(): Counters {
  return {
    discovered: {},
    dials: { ok: 0, failed: 0, byReason: {} },
    peersConnected: 0,
    peersDisconnected: 0,
    peersRefused: {},
    wakeUps: 0,
    isolations: 0,
    closedBytesIn: 0,
    closedBytesOut: 0
  }
}

/** One JSON-able snapshot of the node. Durations are milliseconds. */
export interface NodeStats {
  id: string
  networkId: string
  profile: string
  version: string
  addresses: string[]
  uptime: number
  peers: { connected: number; target: number; max: number; known: number; dialling: number }
  connections: {
    inbound: number
    outbound: number
    dead: number
    duplicates: number
    refused: Record<Refusal['reason'], number>
  }
  counters: Counters
  traffic: { bytesIn: number; bytesOut: number }
  dht: Record<string, { mode: string; peers: number }>
  pex?: PexStats
  /** Direct messages with all peers together, and broadcast; `node.messages.stats()` has them by peer. */
  messages: MessageStats & { broadcast: BroadcastStats }
  mdns?: MdnsStats & { interfaces: string[] }
  udp?: UdpBroadcastStats & { interfaces: string[] }
  legacy?: LegacyStats
  book: BookStats & BookStorageStats
  /** Peers that are remembered, bans in force, and reports of misbehaviour by reason. */
  reputation: {
    peers: number
    bans: number
    groupBans: number
    reports: Record<string, number>
  } & BookStorageStats
  store: ReturnType<Store['stats']>
  memory: { rss: number; heapUsed: number }
  warnings: string[]
}
