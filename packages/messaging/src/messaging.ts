import type { PeerId, Startable, Stream, Connection, TypedEventTarget } from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'
import {
  InvalidArgumentError,
  NotRunningError,
  systemClock,
  systemRng,
  type Clock,
  type PeerReporter,
  type Rng
} from '@penin/interface'
import type { Datastore } from 'interface-datastore'
import { TypedEventEmitter } from 'main-event'
import type { BandwidthLimit } from './direct/bandwidth.js'
import { DirectMessages, type Answer, type SendOptions } from './direct/direct-messages.js'
import type { HandleOptions, MessageHandler, Payload } from './direct/handlers.js'
import { checkLimits, MESSAGING_LIMITS, type MessagingLimits } from './direct/limits.js'
import type { MessageSink } from './direct/sink.js'
import type { MessageCounts, MessageStats } from './direct/statistics.js'
import type { Connect, RetryRule } from './direct/surroundings.js'
import type { MessageType } from './direct/types.js'
import { MessagesUnwantedError } from './errors.js'
import { MESSAGES_PROTOCOL } from './protocol.js'

/** Streams each way on one connection: the one in use, and one that replaces it before its end has been noticed. */
const MAX_STREAMS = 2

/** Milliseconds for a handler by default: as long as half a message's time. */
const HANDLER_TIMEOUT = 30_000

export interface MessagingInit {
  /** How long, and how often, an absent peer is tried. @default { attempts: 3, within: 60_000 } */
  retry?: Partial<RetryRule>
  /** How a peer is reached. @default libp2p's openConnection, which knows the peer store and asks the peer routers */
  connect?: Connect
  /**
   * Whether messages are taken from the peer at the other end of a connection, asked for each stream that it opens: a
   * promise holds the stream up, false refuses it. What throws refuses it as well.
   *
   * @default from everybody
   */
  isPeer?: (connection: Connection) => boolean | Promise<boolean>
  /** Where durable messages are kept; without one, they can't be sent. */
  datastore?: Datastore
  /** Bytes and messages each way, for each peer and in total. @default none */
  bandwidthLimit?: BandwidthLimit
  limits?: Partial<MessagingLimits>
  /** Milliseconds that a handler may take. @default 30_000 */
  handlerTimeout?: number
  /** Told of every offence; `MessageOffence` lists the reasons. */
  reporter?: PeerReporter
  clock?: Clock
  rng?: Rng
}

export interface MessagingComponents {
  peerId: PeerId
  registrar: Pick<Registrar, 'handle' | 'unhandle' | 'register' | 'unregister'>
  connectionManager: Pick<ConnectionManager, 'openConnection'>
}

export interface MessagingEvents {
  /** A message for whose outcome nobody waits has failed: one of `notify`, or a durable one of an earlier run. */
  undelivered: CustomEvent<{ peer: PeerId; type: MessageType | string; error: Error }>
}

/** Messages to and from single peers. */
export interface Messaging extends Startable, TypedEventTarget<MessagingEvents> {
  /**
   * Sends a message; resolves when the receiver's handler has taken it. The payload must not be changed until then.
   *
   * @throws MessageRefusedError, MessageExpiredError, PeerUnreachableError, MessagesUnsupportedError
   * @throws OutboxFullError, MessageTooLongError, DurableStoreError, NotRunningError, InvalidArgumentError
   * @throws the signal's reason
   */
  send(peer: PeerId, type: MessageType | string, payload?: Payload, options?: SendOptions): Promise<void>
  /** Sends a message and does not wait; a failure later on is an `undelivered` event. @throws as `send`, at once */
  notify(peer: PeerId, type: MessageType | string, payload?: Payload, options?: SendOptions): void
  /**
   * Sends a message and resolves with what the receiver's handler returns.
   *
   * @throws as `send`, and AnswerTimeoutError, AnswerLostError
   */
  request(peer: PeerId, type: MessageType | string, payload?: Payload, options?: SendOptions): Promise<Answer>
  /** Many messages, no faster than the receiver takes them. */
  openStream(peer: PeerId, type: MessageType | string, options?: SendOptions): MessageSink
  /** Sends all that the source yields, no faster than the receiver takes it; resolves with how many, once all are taken. */
  sendAll(
    peer: PeerId,
    type: MessageType | string,
    source: Iterable<Payload> | AsyncIterable<Payload>,
    options?: SendOptions
  ): Promise<number>
  /**
   * Takes the messages of a type; gives the function that stops it.
   *
   * @throws HandlerExistsError, InvalidArgumentError
   */
  handle(type: MessageType | string, handler: MessageHandler, options?: HandleOptions): () => void
  unhandle(type: MessageType | string): void
  /** What has been counted with one peer, as it goes on; undefined of one that is not remembered. */
  countsOf(peer: PeerId): Readonly<MessageCounts> | undefined
  /** What has happened in total, and with each peer that is remembered, by its id. */
  stats(): { total: MessageStats; peers: Record<string, MessageStats> }
}

class MessagingImpl extends TypedEventEmitter<MessagingEvents> implements Messaging {
  readonly #registrar: MessagingComponents['registrar']
  readonly #direct: DirectMessages
  readonly #isPeer: MessagingInit['isPeer']
  #isRunning = false
  #topology: string | undefined
  #registering: Promise<void> = Promise.resolve()

