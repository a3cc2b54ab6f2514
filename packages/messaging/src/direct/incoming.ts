import type { PeerId } from '@libp2p/interface'
import type { InletStream } from './inlet-stream.js'
import type { Lane } from './lane.js'
import type { ReceivedPayload } from './received-payload.js'
import type { MessageType } from './types.js'

/** A message as its handler gets it. */
export interface Message {
  /** Who sent it, as the connection's encryption proves. */
  readonly from: PeerId
  readonly type: MessageType | string
  /**
   * A name that no other message of this sender has. A durable message keeps it across restarts of both sides, for
   * programs that want to be sure themselves.
   */
  readonly id: string
  /**
   * The payload. It may be part of a larger buffer: copy what is kept for long. A long one may have come in parts; these
   * are put together when this is first asked for, but not for `text()` and `json()`.
   */
  readonly bytes: Uint8Array
  /** When it expires, in milliseconds of this node's wall clock; undefined if its sender did not say. */
  readonly expires: number | undefined
  /** Whether the sender waits for what the handler returns. */
  readonly wantsAnswer: boolean
  /** Aborts when the handler has taken too long, or the service stops. */
  readonly signal: AbortSignal
  /** The payload as UTF-8 text; what is no UTF-8 becomes U+FFFD. */
  text(): string
  /** The payload as JSON. @throws SyntaxError, which refuses the message unless it is caught */
  json(): unknown
}

const decoder = new TextDecoder()

/** A message from its arrival to its settlement. */
export class Incoming implements Message {
  isSettled = false
  /** Bytes that were counted as waiting here; 0 as long as it has not had to wait. */
  held = 0
  expires: number | undefined
  #controller: AbortController | undefined
  #isAborted = false

  constructor(
    readonly from: PeerId,
    readonly type: MessageType | string,
    readonly number: number,
    public payload: ReceivedPayload,
    /** Bytes before compression, if it is compressed. */
    public size: number,
    readonly lane: Lane,
    readonly isDurable: boolean,
    readonly wantsAnswer: boolean,
    /** On the monotonic clock. */
    readonly expiresAt: number,
    public stream: InletStream
  ) {}

  /** Bytes that it takes of the window. */
  get weight(): number {
    return this.size >= 0 ? this.size : this.payload.length
  }

  get bytes(): Uint8Array {
    return this.payload.bytes()
  }

  get id(): string {
    return `${this.lane.epoch}-${this.number}`
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#isAborted) {
      this.#controller.abort()
    }
    return this.#controller.signal
  }

  abort(): void {
    this.#isAborted = true
    this.#controller?.abort()
  }

  text(): string {
    return decoder.decode(this.payload.lend())
  }

  json(): unknown {
    return JSON.parse(this.text())
  }
}
