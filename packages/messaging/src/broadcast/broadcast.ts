import { TopicValidatorResult, type GossipsubMessage, type Message } from '@libp2p/gossipsub'
import type { RPC } from '@libp2p/gossipsub/message'
import { serviceCapabilities, serviceDependencies, type Logger, type PeerId, type Stream } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { peerIdFromString } from '@libp2p/peer-id'
import { InvalidArgumentError, NotRunningError, RateLimiter, systemClock, type Clock } from '@penin/interface'
import { payloadBytes, type Payload } from '../direct/handlers.js'
import type {
  Broadcast,
  BroadcastComponents,
  BroadcastInit,
  BroadcastStats,
  PublishOptions,
  SubscribeOptions
} from './contract.js'
import {
  BroadcastRateError,
  BroadcastTooLongError,
  MessageDroppedError,
  NoSubscribersError,
  PublishFailedError
} from './errors.js'
import { FirstBringers } from './first-bringers.js'
import { decodeFrame } from './frames.js'
import { Gate } from './gate.js'
import { InboundReader } from './inbound.js'
import { BROADCAST_LIMITS, checkBroadcastLimits, maxFrameBytes, type BroadcastLimits } from './limits.js'
import { Links } from './links.js'
import { blameTo, type Blame } from './offences.js'
import { ReplayGuard } from './replay-guard.js'
import { createRouter, type Router } from './router.js'
import { BroadcastStatistics, copy } from './statistics.js'
import { newMessage, Subscriptions, type BroadcastHandler, type BroadcastMessage } from './subscriptions.js'
import { TopicNames } from './topics.js'

/** Milliseconds for peers to take what is on its way to them when the service stops. */
const CLOSE_TIMEOUT = 1_000

class BroadcastImpl implements Broadcast {
  readonly [Symbol.toStringTag] = '@penin/messaging/broadcast'
  readonly [serviceCapabilities] = ['@libp2p/pubsub']
  readonly [serviceDependencies] = ['@libp2p/identify']

  readonly #self: PeerId
  readonly #clock: Clock
  readonly #log: Logger
  readonly #limits: BroadcastLimits
  readonly #names: TopicNames
  readonly #statistics = new BroadcastStatistics()
  readonly #subscriptions: Subscriptions
  readonly #gate: Gate
  readonly #links: Links
  readonly #router: Router
  readonly #replays: ReplayGuard
  readonly #rates: RateLimiter
  readonly #blame: Blame
  readonly #bringers = new FirstBringers()
  readonly #isLazy: boolean
  #isWanted = false
  #isUsed = false
  #isRunning = false
  #change: Promise<void> = Promise.resolve()

