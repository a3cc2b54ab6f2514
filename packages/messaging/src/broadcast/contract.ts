import type { ComponentLogger, PeerId, PeerStore, PrivateKey, Startable } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Clock, PeerReporter } from '@penin/interface'
import type { Payload } from '../direct/handlers.js'
import type { BroadcastLimits } from './limits.js'
import type { BroadcastRegistrar } from './router.js'
import type { ScoreOf } from './score.js'
import type { BroadcastCounts } from './statistics.js'
import type { BroadcastHandler, BroadcastValidator } from './subscriptions.js'

export interface BroadcastInit {
  /** Separates networks: a message of another one is never taken or passed on. 1 to 64 characters of A-Z a-z 0-9 . _ - */
  networkId: string
  /**
   * Whether a connected peer belongs to this network; others get nothing and are not listened to. Call `peerGreeted` when
   * it becomes true.
   *
   * @default everybody
   */
  isPeer?: (peer: PeerId) => boolean
  /** Reputation of a peer, 0..100, 50 for an unknown one: part of its GossipSub score. @default 50 for all */
  scoreOf?: ScoreOf
  /** Told of every offence; `BroadcastOffence` lists the reasons. */
  reporter?: PeerReporter
  limits?: Partial<BroadcastLimits>
  /** Milliseconds that a validator may take; then the message is ignored. @default 2_000 */
  validatorTimeout?: number
  /** Milliseconds after which a handler is taken to have failed and its place is free again. @default 30_000 */
  handlerTimeout?: number
  /** Milliseconds between two rounds of upkeep; the whole network should have the same. @default 1_000 */
  heartbeatInterval?: number
  clock?: Clock
}

export interface BroadcastComponents {
  peerId: PeerId
  privateKey: PrivateKey
  peerStore: PeerStore
  registrar: BroadcastRegistrar
  connectionManager: Pick<ConnectionManager, 'getConnections'>
  logger: ComponentLogger
}

export interface PublishOptions {
  /**
   * Not to fail when nobody that is connected has subscribed. Peers that subscribe within the next seconds still get it.
   *
   * @default false
   */
  allowNoSubscribers?: boolean
  signal?: AbortSignal
}

export interface SubscribeOptions {
  /** Checks each message before it is delivered and passed on. @default every message is good */
  validate?: BroadcastValidator
}

/** What a broadcast service has done so far, and how it is connected. */
export interface BroadcastStats {
  total: BroadcastCounts
  /** The topics of which something was heard last, 256 at most. */
  topics: Record<string, BroadcastCounts>
  /** Peers to which messages go. */
  peers: number
  /** For each subscribed topic: who of them has subscribed to it, and how many messages come from at once. */
  subscriptions: Record<string, { subscribers: number; mesh: number }>
  /** Messages that validators and handlers have not done with. */
  pending: number
}

/**
 * Messages to everybody who has subscribed to a topic, passed on from peer to peer by GossipSub. Each is signed by its
 * author and reaches each handler once, in no certain order; a peer that is away or overloaded misses it.
 */
export interface Broadcast extends Startable {
  /**
   * Sends a message to all subscribers but this node itself; resolves with how many peers it was handed to, which pass
   * it on.
   *
   * @throws NoSubscribersError, BroadcastTooLongError, BroadcastRateError, PublishFailedError
   * @throws NotRunningError, InvalidArgumentError, the signal's reason
   */
  publish(topic: string, payload: Payload, options?: PublishOptions): Promise<{ recipients: number }>
  /**
   * Takes the messages of a topic from now on, also before `start` and after a restart. The function returned ends that.
   *
   * @throws TooManyTopicsError, InvalidArgumentError
   */
  subscribe(topic: string, handler: BroadcastHandler, options?: SubscribeOptions): () => void
  /** To be called when a connected peer has been found to belong to this network. */
  peerGreeted(peer: PeerId): void
  /** Connected peers that have subscribed to a topic. @throws InvalidArgumentError */
  subscribers(topic: string): PeerId[]
  stats(): BroadcastStats
}
