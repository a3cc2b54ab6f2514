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
  /** Bans in force; a permanent one ends at `null`, for JSON has no Infinity. */
  bans: { params: undefined; result: Array<{ kind: 'peer' | 'group'; key: string; until: number | null }> }
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
  /** The numbered messages that have come, of the type `numbers`. */
  received: { params: undefined; result: Received }
  send: {
    params: { peer: string; type: string; text: string; durable?: boolean }
    result: undefined
  }
  sendMany: { params: SendMany; result: Sent }
  /** Starts so many more nodes in the same process, each with identity, port and connections of its own. */
  join: { params: { count: number; config: ConfigInput }; result: string[] }
  /** Every node of the process subscribes to a topic; what begins with `forbidden` is invalid. */
  subscribe: { params: { topic: string; forbidden?: string }; result: undefined }
  /** The node with a number publishes a text; the result says to how many peers it went at once. */
  publish: { params: { at: number; topic: string; text: string }; result: number }
  heard: { params: string; result: Heard[] }
  /** Statistics of every node of the process. */
  statsOfAll: { params: undefined; result: NodeStats[] }
  /** Peer ids that libp2p's peer store holds. */
  stored: { params: undefined; result: string[] }
}

/** Numbered messages that have come, by sender. */
export type Received = Record<string, { count: number; distinct: number; disorder: number }>

/** Messages numbered from 0, to each of some peers. */
export interface SendMany {
  to: string[]
  type: string
  /** To each. */
  count: number
  /** To each. */
  perSecond: number
  /** Bytes of a message. */
  size: number
  durable?: boolean
}

/** What came of them. Milliseconds run from the call to the receiver's acknowledgement. */
export interface Sent {
  taken: number
  failed: Record<string, number>
  p50: number
  p99: number
  max: number
  /** Until the outcome of the last. */
  ms: number
}

/** What a node has heard of a topic. */
export interface Heard {
  id: string
  texts: string[]
  count: number
  /** Milliseconds from each publication to the handler. */
  delays: number[]
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
