import { InvalidArgumentError } from '@penin/interface'

const KIB = 1024
const MIB = 1024 * KIB

/** Bytes of a broadcast that every network may allow; GossipSub implementations commonly cut off at 1 MiB. */
const MAX_MESSAGE_BYTES = MIB

/** Messages whose ids are waiting to be forgotten: see {@link SEEN_TTL}. */
export const SEEN_TTL = 120_000

/** Bounds of memory and work. All nodes of a network should have the same `maxMessageBytes` and topic counts. */
export interface BroadcastLimits {
  /**
   * Bytes of one payload; at most 1 MiB. Each message crosses about six links for each node, and is kept for 5 s.
   *
   * @default 64 KiB
   */
  maxMessageBytes: number
  /** Topics that this node may subscribe to, and that it keeps track of for each peer. @default 64 */
  topics: number
  /**
   * New messages a second, of all authors together, with a burst of twice as many. The ids of two minutes are
   * remembered, at about 0.8 KB each, so this is what bounds that memory. Raise it on all nodes alike.
   *
   * @default 500
   */
  messagesPerSecond: number
  /** Messages that validators and handlers have not done with. @default 1024 */
  pendingMessages: number
  /** Their bytes. @default 16 MiB */
  pendingBytes: number
  /** Bytes of messages kept for 5 s, for peers that ask for what they have missed; the oldest go first. @default 16 MiB */
  cacheBytes: number
  /** Bytes a second that are read from one peer, with a burst of twice as many; then it has to wait. @default 4 MiB */
  peerBytesPerSecond: number
  /** Authors whose latest sequence numbers are remembered against late replays. @default 16,384 */
  authors: number
  /**
   * Own messages up to this size go to every subscriber that is connected, which nobody in the mesh can then withhold;
   * larger ones only to the mesh, for a message to 100 peers would leave this node 100 times.
   *
   * @default 4 KiB
   */
  floodPublishBytes: number
}

/** The defaults. */
export const BROADCAST_LIMITS: BroadcastLimits = {
  maxMessageBytes: 64 * KIB,
  topics: 64,
  messagesPerSecond: 500,
  pendingMessages: 1024,
  pendingBytes: 16 * MIB,
  cacheBytes: 16 * MIB,
  peerBytesPerSecond: 4 * MIB,
  authors: 16_384,
  floodPublishBytes: 4 * KIB
}

/** @throws InvalidArgumentError for a limit that can't be kept */
export function checkBroadcastLimits(limits: BroadcastLimits): BroadcastLimits {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < (name === 'floodPublishBytes' ? 0 : 1)) {
      throw new InvalidArgumentError(`limits.${name}`, String(value), 'a whole number of at least 1')
    }
  }
  if (limits.maxMessageBytes > MAX_MESSAGE_BYTES) {
    throw new InvalidArgumentError('limits.maxMessageBytes', String(limits.maxMessageBytes), 'at most 1 MiB')
  }
  return limits
}

/**
 * Bytes of messages in one answer to a peer that asks for what it has missed, and in all answers to it between two
 * heartbeats. GossipSub puts the whole answer into one frame, which must stay below {@link maxFrameBytes}.
 */
export const ANSWER_BYTES = 512 * KIB

/** Messages in such answers. */
export const ANSWER_MESSAGES = 500

/** Messages in one frame: an honest one holds a message, or an answer of {@link ANSWER_MESSAGES}. */
export const FRAME_MESSAGES = 2 * ANSWER_MESSAGES

/** Ids in one announcement or request: what GossipSub itself sends at most (GossipSubMaxIHaveLength). */
export const FRAME_IDS = 5000

/** Bytes of one frame: an answer that was one message short of its bound, or {@link FRAME_IDS} ids of 46 bytes. */
export function maxFrameBytes({ maxMessageBytes }: BroadcastLimits): number {
  return ANSWER_BYTES + maxMessageBytes + 256 * KIB
}