  constructor(components: MessagingComponents, init: MessagingInit) {
    super()
    const { registrar, connectionManager, peerId } = components
    const { clock = systemClock, rng = systemRng, datastore, reporter, bandwidthLimit } = init
    this.#registrar = registrar
    this.#isPeer = init.isPeer
    this.#direct = new DirectMessages({
      own: peerId,
      clock,
      rng,
      reporter,
      datastore,
      bandwidthLimit,
      retry: checkRetry({ attempts: 3, within: 60_000, ...init.retry }),
      handlerTimeout: init.handlerTimeout ?? HANDLER_TIMEOUT,
      limits: checkLimits({ ...MESSAGING_LIMITS, ...init.limits }),
      connect: init.connect ?? (async (peer, signal) => connectionManager.openConnection(peer, { signal })),
      onUndelivered: (peer, type, error) => {
        this.safeDispatchEvent('undelivered', { detail: { peer, type, error } })
      }
    })
  }

  get [Symbol.toStringTag](): string {
    return '@penin/messaging'
  }

  async start(): Promise<void> {
    if (this.#isRunning) {
      return this.#registering
    }
    this.#isRunning = true
    this.#registering = this.#register()
    return this.#registering
  }

  async #register(): Promise<void> {
    await this.#direct.start()
    if (!this.#isRunning) {
      return
    }
    await this.#registrar.handle(MESSAGES_PROTOCOL, this.#onStream, {
      maxInboundStreams: MAX_STREAMS,
      maxOutboundStreams: MAX_STREAMS,
      runOnLimitedConnection: true
    })
    this.#topology = await this.#registrar.register(MESSAGES_PROTOCOL, {
      notifyOnLimitedConnection: true,
      onConnect: (peer) => {
        this.#direct.onPresence(peer)
      }
    })
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) {
      return
    }
    this.#isRunning = false
    this.#direct.stop()
    await this.#registering.catch(() => {
      // The start has said so.
    })
    if (this.#topology !== undefined) {
      this.#registrar.unregister(this.#topology)
      this.#topology = undefined
      await this.#registrar.unhandle(MESSAGES_PROTOCOL)
    }
  }

  readonly #onStream = (stream: Stream, connection: Connection): void => {
    if (this.#isPeer === undefined) {
      this.#direct.accept(stream, connection.remotePeer)
    } else {
      void this.#admit(stream, connection, this.#isPeer)
    }
  }

  /** Nothing of the stream is read before it is known that its peer may send messages. */
  async #admit(stream: Stream, connection: Connection, isPeer: NonNullable<MessagingInit['isPeer']>): Promise<void> {
    try {
      stream.pause()
      if (!(await isPeer(connection))) {
        throw new MessagesUnwantedError(connection.remotePeer.toString())
      }
      if (stream.status === 'open') {
        this.#direct.accept(stream, connection.remotePeer)
        stream.resume()
      }
    } catch (error) {
      stream.abort(error as Error)
    }
  }

  send(peer: PeerId, type: MessageType | string, payload: Payload = '', options: SendOptions = {}): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#check()
      this.#direct.submit(peer, type, payload, options, resolve as (answer?: Uint8Array) => void, reject)
    })
  }

  notify(peer: PeerId, type: MessageType | string, payload: Payload = '', options: SendOptions = {}): void {
    this.#check()
    this.#direct.notify(peer, type, payload, options)
  }

  async request(
    peer: PeerId,
    type: MessageType | string,
    payload: Payload = '',
    options: SendOptions = {}
  ): Promise<Answer> {
    this.#check()
    return this.#direct.request(peer, type, payload, options)
  }

  openStream(peer: PeerId, type: MessageType | string, options: SendOptions = {}): MessageSink {
    this.#check()
    return this.#direct.openSink(peer, type, options)
  }

  async sendAll(
    peer: PeerId,
    type: MessageType | string,
    source: Iterable<Payload> | AsyncIterable<Payload>,
    options: SendOptions = {}
  ): Promise<number> {
    const sink = this.openStream(peer, type, options)
    for await (const payload of source) {
      await sink.send(payload)
    }
    await sink.close()
    return sink.taken
  }

  handle(type: MessageType | string, handler: MessageHandler, options: HandleOptions = {}): () => void {
    return this.#direct.handlers.add(type, handler, options)
  }

  unhandle(type: MessageType | string): void {
    this.#direct.handlers.remove(type)
  }

  countsOf(peer: PeerId): Readonly<MessageCounts> | undefined {
    return this.#direct.countsOf(peer)
  }

  stats(): { total: MessageStats; peers: Record<string, MessageStats> } {
    return this.#direct.stats()
  }

  #check(): void {
    if (!this.#isRunning) {
      throw new NotRunningError('messaging')
    }
  }
}

function checkRetry(retry: RetryRule): RetryRule {
  if (!(retry.attempts >= 1)) {
    throw new InvalidArgumentError('retry.attempts', String(retry.attempts), 'a number of at least 1')
  }
  if (!(retry.within > 0)) {
    throw new InvalidArgumentError('retry.within', String(retry.within), 'milliseconds above 0')
  }
  return retry
}

/** Messages between peers for any libp2p node. */
export function messaging(init: MessagingInit = {}): (components: MessagingComponents) => Messaging {
  return (components) => new MessagingImpl(components, init)
}