  constructor(components: BroadcastComponents, init: BroadcastInit) {
    const { peerId, privateKey, peerStore, registrar, connectionManager, logger } = components
    if (privateKey.type !== 'Ed25519') {
      throw new InvalidArgumentError('privateKey', privateKey.type, 'Ed25519')
    }
    const { isPeer = () => true, validatorTimeout = 2_000, handlerTimeout = 30_000 } = init
    const [self, clock] = [peerId, init.clock ?? systemClock]
    const limits = checkBroadcastLimits({ ...BROADCAST_LIMITS, ...init.limits })
    this.#self = self
    this.#clock = clock
    this.#limits = limits
    this.#isLazy = init.start === 'first-use'
    this.#log = logger.forComponent('penin:broadcast')
    this.#names = new TopicNames(init.networkId)
    this.#blame = blameTo(init.reporter)
    this.#replays = new ReplayGuard(limits.authors, clock)
    const perSecond = limits.messagesPerSecond
    this.#rates = new RateLimiter({ burst: 2 * perSecond, perSecond }, clock)
    this.#subscriptions = new Subscriptions({
      limits,
      clock,
      validatorTimeout,
      handlerTimeout,
      onHandlerFailure: this.#onHandlerFailure
    })
    this.#gate = new Gate({
      names: this.#names,
      limits,
      self: self.toMultihash().bytes,
      isSubscribed: (topic) => this.#subscriptions.has(topic),
      statistics: this.#statistics,
      blame: this.#blame
    })
    this.#links = new Links({
      registrar,
      connectionManager,
      clock,
      isPeer,
      hasTopics: () => this.#subscriptions.topics.length > 0,
      hasStream: (peer) => this.#router.streamsOutbound.has(peer.toString()),
      read: (stream, peer, onEnd) => this.#read(stream, peer, onEnd),
      onGone: this.#onGone
    })
    this.#router = createRouter(
      {
        peerId,
        privateKey,
        peerStore,
        logger,
        registrar: this.#links.registration.face,
        // It is for dialling only, which GossipSub never does here.
        connectionManager: connectionManager as ConnectionManager
      },
      {
        names: this.#names,
        limits,
        scoreOf: init.scoreOf,
        heartbeatInterval: init.heartbeatInterval ?? 1_000,
        onVerified: this.#onVerified,
        onBadSignature: this.#onBadSignature,
        onDuplicate: (wireTopic) => {
          this.#statistics.duplicate(this.#names.fromWire(wireTopic))
        }
      }
    )
  }

  async start(): Promise<void> {
    this.#isWanted = true
    await this.#settle()
    if (this.#isWanted && !this.#isRunning) {
      await this.#links.registration.disclaim()
    }
  }

  async stop(): Promise<void> {
    this.#isWanted = false
    this.#isUsed = false
    this.#links.introductions.end()
    await this.#settle()
  }

  get #shouldRun(): boolean {
    return this.#isWanted && (!this.#isLazy || this.#isUsed || this.#subscriptions.topics.length > 0)
  }

  /** One change after the other: GossipSub would register itself twice. */
  async #settle(): Promise<void> {
    this.#change = this.#change
      .catch(() => {
        // Whoever asked for it was told.
      })
      .then(async () => {
        if (this.#shouldRun && !this.#isRunning) {
          await this.#begin()
        } else if (!this.#isWanted && this.#isRunning) {
          await this.#end()
        }
      })
    await this.#change
  }

  async #begin(): Promise<void> {
    this.#router.addEventListener('gossipsub:message', this.#onMessage)
    this.#links.prepare()
    try {
      await this.#router.start()
    } catch (error) {
      this.#links.stop()
      await this.#links.registration.revoke()
      throw error
    }
    this.#isRunning = true
    this.#links.start()
    for (const topic of this.#subscriptions.topics) {
      this.#join(topic)
    }
  }

  async #end(): Promise<void> {
    this.#isRunning = false
    this.#router.removeEventListener('gossipsub:message', this.#onMessage)
    const abort = this.#links.stop()
    this.#gate.clear()
    const timer = this.#clock.setTimeout(() => {
      abort('stream')
    }, CLOSE_TIMEOUT)
    try {
      await this.#router.stop()
    } finally {
      timer.clear()
      abort('reading')
    }
  }

  async publish(topic: string, payload: Payload, options: PublishOptions = {}): Promise<{ recipients: number }> {
    const { allowNoSubscribers = false, signal } = options
    signal?.throwIfAborted()
    if (!this.#isWanted) {
      throw new NotRunningError('broadcast')
    }
    const wireTopic = this.#names.toWire(topic)
    const bytes = payload instanceof Uint8Array ? new Uint8Array(payload) : payloadBytes(payload)
    if (bytes.length > this.#limits.maxMessageBytes) {
      throw new BroadcastTooLongError(bytes.length, this.#limits.maxMessageBytes)
    }
    if (!this.#rates.take('own')) {
      throw new BroadcastRateError(this.#limits.messagesPerSecond)
    }
    await this.#ready(topic, signal)
    const recipients = await this.#hand(topic, wireTopic, bytes, allowNoSubscribers)
    if (recipients === 0 && !allowNoSubscribers) {
      throw new NoSubscribersError(topic)
    }
    this.#statistics.published(topic, bytes.length)
    return { recipients }
  }

  /** Until GossipSub runs, and the peers that were there when it began have said what they have subscribed to. */
  async #ready(topic: string, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#isRunning) {
      await this.#use().catch((error: unknown) => {
        throw new PublishFailedError(topic, { cause: error })
      })
      signal?.throwIfAborted()
    }
    await this.#links.introductions.over(signal)
    if (!this.#isRunning || !this.#isWanted) {
      throw new NotRunningError('broadcast')
    }
  }

  /** Starts what waits for its first use. */
  async #use(): Promise<void> {
    this.#isUsed = true
    await this.#settle()
  }

  /** The same where nobody waits for it. */
  readonly #useSoon = (): void => {
    if (this.#isWanted && !this.#isRunning) {
      this.#settle().catch((error: unknown) => {
        this.#log.error('could not start - %e', error)
      })
    }
  }

  async #hand(topic: string, wireTopic: string, bytes: Uint8Array, isAlone: boolean): Promise<number> {
    try {
      const { recipients } = await this.#router.publish(wireTopic, bytes, {
        allowPublishToZeroTopicPeers: isAlone,
        floodPublish: bytes.length <= this.#limits.floodPublishBytes
      })
      return recipients.length
    } catch (error) {
      if ((error as Error).message === 'PublishError.NoPeersSubscribedToTopic') {
        throw new NoSubscribersError(topic, { cause: error })
      }
      throw new PublishFailedError(topic, { cause: error })
    }
  }

  subscribe(topic: string, handler: BroadcastHandler, { validate }: SubscribeOptions = {}): () => void {
    const wireTopic = this.#names.toWire(topic)
    const isNew = !this.#subscriptions.has(topic)
    const remove = this.#subscriptions.add(topic, handler, validate)
    if (isNew && this.#isRunning) {
      this.#join(topic)
    } else {
      this.#useSoon()
    }
    return () => {
      const wasThere = this.#subscriptions.has(topic)
      remove()
      if (wasThere && !this.#subscriptions.has(topic) && this.#isRunning) {
        this.#router.unsubscribe(wireTopic)
        this.#router.topicValidators.delete(wireTopic)
      }
    }
  }

  peerGreeted(peer: PeerId): void {
    this.#links.peerGreeted(peer)
  }

  subscribers(topic: string): PeerId[] {
    const wireTopic = this.#names.toWire(topic)
    this.#isUsed ||= this.#isWanted
    this.#useSoon()
    return this.#router.getSubscribers(wireTopic)
  }

  takeUseful(peer: PeerId): number {
    return this.#bringers.take(peer.toString())
  }

  stats(): BroadcastStats {
    const subscriptions = this.#subscriptions.topics.map((topic) => {
      const wireTopic = this.#names.toWire(topic)
      const subscribers = this.#router.getSubscribers(wireTopic).length
      return [topic, { subscribers, mesh: this.#router.mesh.get(wireTopic)?.size ?? 0 }] as const
    })
    return {
      running: this.#isRunning,
      total: copy(this.#statistics.total),
      topics: this.#statistics.topics(),
      peers: this.#router.streamsOutbound.size,
      subscriptions: Object.fromEntries(subscriptions),
      pending: this.#subscriptions.pending
    }
  }

  #join(topic: string): void {
    const wireTopic = this.#names.toWire(topic)
    this.#router.topicValidators.set(wireTopic, async (from, message) => this.#validate(from, message))
    this.#router.subscribe(wireTopic)
  }

  #read(stream: Stream, peer: PeerId, onEnd: () => void): Stream {
    const reader = new InboundReader(stream, {
      maxFrame: maxFrameBytes(this.#limits),
      bytesPerSecond: this.#limits.peerBytesPerSecond,
      clock: this.#clock,
      onEnd,
      onFrame: async (bytes) => {
        await this.#onFrame(peer, bytes)
        if (this.#links.introductions.isWaiting) {
          this.#links.introductions.done(peer.toString())
        }
      },
      onBroken: (error) => {
        const isTooLong = error.name === 'FrameTooLongError'
        this.#statistics.dropped(isTooLong ? 'frame-too-long' : 'malformed')
        this.#blame(peer, isTooLong ? 'broadcast-frame-too-long' : 'broadcast-malformed')
      }
    })
    // GossipSub iterates, closes and aborts it, nothing else.
    return reader as unknown as Stream
  }

  async #onFrame(peer: PeerId, bytes: Uint8Array): Promise<void> {
    let rpc: RPC
    try {
      rpc = decodeFrame(bytes, this.#limits)
    } catch {
      this.#statistics.dropped('malformed')
      this.#blame(peer, 'broadcast-malformed')
      return
    }
    if (!this.#isRunning) {
      return
    }
    if (!this.#router.acceptFrom(peer.toString())) {
      this.#statistics.dropped('graylisted')
      return
    }
    try {
      await this.#router.handleReceivedRpc(peer, this.#gate.filter(peer, rpc))
    } catch (error) {
      this.#log.error('could not handle a frame of %p - %e', peer, error)
    }
  }

  readonly #onVerified = (author: PeerId, number: bigint): void => {
    if (author.equals(this.#self)) {
      return // being published: the gate lets none of them in
    }
    if (!this.#replays.admit(author.toString(), number)) {
      this.#statistics.dropped('replayed')
      throw new MessageDroppedError('replayed')
    }
    if (!this.#rates.take('others')) {
      this.#statistics.dropped('rate-limited')
      throw new MessageDroppedError('rate-limited')
    }
  }

  readonly #onBadSignature = (from: string, wireTopic: string): void => {
    this.#statistics.dropped('bad-signature', this.#names.fromWire(wireTopic))
    this.#blame(this.#router.peers.get(from) ?? peerIdFromString(from), 'broadcast-bad-signature')
  }

  async #validate(receivedFrom: PeerId, raw: Message): Promise<TopicValidatorResult> {
    const message = this.#message(receivedFrom, raw)
    const verdict = message === undefined ? 'ignore' : await this.#subscriptions.validate(message)
    if (verdict === true) {
      return TopicValidatorResult.Accept
    }
    if (verdict !== false || message === undefined) {
      this.#statistics.dropped(verdict === 'overloaded' ? 'overloaded' : 'ignored', message?.topic)
      return TopicValidatorResult.Ignore
    }
    this.#statistics.dropped('invalid', message.topic)
    const isAuthor = message.from.equals(receivedFrom)
    this.#blame(receivedFrom, isAuthor ? 'broadcast-invalid' : 'broadcast-invalid-relayed')
    return TopicValidatorResult.Reject
  }

  readonly #onMessage = ({ detail }: CustomEvent<GossipsubMessage>): void => {
    const message = this.#message(detail.propagationSource, detail.msg)
    if (message === undefined || !this.#subscriptions.has(message.topic)) {
      return
    }
    if (this.#subscriptions.deliver(message)) {
      this.#statistics.delivered(message.topic, message.bytes.length)
      if (this.#subscriptions.hasValidator(message.topic)) {
        this.#bringers.add(message.receivedFrom.toString())
      }
    } else {
      this.#statistics.dropped('overloaded', message.topic)
    }
  }

  #message(receivedFrom: PeerId, raw: Message): BroadcastMessage | undefined {
    const topic = this.#names.fromWire(raw.topic)
    if (topic === undefined || raw.type !== 'signed') {
      return undefined
    }
    const { from, data, sequenceNumber } = raw
    return newMessage({ topic, from, receivedFrom, id: `${from.toString()}-${sequenceNumber}`, bytes: data })
  }

  readonly #onHandlerFailure = (topic: string, error: Error): void => {
    this.#statistics.handlerFailed(topic)
    this.#log.error('a handler of topic %s failed - %e', topic, error)
  }

  readonly #onGone = (peer: PeerId): void => {
    this.#gate.forget(peer)
    // GossipSub keeps the last score of every peer that was ever there.
    this.#router.score.scoreCache.delete(peer.toString())
  }
}

/**
 * Broadcast for any libp2p node with an Ed25519 key and identify.
 *
 * @throws InvalidArgumentError, GossipsubIncompatibleError when the node is made
 */
export function broadcast(init: BroadcastInit): (components: BroadcastComponents) => Broadcast {
  return (components) => new BroadcastImpl(components, init)
}
