import type { Side } from '../bench.js'
import type { RivalName } from './messages/rival.js'

/** How a node is to be made. What isn't said is the default of its side. */
export interface Setup {
  /** Separates this measurement from everything else on the machine. */
  networkId: string
  /** On a port of 127.0.0.1, or not at all. @default true */
  listen?: boolean
  /** The address of the one node that the others know. */
  bootstrap?: string
  /** Ours only: find others by multicast DNS, on 127.0.0.1. @default false */
  mdns?: boolean
  /** Theirs only, ours always has them: a DHT for private addresses. @default false */
  dht?: boolean
  /** Ours only, theirs never does: dial peers that it knows without being asked. @default true */
  dialsByItself?: boolean
  /** Whether connections are pinged now and then, as both sides do; off, a ping can't fall into a measurement. @default true */
  pings?: boolean
  /** Ours only, theirs has no such thing: find others through a DHT. @default true */
  ownDht?: boolean
  /** Connections to take at most, where the default would turn some away. */
  maxConnections?: number
}

/** One dial, in milliseconds from the call. */
export interface DialTimes {
  /** Until there is a connection, encrypted and multiplexed. */
  open: number
  /** Until the peers know each other: the end of identify (theirs), of hello (ours). */
  ready: number
}

/** In bytes, after garbage collection. */
export interface Memory {
  heap: number
  rss: number
}

/** What can be asked of a worker. */
export interface Methods {
  /** Loads the code, makes the worker's node; `ms` without the loading, `sinceProcessStart` from the birth of the process. */
  start: { params: { side: Side; setup: Setup }; result: { ms: number; sinceProcessStart: number; address: string } }
  /** Dials one after the other, with a hang-up and a rest after each. */
  dial: { params: { address: string; warmUps: number; count: number }; result: DialTimes[] }
  /** Makes `count` more nodes, each connected to `address`; they stay. */
  crowd: { params: { side: Side; setup: Setup; count: number; address: string }; result: null }
  /** Loads the code and makes a node that is thrown away, so that what comes next is not about loading. */
  load: { params: { side: Side; setup: Setup }; result: null }
  /** Makes `count` nodes at once that know a bootstrap node; answers when each is connected to it. */
  join: { params: { side: Side; setup: Setup; count: number }; result: null }
  /** Answers when that many peers are connected to the worker's node and known to it. */
  untilPeers: { params: { count: number }; result: null }
  memory: { params: null; result: Memory }
  /** How many peers are connected to the worker's node and known to it, and how many no longer. */
  peers: { params: null; result: { ready: number; lost: number } }
  /** Makes a plain libp2p node and one with gater, keeper and trimmer; answers with where they listen. */
  startGated: { params: { listen: boolean }; result: Record<Side, string> }
  /** Dials with both, one after the other: milliseconds. */
  dialInTurns: {
    params: { addresses: Record<Side, string>; warmUps: number; count: number }
    result: Record<Side, number[]>
  }
  /** Fills an address book and works with it: microseconds for one operation. */
  bookWork: { params: { entries: number }; result: { add: number; pick: number } }
  /** Writes an address book into the database of a data folder. */
  bookWrite: { params: { dataDir: string; entries: number }; result: null }
  /** Opens it, in milliseconds from when the database is open, and says how many entries came back. */
  bookOpen: { params: { dataDir: string }; result: { ms: number; entries: number } }
  /** Takes answers of peer exchange that hold nothing of use: milliseconds of CPU time, without signature checks. */
  pexJunk: { params: { records: number }; result: number }
  /** Answers a question for which there is an answer already: milliseconds. */
  pexAnswer: { params: { records: number }; result: number }
  /** Makes `count` nodes that know one bootstrap node; answers when each has so many peers. */
  gather: { params: { setup: Setup; count: number; peers: number }; result: null }
  /** Makes the worker a receiver of messages; answers with what the sender needs to know. */
  receiveMessages: { params: { rival: RivalName }; result: string }
  /** Connects the worker to a receiver. */
  connectToReceiver: { params: { rival: RivalName; address: string }; result: null }
  /** Sends many messages as fast as they are acknowledged: microseconds for one. */
  flood: { params: { size: number; count: number }; result: number }
  /** Sends one message at a time: microseconds. */
  roundTrips: { params: { size: number; count: number }; result: { p50: number; p99: number } }
  /** CPU time of the process so far, in microseconds. */
  cpu: { params: null; result: number }
}

export type Method = keyof Methods

/** From the bench to a worker. */
export type Request = { [M in Method]: { id: number; method: M; params: Methods[M]['params'] } }[Method]

/** From a worker to the bench. */
export type Response = { id: number; result: Methods[Method]['result'] } | { id: number; error: string }
