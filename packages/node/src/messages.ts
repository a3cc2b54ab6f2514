import type { PeerId } from '@libp2p/interface'
import type { Ban } from '@penin/connection-manager'
import type {
  Answer,
  Broadcast,
  BroadcastHandler,
  BroadcastStats,
  HandleOptions,
  MessageHandler,
  MessageSink,
  MessageStats,
  MessageType,
  Messaging,
  Payload,
  PublishOptions,
  SendOptions,
  SubscribeOptions
} from '@penin/messaging'
import { PeerBannedError } from './errors.js'
import { toPeerId } from './peers.js'

/** @internal What `node.messages` is made of. */
export interface MessagesInit {
  direct: Messaging
  broadcast: Broadcast
  banOf: (id: PeerId) => Ban | undefined
}

/**
 * `node.messages`: direct messages to peers, connected or not, and messages to all who have subscribed to a topic.
 *
 * Peers are given by their id. One that is not connected is looked for in the address book, then in the DHT, and dialled;
 * until it is there the message waits, on disk if it is `durable`. Only peers of this network that have said hello, and
 * have a place here, are listened to.
 */
export class Messages {
  readonly #direct: Messaging
  readonly #broadcast: Broadcast
  readonly #banOf: MessagesInit['banOf']

  /** @internal */
  constructor({ direct, broadcast, banOf }: MessagesInit) {
    this.#direct = direct
    this.#broadcast = broadcast
    this.#banOf = banOf
  }

  /**
   * Sends a message; resolves when the receiver's handler has taken it. The payload (bytes, text, or what JSON can hold)
   * must not be changed until then.
   *
   * @throws UnknownPeerError for what is no peer id, PeerBannedError
   * @throws MessageRefusedError, MessageExpiredError, PeerUnreachableError with its cause, MessagesUnsupportedError,
   * OutboxFullError, MessageTooLongError, DurableStoreError, NotRunningError, InvalidArgumentError, the signal's reason
   */
  async send(
    peer: PeerId | string,
    type: MessageType | string,
    payload?: Payload,
    options?: SendOptions
  ): Promise<void> {
    await this.#direct.send(this.#receiver(peer), type, payload, options)
  }

  /**
   * Sends a message and does not wait. What fails later on is the node's event `message:undelivered`.
   *
   * @throws as {@link Messages.send}, what is known at once
   */
  notify(peer: PeerId | string, type: MessageType | string, payload?: Payload, options?: SendOptions): void {
    this.#direct.notify(this.#receiver(peer), type, payload, options)
  }

  /**
   * Sends a message and resolves with what the receiver's handler returns.
   *
   * @throws as {@link Messages.send}, and AnswerTimeoutError, AnswerLostError
   */
  async request(
    peer: PeerId | string,
    type: MessageType | string,
    payload?: Payload,
    options?: SendOptions
  ): Promise<Answer> {
    return this.#direct.request(this.#receiver(peer), type, payload, options)
  }

  /** Many messages, no faster than the receiver takes them. @throws as {@link Messages.notify} */
  openStream(peer: PeerId | string, type: MessageType | string, options?: SendOptions): MessageSink {
    return this.#direct.openStream(this.#receiver(peer), type, options)
  }

  /**
   * Sends all that the source yields, no faster than the receiver takes it; resolves with how many, once all are taken.
   *
   * @throws as {@link Messages.send}
   */
  async sendAll(
    peer: PeerId | string,
    type: MessageType | string,
    source: Iterable<Payload> | AsyncIterable<Payload>,
    options?: SendOptions
  ): Promise<number> {
    return this.#direct.sendAll(this.#receiver(peer), type, source, options)
  }

  /**
   * Takes the messages of a type: the handler has taken one when it returns, or when its promise resolves; what it throws
   * refuses the message. The function returned ends that.
   *
   * @throws HandlerExistsError, InvalidArgumentError
   */
  handle(type: MessageType | string, handler: MessageHandler, options?: HandleOptions): () => void {
    return this.#direct.handle(type, handler, options)
  }

  unhandle(type: MessageType | string): void {
    this.#direct.unhandle(type)
  }

  /**
   * Sends a message to all subscribers of a topic but this node itself; resolves with how many peers it was handed to,
   * which pass it on. A node's first use of broadcast, of whatever kind, starts it: right after that a message waits, 3 s
   * at most, for the peers that are connected to say what they have subscribed to.
   *
   * @throws NoSubscribersError, BroadcastTooLongError, BroadcastRateError, PublishFailedError, NotRunningError,
   * InvalidArgumentError, the signal's reason
   */
  async publish(topic: string, payload: Payload, options?: PublishOptions): Promise<{ recipients: number }> {
    return this.#broadcast.publish(topic, payload, options)
  }

  /**
   * Takes the messages of a topic, signed by their authors, each once, in no certain order. The function returned ends
   * that. `validate` says which messages are good: others are neither taken nor passed on, and who sent them is reported.
   *
   * @throws TooManyTopicsError, InvalidArgumentError
   */
  subscribe(topic: string, handler: BroadcastHandler, options?: SubscribeOptions): () => void {
    return this.#broadcast.subscribe(topic, handler, options)
  }

  /**
   * Connected peers that have subscribed to a topic, as far as they have said so yet: if this is the first use of
   * broadcast, soon.
   *
   * @throws InvalidArgumentError
   */
  subscribers(topic: string): PeerId[] {
    return this.#broadcast.subscribers(topic)
  }

  /** Direct messages in total and by peer, and broadcast. */
  stats(): { total: MessageStats; peers: Record<string, MessageStats>; broadcast: BroadcastStats } {
    return { ...this.#direct.stats(), broadcast: this.#broadcast.stats() }
  }

  #receiver(peer: PeerId | string): PeerId {
    const id = toPeerId(peer)
    const ban = this.#banOf(id)
    if (ban !== undefined) {
      throw new PeerBannedError(id.toString(), ban)
    }
    return id
  }
}
