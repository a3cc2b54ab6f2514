import type { RPC } from '@libp2p/gossipsub/message'
import type { PeerId } from '@libp2p/interface'
import type { BroadcastLimits } from './limits.js'
import { ID_BYTES, isSame, isSigned } from './message-id.js'
import type { Blame, BroadcastOffence } from './offences.js'
import type { BroadcastStatistics, DropReason } from './statistics.js'
import type { TopicNames } from './topics.js'

/** Seconds for which a peer may ask to be left out of a mesh; GossipSub would remember whatever it says. */
const MAX_BACKOFF = 600

/** What is dropped, what for, and whether the sender is to blame. */
const BLAMED: Partial<Record<DropReason, BroadcastOffence>> = {
  'too-long': 'broadcast-too-long',
  unsigned: 'broadcast-unsigned'
}

export interface GateInit {
  names: TopicNames
  limits: BroadcastLimits
  /** This node's multihash. */
  self: Uint8Array
  isSubscribed: (topic: string) => boolean
  statistics: BroadcastStatistics
  blame: Blame
}

/** Lets through what GossipSub should see of a frame: it believes every topic, id and number that peers think of. */
export class Gate {
  /** Topics of each peer. */
  readonly #topics = new Map<string, Set<string>>()

  constructor(private readonly init: GateInit) {}

  /** How many topics of how many peers are kept track of. */
  get size(): { peers: number; topics: number } {
    const sets = [...this.#topics.values()]
    return { peers: sets.length, topics: sets.reduce((sum, { size }) => sum + size, 0) }
  }

  filter(peer: PeerId, rpc: RPC): RPC {
    const filtered: RPC = {
      subscriptions: this.#subscriptions(peer, rpc.subscriptions),
      messages: rpc.messages.flatMap((message) => (this.#check(peer, message) ? [ownCopy(message)] : []))
    }
    if (rpc.control !== undefined) {
      filtered.control = controlOf(rpc.control)
    }
    return filtered
  }

  forget(peer: PeerId): void {
    this.#topics.delete(peer.toString())
  }

  clear(): void {
    this.#topics.clear()
  }

  #subscriptions(peer: PeerId, entries: RPC.SubOpts[]): RPC.SubOpts[] {
    const { names, limits, blame } = this.init
    const topics = this.#topics.get(peer.toString()) ?? new Set()
    let isFlood = false
    const kept = entries.filter(({ topic, subscribe }) => {
      if (topic === undefined || names.fromWire(topic) === undefined) {
        return false
      }
      if (subscribe !== true) {
        return topics.delete(topic)
      }
      if (!topics.has(topic) && topics.size >= limits.topics) {
        isFlood = true
        return false
      }
      topics.add(topic)
      return true
    })
    if (topics.size > 0) {
      this.#topics.set(peer.toString(), topics)
    } else {
      this.forget(peer)
    }
    if (isFlood) {
      blame(peer, 'broadcast-topic-flood')
    }
    return kept
  }

  #check(peer: PeerId, message: RPC.Message): boolean {
    const { names, isSubscribed, self, statistics, blame } = this.init
    const topic = names.fromWire(message.topic)
    if (topic !== undefined && isSubscribed(topic) && message.from !== undefined && isSame(message.from, self)) {
      statistics.duplicate(topic) // an own message that comes back by another way, or an old one of an earlier run
      return false
    }
    const reason = this.#fault(topic, message)
    if (reason === undefined) {
      return true
    }
    statistics.dropped(reason, topic !== undefined && isSubscribed(topic) ? topic : undefined)
    const offence = BLAMED[reason]
    if (offence !== undefined) {
      blame(peer, offence)
    }
    return false
  }

  #fault(topic: string | undefined, message: RPC.Message): DropReason | undefined {
    const { limits, isSubscribed } = this.init
    if (topic === undefined) {
      return 'foreign-topic'
    }
    if (!isSubscribed(topic)) {
      return 'not-subscribed'
    }
    if ((message.data?.length ?? 0) > limits.maxMessageBytes) {
      return 'too-long'
    }
    return isSigned(message) ? undefined : 'unsigned'
  }
}

/** Ids of the right length; peer exchange is left out, and what peers say of time has a bound. */
function controlOf({ ihave, iwant, graft, prune, idontwant }: RPC.ControlMessage): RPC.ControlMessage {
  return {
    ihave: ihave.map(({ topicID, messageIDs }) => ({ ...(topicID !== undefined && { topicID }), ...ids(messageIDs) })),
    iwant: iwant.map(({ messageIDs }) => ids(messageIDs)),
    graft,
    prune: prune.map(({ topicID, backoff }) => ({
      ...(topicID !== undefined && { topicID }),
      ...(backoff !== undefined && { backoff: Math.min(backoff, MAX_BACKOFF) }),
      peers: []
    })),
    idontwant: idontwant.map(({ messageIDs }) => ids(messageIDs))
  }
}

function ids(messageIDs: Uint8Array[]): { messageIDs: Uint8Array[] } {
  return { messageIDs: messageIDs.filter(({ length }) => length === ID_BYTES) }
}

/** A message that does not keep the frame in memory that it came in. */
function ownCopy({ topic, ...parts }: RPC.Message): RPC.Message {
  const copied: RPC.Message = { topic }
  for (const part of ['from', 'data', 'seqno', 'signature', 'key'] as const) {
    const bytes = parts[part]
    if (bytes !== undefined) {
      copied[part] = new Uint8Array(bytes)
    }
  }
  return copied
}
