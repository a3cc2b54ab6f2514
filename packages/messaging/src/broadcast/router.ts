import {
  gossipsub,
  StrictSign,
  type GossipSub,
  type GossipSubComponents,
  type GossipsubOpts,
  type PublishResult
} from '@libp2p/gossipsub'
import type { RPC } from '@libp2p/gossipsub/message'
import type { PeerScore } from '@libp2p/gossipsub/score'
import type { PeerId, Startable } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { GossipsubIncompatibleError } from './errors.js'
import { frameLimits } from './frames.js'
import { maxFrameBytes, SEEN_TTL, type BroadcastLimits } from './limits.js'
import { ANNOUNCED_HEARTBEATS, BoundedMessageCache, KEPT_HEARTBEATS } from './message-cache.js'
import { claimedKey, idKey, messageId } from './message-id.js'
import { SCORE_THRESHOLDS, scoreParams, topicScores, type ScoreOf } from './score.js'
import type { TopicNames } from './topics.js'

/** What is needed of libp2p's registrar. */
export type BroadcastRegistrar = Pick<Registrar, 'handle' | 'unhandle' | 'register' | 'unregister' | 'getProtocols'>

/** GossipSub as it is, beyond what its types say. */
export interface Router extends Omit<GossipSub, 'publish'>, Startable {
  readonly peers: Map<string, PeerId>
  readonly streamsOutbound: Map<string, unknown>
  readonly mesh: Map<string, Set<string>>
  readonly score: PeerScore
  acceptFrom(peer: string): boolean
  getScore(peer: string): number
  handleReceivedRpc(from: PeerId, rpc: RPC): Promise<void>
  publish(
    topic: string,
    data: Uint8Array,
    options?: { allowPublishToZeroTopicPeers?: boolean; floodPublish?: boolean }
  ): Promise<PublishResult>
}

export interface RouterInit {
  names: TopicNames
  limits: BroadcastLimits
  scoreOf: ScoreOf | undefined
  heartbeatInterval: number
  /** Called for each message whose signature is right and that has not been seen; it throws to have it dropped. */
  onVerified: (author: PeerId, number: bigint) => void
  onBadSignature: (from: string, topic: string) => void
  onDuplicate: (topic: string) => void
}

/** Bytes that wait for a slow peer before its stream is given up; it gets what it has missed by asking. */
const OUTBOUND_BYTES = 4 * 1024 * 1024

/** What a topic costs in GossipSub's own account of a peer's topics, beside its name. */
const TOPIC_COST = 1024

/** @throws GossipsubIncompatibleError */
export function createRouter(components: GossipSubComponents, init: RouterInit): Router {
  const router = gossipsub(options(init))(components) as Router
  for (const part of ['streamsOutbound', 'mesh', 'score', 'acceptFrom', 'handleReceivedRpc', 'getScore'] as const) {
    if (router[part] === undefined) {
      throw new GossipsubIncompatibleError(part)
    }
  }
  const { score } = router
  for (const part of ['params', 'scoreCache', 'rejectInvalidMessage', 'duplicateMessage'] as const) {
    if (score[part] === undefined) {
      throw new GossipsubIncompatibleError(`score.${part}`)
    }
  }
  score.params.topics = topicScores(init.names.prefix)
  // The one way to learn who sent a message whose signature is wrong; all else that it is called for stops at the gate.
  const reject = score.rejectInvalidMessage.bind(score)
  score.rejectInvalidMessage = (from, topic) => {
    reject(from, topic)
    init.onBadSignature(from, topic)
  }
  const repeat = score.duplicateMessage.bind(score)
  score.duplicateMessage = (from, id, topic) => {
    repeat(from, id, topic)
    init.onDuplicate(topic)
  }
  return router
}

function options({ names, limits, scoreOf, heartbeatInterval, onVerified }: RouterInit): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictSign,
    // Peers of the older protocol are sent everything, whatever their score.
    fallbackToFloodsub: false,
    // Peers that a peer names are not dialled: only the dialler dials.
    doPX: false,
    emitSelf: false,
    // A tag keeps a connection from being pruned, and peers could give themselves one.
    tagMeshPeers: false,
    heartbeatInterval,
    // So that a frame is done with when its messages are, and no peer has more of them in work than it may.
    awaitRpcMessageHandler: true,
    batchPublish: true,
    allowPublishToZeroTopicPeers: false,
    seenTTL: SEEN_TTL,
    mcacheLength: KEPT_HEARTBEATS,
    mcacheGossip: ANNOUNCED_HEARTBEATS,
    messageCache: new BoundedMessageCache(limits.cacheBytes) as unknown as GossipsubOpts['messageCache'],
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    maxInboundDataLength: maxFrameBytes(limits),
    maxOutboundBufferSize: OUTBOUND_BYTES,
    maxTopicBytesPerPeer: limits.topics * (TOPIC_COST + names.maxLength),
    decodeRpcLimits: frameLimits(limits),
    // The same key twice: once before the signature is checked, so that copies cost no check. It is remembered only
    // of messages whose signature was right.
    fastMsgIdFn: claimedKey,
    msgIdToStrFn: idKey,
    msgIdFn: (message) => {
      if (message.type !== 'signed') {
        throw new GossipsubIncompatibleError('strict signing')
      }
      onVerified(message.from, message.sequenceNumber)
      return messageId(message.from.toMultihash().bytes, message.sequenceNumber)
    },
    scoreParams: scoreParams(scoreOf),
    scoreThresholds: SCORE_THRESHOLDS
  }
}
