import type { Connection, PeerId, Startable, TypedEventTarget } from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'
import type { Clock, PeerReporter, RateLimit, Rng } from '@penin/interface'
import type { AnyLegacyMessage, LegacyMessage, LegacyMessageType, LegacyPayload, MentalState } from './message-types.js'

export interface LegacyMessagesInit {
  /** What this node answers to a status query. @default nothing pending, no outcomes, no concerns */
  mentalState?: () => MentalState | Promise<MentalState>
  /** What this node's heartbeats say. @default () => 'healthy' */
  health?: () => string
  /** Milliseconds for an answer, for sending, for a handler, and for the next message on an open stream. @default 10_000 */
  timeout?: number
  /**
   * Messages of one peer; above it they are read more slowly, and nobody is reported.
   *
   * @default a burst of 32, 10 a second
   */
  rateLimit?: RateLimit
  /** Told of `legacy-malformed` and `legacy-sender-mismatch`. */
  reporter?: PeerReporter
  clock?: Clock
  rng?: Rng
}

export interface LegacyMessagesComponents {
  peerId: PeerId
  registrar: Pick<Registrar, 'handle' | 'unhandle'>
  connectionManager: Pick<ConnectionManager, 'getConnections'>
}

/** Where a message came from, and the way back. */
export interface LegacyContext {
  peer: PeerId
  connection: Connection
  /** Aborts when the handler's time is over, or the service stops. */
  signal: AbortSignal
  /** Sends a message back on the stream that this one came on. */
  answer<T extends LegacyMessageType>(type: T, payload: LegacyPayload<T>): Promise<void>
}

/** Takes the messages of one type. The next message on the same stream waits for it. */
export type LegacyHandler<T extends LegacyMessageType> = (
  message: LegacyMessage<T>,
  context: LegacyContext
) => void | Promise<void>

/** Why a message was not taken. */
export type LegacyDropReason = 'malformed' | 'unknown-type' | 'sender-mismatch' | 'other-target' | 'busy'

export interface LegacyMessagesEvents {
  /** A message has come; its sender is the peer of the connection. */
  message: CustomEvent<{ message: AnyLegacyMessage; peer: PeerId }>
  dropped: CustomEvent<{ peer: PeerId; reason: LegacyDropReason }>
  /** A handler threw, or took too long. */
  failed: CustomEvent<{ peer: PeerId; type: LegacyMessageType; error: Error }>
}

export interface LegacySendOptions {
  signal?: AbortSignal
}

/** Counters, for statistics. */
export interface LegacyMessagesStats {
  sent: number
  received: number
  dropped: Record<LegacyDropReason, number>
  /** Streams of peers that are open now. */
  streams: number
}

/** The Python node's messages, over libp2p. Only connected peers are talked to; nothing here dials. */
export interface LegacyMessages extends Startable, TypedEventTarget<LegacyMessagesEvents> {
  /** Calls `handler` for every message of a type from now on; the returned function ends that. */
  handle<T extends LegacyMessageType>(type: T, handler: LegacyHandler<T>): () => void
  /**
   * Hands a message over; nobody says whether it was understood.
   *
   * @returns its `msg_id`
   * @throws NotRunningError, LegacyNotConnectedError, LegacyMessageInvalidError, LegacySendError, or the signal's reason
   */
  send<T extends LegacyMessageType>(
    peer: PeerId,
    type: T,
    payload: LegacyPayload<T>,
    options?: LegacySendOptions
  ): Promise<string>
  /** Sends a heartbeat and waits for the other's. @throws what {@link send} throws, and LegacyTimeoutError */
  heartbeat(peer: PeerId, options?: LegacySendOptions): Promise<LegacyMessage<'heartbeat'>>
  /** Asks for the peer's mental state. @throws what {@link send} throws, and LegacyTimeoutError */
  queryStatus(peer: PeerId, options?: LegacySendOptions): Promise<MentalState>
  stats(): LegacyMessagesStats
}
