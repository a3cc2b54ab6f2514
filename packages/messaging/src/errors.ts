import { PeninError, printable } from '@penin/interface'

/** What a peer sent is no frame of the protocol. */
export class FrameMalformedError extends PeninError {
  static override readonly name = 'FrameMalformedError'

  constructor(readonly problem: string) {
    super(`malformed message frame: ${problem}`)
  }
}

/** A frame is longer than the longest that is taken; nothing of it has been read. */
export class FrameTooLongError extends PeninError {
  static override readonly name = 'FrameTooLongError'

  constructor(
    readonly length: number,
    readonly max: number
  ) {
    super(`a frame of ${length} bytes, at most ${max} are taken`)
  }
}

/** A peer breaks the protocol's rules in another way than by malformed frames; `reason` is what is reported. */
export class ProtocolBreachError extends PeninError {
  static override readonly name = 'ProtocolBreachError'

  constructor(
    readonly reason: string,
    readonly problem: string
  ) {
    super(`${reason}: ${problem}`)
  }
}

/** The stream to a peer was closed; what was not acknowledged is sent again on the next one. */
export class StreamLostError extends PeninError {
  static override readonly name = 'StreamLostError'

  constructor(readonly peer: string) {
    super(`peer ${peer} closed the stream of messages`)
  }
}

/** A peer has opened another stream of messages, which takes the place of this one. */
export class StreamReplacedError extends PeninError {
  static override readonly name = 'StreamReplacedError'

  constructor() {
    super('another stream of messages takes the place of this one')
  }
}

/** The payload is longer than a message may be, here or at the receiver. */
export class MessageTooLongError extends PeninError {
  static override readonly name = 'MessageTooLongError'

  constructor(
    readonly length: number,
    readonly max: number
  ) {
    super(`a message of ${length} bytes, at most ${max} are allowed`)
  }
}

/** No room in the outbox: whoever sends faster than the receiver takes should use `openStream` or `sendAll`. */
export class OutboxFullError extends PeninError {
  static override readonly name = 'OutboxFullError'

  constructor(
    readonly peer: string,
    /** Which bound is reached. */
    readonly bound: 'peer-messages' | 'peer-bytes' | 'total-messages' | 'total-bytes' | 'peers'
  ) {
    super(`no room in the outbox for another message to ${peer}: ${bound}`)
  }
}

/** The message's time was over before the receiver's handler had taken it, though the peer was connected. */
export class MessageExpiredError extends PeninError {
  static override readonly name = 'MessageExpiredError'

  constructor(
    readonly peer: string,
    /** Whether it was on the wire, so that the receiver may yet take it. */
    readonly wasSent: boolean,
    options?: ErrorOptions
  ) {
    super(`peer ${peer} did not take the message in time${wasSent ? ', but may have received it' : ''}`, options)
  }
}

/** The message's time was over before the peer could be reached; the cause is what the last attempt failed of. */
export class PeerUnreachableError extends PeninError {
  static override readonly name = 'PeerUnreachableError'

  constructor(
    readonly peer: string,
    readonly attempts: number,
    options?: ErrorOptions
  ) {
    super(`peer ${peer} could not be reached in ${attempts} attempts`, options)
  }
}

/** The peer is connected, but doesn't speak the protocol. */
export class MessagesUnsupportedError extends PeninError {
  static override readonly name = 'MessagesUnsupportedError'

  constructor(
    readonly peer: string,
    options?: ErrorOptions
  ) {
    super(`peer ${peer} does not take messages`, options)
  }
}

/** The peer's stream was refused: it does not belong to this network, or has no place here. */
export class MessagesUnwantedError extends PeninError {
  static override readonly name = 'MessagesUnwantedError'

  constructor(readonly peer: string) {
    super(`no messages are taken from peer ${peer}`)
  }
}

/**
 * Why a receiver has refused a message.
 *
 * - `unknown-type`: it has no handler for it
 * - `handler-failed`: its handler threw
 * - `handler-timeout`: its handler took too long
 * - `expired`: its time was over on arrival, or while it waited for the handler
 * - `too-long`: longer than the receiver takes
 * - `bad-payload`: it can't be decompressed
 */
export type RefusalReason =
  'unknown-type' | 'handler-failed' | 'handler-timeout' | 'expired' | 'too-long' | 'bad-payload' | 'unknown'

/** The receiver has the message and won't take it. */
export class MessageRefusedError extends PeninError {
  static override readonly name = 'MessageRefusedError'

  constructor(
    readonly peer: string,
    readonly reason: RefusalReason
  ) {
    super(`peer ${peer} refused the message: ${reason}`)
  }
}

/** The receiver took the request, but its answer did not come in time. */
export class AnswerTimeoutError extends PeninError {
  static override readonly name = 'AnswerTimeoutError'

  constructor(readonly peer: string) {
    super(`peer ${peer} took the request, but did not answer in time`)
  }
}

/** The receiver took the request and was restarted before it answered. */
export class AnswerLostError extends PeninError {
  static override readonly name = 'AnswerLostError'

  constructor(readonly peer: string) {
    super(`peer ${peer} was restarted before it answered`)
  }
}

/** A message type has one handler. */
export class HandlerExistsError extends PeninError {
  static override readonly name = 'HandlerExistsError'

  constructor(readonly type: string) {
    super(`type "${printable(type)}" has a handler already`)
  }
}

/** A durable message could not be written to the store, or there is none. */
export class DurableStoreError extends PeninError {
  static override readonly name = 'DurableStoreError'

  constructor(
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`durable messages: ${problem}`, options)
  }
}

/** A stream of messages is closed, or one of its messages has failed. */
export class MessageStreamClosedError extends PeninError {
  static override readonly name = 'MessageStreamClosedError'

  constructor(options?: ErrorOptions) {
    super('the stream of messages is closed', options)
  }
}
