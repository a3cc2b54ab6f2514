import type { LegacyPeer } from '@penin/udp-broadcast'
import type { ConfigInput, Explanation, NodeEvents, NodeStats, PeerFilter, PeerInfoJson } from '@penin/node'

/** What the parent can ask a node process for: parameters and result by name. */
export interface Methods {
  /** Starts the node; once per process. */
  create: { params: ConfigInput; result: { id: string; addresses: string[]; warnings: string[] } }
  stop: { params: undefined; result: undefined }
  peers: { params: PeerFilter; result: PeerInfoJson[] }
  stats: { params: undefined; result: NodeStats }
  explain: { params: string; result: Explanation }
  add: { params: { address: string; expectedPublicKey?: string }; result: PeerInfoJson }
  remove: { params: string; result: undefined }
  connections: { params: undefined; result: ConnectionJson[] }
  legacy: { params: undefined; result: { peers: LegacyPeer[]; knownPeers: string[] } }
  setCapabilities: { params: NonNullable<ConfigInput['capabilities']>; result: undefined }
  /** After a garbage collection. */
  memory: { params: undefined; result: { heapUsed: number; rss: number } }
  /** Writes so many records of 1 KiB to the node's database and takes them back, to see what the disk says. */
  write: { params: number; result: undefined }
  /** Moves the node's wall clock by so many milliseconds, as an administrator or a bad time server would. */
  jumpClock: { params: number; result: undefined }
  /** Keys of the node's database that begin with a prefix. */
  keys: { params: string; result: string[] }
  /** Peer ids that libp2p's peer store holds. */
  stored: { params: undefined; result: string[] }
}

/** A connection as it goes over the pipe. */
export interface ConnectionJson {
  id: string
  peer: string
  direction: 'inbound' | 'outbound'
  address: string
}

export interface Request<M extends keyof Methods = keyof Methods> {
  id: number
  method: M
  params: Methods[M]['params']
}

/** What a node process sends: answers, the node's events, and what must never happen. */
export type FromChild =
  | { type: 'ready' }
  | { type: 'result'; id: number; value: unknown }
  | { type: 'error'; id: number; error: { name: string; message: string } & Record<string, unknown> }
  | { type: 'event'; name: keyof NodeEvents; detail: unknown; at: number }
  | { type: 'unhandled'; error: string }

/** One of a node's events, as the parent collects it. Peer ids are strings. */
export interface NodeEvent {
  name: keyof NodeEvents
  detail: Record<string, unknown>
  /** Wall clock of the child. */
  at: number
}
