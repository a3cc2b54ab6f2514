import type { RPC } from '@libp2p/gossipsub/message'
import { ANSWER_BYTES, ANSWER_MESSAGES } from './limits.js'

/** Bytes that a kept message costs beside its payload: key, number, signature, topic and bookkeeping. */
const OVERHEAD = 1024

/** Heartbeats (seconds) for which a message is kept, and for which it is announced: GossipSub's mcache_len and mcache_gossip. */
export const KEPT_HEARTBEATS = 5
export const ANNOUNCED_HEARTBEATS = 3

interface Kept {
  message: RPC.Message
  bytes: number
  /** How often each peer has asked for it. */
  asked: Map<string, number>
}

interface Id {
  msgId: Uint8Array
  msgIdStr: string
}

/**
 * The messages of the last heartbeats, for peers that have missed some. GossipSub's own keeps as many as arrive, and
 * puts all that a peer asks for into one answer, however large; this one has a bound in bytes for both.
 */
export class BoundedMessageCache {
  /** Named so because GossipSub looks into it. */
  readonly msgs = new Map<string, Kept>()
  /** GossipSub reports it; nothing waits for validation in here. */
  readonly notValidatedCount = 0
  #bytes = 0
  #windows: Array<Array<Id & { topic: string }>> = Array.from({ length: KEPT_HEARTBEATS }, () => [])
  readonly #answered = new Map<string, { bytes: number; messages: number }>()

  constructor(readonly maxBytes: number) {}

  get size(): number {
    return this.msgs.size
  }

  get bytes(): number {
    return this.#bytes
  }

  put({ msgId, msgIdStr }: Id, message: RPC.Message): boolean {
    if (this.msgs.has(msgIdStr)) {
      return false
    }
    const bytes = (message.data?.length ?? 0) + OVERHEAD
    this.msgs.set(msgIdStr, { message, bytes, asked: new Map() })
    this.#windows[0]?.push({ msgId, msgIdStr, topic: message.topic })
    this.#bytes += bytes
    for (const oldest of this.msgs.keys()) {
      if (this.#bytes <= this.maxBytes) {
        break
      }
      this.remove(oldest)
    }
    return true
  }

  observeDuplicate(): void {
    // Only of interest where messages are validated after they were put in here.
  }

  /** Null also when the peer has had as much as it gets between two heartbeats. */
  getWithIWantCount(msgIdStr: string, peer: string): { msg: RPC.Message; count: number } | null {
    const kept = this.msgs.get(msgIdStr)
    const answered = this.#answered.get(peer) ?? { bytes: 0, messages: 0 }
    if (kept === undefined || answered.bytes >= ANSWER_BYTES || answered.messages >= ANSWER_MESSAGES) {
      return null
    }
    answered.bytes += kept.bytes
    answered.messages++
    this.#answered.set(peer, answered)
    const count = (kept.asked.get(peer) ?? 0) + 1
    kept.asked.set(peer, count)
    return { msg: kept.message, count }
  }

  getGossipIDs(topics: Set<string>): Map<string, Uint8Array[]> {
    const ids = new Map<string, Uint8Array[]>()
    for (const { msgId, msgIdStr, topic } of this.#windows.slice(0, ANNOUNCED_HEARTBEATS).flat()) {
      if (topics.has(topic) && this.msgs.has(msgIdStr)) {
        const ofTopic = ids.get(topic) ?? []
        ids.set(topic, ofTopic)
        ofTopic.push(msgId)
      }
    }
    return ids
  }

  remove(msgIdStr: string): null {
    this.#bytes -= this.msgs.get(msgIdStr)?.bytes ?? 0
    this.msgs.delete(msgIdStr)
    return null
  }

  /** Called at each heartbeat. */
  shift(): void {
    this.#answered.clear()
    for (const { msgIdStr } of this.#windows.pop() ?? []) {
      this.remove(msgIdStr)
    }
    this.#windows.unshift([])
  }
}
