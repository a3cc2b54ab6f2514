import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { deadline, NotRunningError, RateLimiter, systemClock, systemRng, wait, type RateLimit } from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import type {
  LegacyContext,
  LegacyDropReason,
  LegacyHandler,
  LegacyMessages,
  LegacyMessagesComponents,
  LegacyMessagesEvents,
  LegacyMessagesInit,
  LegacyMessagesStats,
  LegacySendOptions
} from './contracts.js'
import {
  LegacyBusyError,
  LegacyMessageMalformedError,
  LegacyMessageTypeError,
  LegacyNotConnectedError,
  LegacySendError,
  LegacyTimeoutError
} from './errors.js'
import { HeartbeatLedger } from './heartbeat-ledger.js'
import { inTime } from './in-time.js'
import { decodeLegacyMessage, encodeLegacyMessage } from './message-codec.js'
import { legacyFrames, type Frames } from './message-frames.js'
import { StreamPlaces, type StreamPlace } from './stream-places.js'
import type { AnyLegacyMessage, LegacyMessage, LegacyMessageType, LegacyPayload, MentalState } from './message-types.js'

/** The protocol's name, the Python node's PROTOCOL_ID. */
export const LEGACY_PROTOCOL = '/penin/1.0.0'

/** Streams of one connection, each way. */
const MAX_STREAMS_PER_CONNECTION = 8

/** Streams of all peers being read at once: with messages of 1 MiB, 64 MiB and what libp2p buffers. */
const MAX_INBOUND_STREAMS = 64

/** Messages of all peers together: a parse of 1 MiB takes some 10 ms. */
const TOTAL_LIMIT: RateLimit = { burst: 400, perSecond: 200 }

/** Between two looks whether there is a token again. */
const TOKEN_POLL = 100

/** Somebody waits for a message of this type from this peer. */
interface Waiting {
  peer: string
  type: LegacyMessageType
  resolve: (message: AnyLegacyMessage) => void
}

