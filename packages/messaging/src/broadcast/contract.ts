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
  /**
   * When GossipSub is started. `with-node`: with the node. `first-use`: with the first `publish`, `subscribe` or
   * `subscribers` of a started node, or with the node if it has subscribed before; until then its protocols are not
   * registered, and no peer has a stream, which costs about 22 KiB of heap for each connection. Such a node passes
   * nothing on, but neither does one that has subscribed to nothing. If it can't be started, `publish` throws, a
   * `subscribe` is only logged, and the next use tries again.
   *
   * @default 'with-node'
   */
  start?: 'with-node' | 'first-use'
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
  /** Whether GossipSub runs: see `start` of {@link BroadcastInit}. */
  running: boolean
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
   * it on. Right after the start it waits, 3 s at most, for the peers that are connected to say what they have
   * subscribed to.
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
  /**
   * Connected peers that have subscribed to a topic, as far as they have said so yet. Whoever asks wants to know, so this
   * is a use of the node, too: see `start`.
   *
   * @throws InvalidArgumentError
   */
  subscribers(topic: string): PeerId[]
  /**
   * How many messages a peer was the first to bring that a validator has found good and a handler was given, since the
   * last call. They are counted for the 1024 peers that brought one last.
   */
  takeUseful(peer: PeerId): number
  /** What has happened so far. To ask is no use of the node. */
  stats(): BroadcastStats
}