class LegacyMessagesImpl extends TypedEventEmitter<LegacyMessagesEvents> implements LegacyMessages {
  readonly #components: LegacyMessagesComponents
  readonly #init: Required<Omit<LegacyMessagesInit, 'reporter'>> & Pick<LegacyMessagesInit, 'reporter'>
  readonly #handlers = new Map<LegacyMessageType, Set<LegacyHandler<LegacyMessageType>>>()
  readonly #waiting = new Set<Waiting>()
  readonly #heartbeats: HeartbeatLedger
  readonly #perPeer: RateLimiter
  readonly #total: RateLimiter
  readonly #stats: LegacyMessagesStats = {
    sent: 0,
    received: 0,
    dropped: { malformed: 0, 'unknown-type': 0, 'sender-mismatch': 0, 'other-target': 0, busy: 0 },
    streams: 0
  }
  readonly #places: StreamPlaces
  #stopping?: AbortController | undefined

  constructor(components: LegacyMessagesComponents, init: LegacyMessagesInit) {
    super()
    this.#components = components
    this.#init = {
      mentalState: () => emptyMentalState(this.#seconds()),
      health: () => 'healthy',
      timeout: 10_000,
      rateLimit: { burst: 32, perSecond: 10 },
      clock: systemClock,
      rng: systemRng,
      ...init
    }
    this.#heartbeats = new HeartbeatLedger(this.#init.clock)
    this.#places = new StreamPlaces(MAX_INBOUND_STREAMS, this.#init.clock)
    this.#perPeer = new RateLimiter(this.#init.rateLimit, this.#init.clock)
    this.#total = new RateLimiter(TOTAL_LIMIT, this.#init.clock, 1)
  }

  readonly [Symbol.toStringTag] = '@penin/legacy'

  async start(): Promise<void> {
    if (this.#stopping != null) {
      return
    }
    this.#stopping = new AbortController()
    await this.#components.registrar.handle(LEGACY_PROTOCOL, this.#onStream, {
      maxInboundStreams: MAX_STREAMS_PER_CONNECTION,
      maxOutboundStreams: MAX_STREAMS_PER_CONNECTION
    })
  }

  async stop(): Promise<void> {
    if (this.#stopping == null) {
      return
    }
    this.#stopping.abort(new NotRunningError(LEGACY_PROTOCOL))
    this.#stopping = undefined
    await this.#components.registrar.unhandle(LEGACY_PROTOCOL)
  }

  handle<T extends LegacyMessageType>(type: T, handler: LegacyHandler<T>): () => void {
    const all = this.#handlers.get(type) ?? new Set()
    const entry: LegacyHandler<LegacyMessageType> = async (message, context) =>
      handler(message as LegacyMessage<T>, context)
    this.#handlers.set(type, all.add(entry))
    return () => {
      all.delete(entry)
    }
  }

  stats(): LegacyMessagesStats {
    return { ...this.#stats, dropped: { ...this.#stats.dropped }, streams: this.#places.size }
  }

  async send<T extends LegacyMessageType>(
    peer: PeerId,
    type: T,
    payload: LegacyPayload<T>,
    options: LegacySendOptions = {}
  ): Promise<string> {
    const message = this.#message(type, payload)
    await this.#converse(peer, message, options, async () => undefined)
    return message.msg_id
  }

  async heartbeat(peer: PeerId, options: LegacySendOptions = {}): Promise<LegacyMessage<'heartbeat'>> {
    return this.#ask(peer, this.#message('heartbeat', this.#ownHeartbeat()), 'heartbeat', options)
  }

  async queryStatus(peer: PeerId, options: LegacySendOptions = {}): Promise<MentalState> {
    const payload = { requester_id: this.#components.peerId.toString(), target_peer_id: peer.toString() }
    const answer = await this.#ask(peer, this.#message('status_request', payload), 'status_response', options)
    return answer.payload.mental_state
  }

  /** The answer may come on the same stream or, from an implementation that opens one for each message, on another. */
  async #ask<T extends LegacyMessageType>(
    peer: PeerId,
    message: AnyLegacyMessage,
    type: T,
    options: LegacySendOptions
  ): Promise<LegacyMessage<T>> {
    const answer = Promise.withResolvers<LegacyMessage<T>>()
    const waiting: Waiting = { peer: peer.toString(), type, resolve: (m) => answer.resolve(m as LegacyMessage<T>) }
    this.#waiting.add(waiting)
    try {
      return await this.#converse(peer, message, options, async (frames, connection, signal) => {
        const done = new AbortController()
        const failure = Promise.withResolvers<never>()
        const stopListening = (): void => {
          failure.reject(signal.reason as Error)
        }
        signal.addEventListener('abort', stopListening, { once: true })
        // Whatever ends the reading, be it the other end, a broken frame or the answer: the answer alone counts.
        void this.#read(frames, connection, { signal, isOurs: true, done: done.signal }).catch(() => {})
        try {
          return await Promise.race([answer.promise, failure.promise])
        } finally {
          done.abort()
          signal.removeEventListener('abort', stopListening)
        }
      })
    } finally {
      this.#waiting.delete(waiting)
    }
  }

  /** Sends a message on a stream of its own, and leaves the stream to `then` before closing it. */
  async #converse<R>(
    peer: PeerId,
    message: AnyLegacyMessage,
    { signal }: LegacySendOptions,
    then: (frames: Frames, connection: Connection, signal: AbortSignal) => Promise<R>
  ): Promise<R> {
    const bytes = encodeLegacyMessage(message)
    signal?.throwIfAborted()
    const stopping = this.#stopping?.signal
    if (stopping == null) {
      throw new NotRunningError(LEGACY_PROTOCOL)
    }
    const connection = this.#components.connectionManager.getConnections(peer).find(({ status }) => status === 'open')
    if (connection == null) {
      throw new LegacyNotConnectedError(peer.toString())
    }
    const { clock, timeout } = this.#init
    const limit = deadline(clock, timeout, signal, stopping)
    let stream: Stream | undefined
    try {
      stream = await connection.newStream(LEGACY_PROTOCOL, { signal: limit.signal })
      const frames = legacyFrames(stream)
      if (message.msg_type === 'heartbeat') {
        this.#heartbeats.sent(peer.toString())
      }
      await frames.write(bytes, limit.signal)
      this.#stats.sent++
      const result = await then(frames, connection, limit.signal)
      await stream.close({ signal: limit.signal })
      return result
    } catch (error) {
      stream?.abort(error as Error)
      signal?.throwIfAborted()
      stopping.throwIfAborted()
      if (limit.signal.aborted) {
        throw new LegacyTimeoutError(peer.toString(), message.msg_type, timeout)
      }
      throw new LegacySendError(peer.toString(), message.msg_type, (error as Error).message, { cause: error })
    } finally {
      limit.clear()
    }
  }

  readonly #onStream = async (stream: Stream, connection: Connection): Promise<void> => {
    const stopping = this.#stopping?.signal
    const turnAway = (): void => {
      stream.abort(new LegacyBusyError(MAX_INBOUND_STREAMS))
      this.#drop(connection.remotePeer, 'busy')
    }
    const place = stopping == null ? undefined : this.#places.take(connection.remotePeer.toString(), turnAway)
    if (stopping == null || place == null) {
      turnAway()
      return
    }
    try {
      await this.#read(legacyFrames(stream), connection, { signal: stopping, isOurs: false, place })
      await stream.close({ signal: stopping })
    } catch (error) {
      stream.abort(error as Error)
    } finally {
      place.release()
    }
  }

  /** Takes messages until the other end has finished, or `done`. */
  async #read(
    frames: Frames,
    connection: Connection,
    { signal, isOurs, done, place }: { signal: AbortSignal; isOurs: boolean; done?: AbortSignal; place?: StreamPlace }
  ): Promise<void> {
    const peer = connection.remotePeer
    for (;;) {
      const limit = deadline(this.#init.clock, this.#init.timeout, signal, done)
      let bytes: Uint8Array | undefined
      try {
        bytes = await frames.read(limit.signal)
        if (bytes == null) {
          return
        }
        place?.touch()
        await this.#token(peer, signal)
      } catch (error) {
        if (error instanceof LegacyMessageMalformedError) {
          this.#reportMalformed(peer)
        }
        throw error
      } finally {
        limit.clear()
      }
      await this.#take(bytes, { frames, connection, isOurs, signal })
    }
  }

  /** A peer that sends faster than it may is read more slowly: its own end then has to wait. */
  async #token(peer: PeerId, signal: AbortSignal): Promise<void> {
    while (!this.#perPeer.take(peer.toString()) || !this.#total.take('')) {
      await wait(this.#init.clock, TOKEN_POLL, signal)
    }
  }

  async #take(
    bytes: Uint8Array,
    way: { frames: Frames; connection: Connection; isOurs: boolean; signal: AbortSignal }
  ): Promise<void> {
    const peer = way.connection.remotePeer
    const message = this.#decode(bytes, peer)
    if (message == null) {
      return
    }
    if (message.sender_id !== peer.toString()) {
      this.#drop(peer, 'sender-mismatch')
      this.#init.reporter?.report(peer, { reason: 'legacy-sender-mismatch', tolerance: 'low' })
      return
    }
    this.#stats.received++
    this.safeDispatchEvent('message', { detail: { message, peer } })
    for (const waiting of this.#waiting) {
      if (waiting.peer === message.sender_id && waiting.type === message.msg_type) {
        waiting.resolve(message)
      }
    }
    const limit = deadline(this.#init.clock, this.#init.timeout, way.signal)
    const context: LegacyContext = {
      peer,
      connection: way.connection,
      signal: limit.signal,
      answer: async (type, payload) => {
        await way.frames.write(encodeLegacyMessage(this.#message(type, payload)), limit.signal)
        this.#stats.sent++
      }
    }
    try {
      await this.#dispatch(message, context, way.isOurs)
    } finally {
      limit.clear()
    }
  }

  #decode(bytes: Uint8Array, peer: PeerId): AnyLegacyMessage | undefined {
    try {
      return decodeLegacyMessage(bytes)
    } catch (error) {
      if (error instanceof LegacyMessageTypeError) {
        this.#drop(peer, 'unknown-type') // of a later version, perhaps
        return undefined
      }
      this.#reportMalformed(peer)
      throw error
    }
  }

  /** The node's own answers first, then the handlers; one that fails doesn't keep the others from it. */
  async #dispatch(message: AnyLegacyMessage, context: LegacyContext, isOurs: boolean): Promise<void> {
    const handlers = this.#handlers.get(message.msg_type) ?? []
    const all = [
      async () => this.#answer(message, context, isOurs),
      ...[...handlers].map((h) => async () => h(message, context))
    ]
    for (const handler of all) {
      try {
        await inTime(handler(), context.signal)
      } catch (error) {
        const detail = { peer: context.peer, type: message.msg_type, error: error as Error }
        this.safeDispatchEvent('failed', { detail })
      }
    }
  }

  async #answer(message: AnyLegacyMessage, context: LegacyContext, isOurs: boolean): Promise<void> {
    if (message.msg_type === 'heartbeat' && this.#heartbeats.isQuestion(message.sender_id, isOurs)) {
      await context.answer('heartbeat', this.#ownHeartbeat())
    } else if (message.msg_type === 'status_request') {
      if (message.payload.target_peer_id !== this.#components.peerId.toString()) {
        this.#drop(context.peer, 'other-target')
        return
      }
      await context.answer('status_response', { mental_state: await this.#init.mentalState() })
    }
  }

  #message<T extends LegacyMessageType>(type: T, payload: LegacyPayload<T>): AnyLegacyMessage {
    return {
      msg_type: type,
      sender_id: this.#components.peerId.toString(),
      timestamp: this.#seconds(),
      payload,
      signature: null,
      msg_id: Buffer.from(this.#init.rng.bytes(8)).toString('hex')
    } as unknown as AnyLegacyMessage
  }

  #ownHeartbeat(): LegacyPayload<'heartbeat'> {
    return { status: this.#init.health(), node_id: this.#components.peerId.toString() }
  }

  #seconds(): number {
    return this.#init.clock.now() / 1000
  }

  #drop(peer: PeerId, reason: LegacyDropReason): void {
    this.#stats.dropped[reason]++
    this.safeDispatchEvent('dropped', { detail: { peer, reason } })
  }

  #reportMalformed(peer: PeerId): void {
    this.#drop(peer, 'malformed')
    this.#init.reporter?.report(peer, { reason: 'legacy-malformed', tolerance: 'mid' })
  }
}

/**
 * The Python node's `/penin/1.0.0` messages as a service for any libp2p node. Heartbeats and status queries are answered
 * by itself.
 */
export function legacyMessages(
  init: LegacyMessagesInit = {}
): (components: LegacyMessagesComponents) => LegacyMessages {
  return (components) => new LegacyMessagesImpl(components, init)
}

function emptyMentalState(timestamp: number): MentalState {
  return {
    pending_recommendations: [],
    recent_outcomes: [],
    current_concerns: [],
    sr_statistics: { count: 0, avg_sr: 0, latest_sr: 0, stability: 0 },
    timestamp
  }
}
