import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { ProtocolBreachError } from '../errors.js'
import type { Outgoing } from './outgoing.js'
import type { Statistics } from './statistics.js'
import { FIRST_NAMED, MAX_NAMED } from './types.js'
import { decodeAnswer, MAX_ANSWER_BYTES, type Answer, type Welcome } from './wire/answer-frame.js'
import { dataFrameLength, encodeOpen, writeDataHeader, type OpenFrame } from './wire/data-frame.js'
import { FrameSplitter } from './wire/frame-splitter.js'
import { varintLength } from './wire/varint.js'

/** Longer payloads are handed to the stream as they are instead of being copied beside others. */
const COPY_BELOW = 8192

/** Whether a payload is too long to be copied beside others. */
export function isLong(length: number): boolean {
  return length >= COPY_BELOW
}

/** What an outlet hears of its stream. */
export interface OutletStreamEvents {
  onAnswer(answer: Answer): void
  onWritable(): void
  onLost(error: Error | undefined): void
  /** The answerer broke the rules. */
  onBreach(error: Error): void
}

const encoder = new TextEncoder()

/** The sending half of one stream. */
export class OutletStream {
  welcome: Welcome | undefined
  /** Messages of this stream that are not acknowledged. */
  messages = 0
  /** Their bytes, before compression. */
  bytes = 0
  /** Whether anything was acknowledged on it. */
  hasProgress = false
  #isOver = false
  readonly #names = new Map<string, number>()
  readonly #splitter: FrameSplitter

  constructor(
    readonly stream: Stream,
    readonly serial: number,
    private readonly events: OutletStreamEvents,
    private readonly statistics: Statistics
  ) {
    this.#splitter = new FrameSplitter(MAX_ANSWER_BYTES, this.#onFrame)
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('drain', this.#onDrain)
    stream.addEventListener('close', this.#onClose)
    stream.addEventListener('remoteCloseWrite', this.#onRemoteClose)
  }

  get isWritable(): boolean {
    return !this.#isOver && this.welcome !== undefined && !this.stream.writableNeedsDrain
  }

  open(frame: OpenFrame): void {
    this.#send(encodeOpen(frame))
  }

  /** Whether a message fits into the receiver's window; one alone always does. */
  hasRoomFor(size: number): boolean {
    const { messages, bytes, welcome } = this
    return (
      welcome !== undefined &&
      (messages === 0 || (messages < welcome.windowMessages && bytes + size <= welcome.windowBytes))
    )
  }

  /** Takes a message into the window and gives its type its name or number; says how many bytes its frame will take. */
  prepare(entry: Outgoing): number {
    const { given } = entry
    if (typeof given === 'string') {
      const known = this.#names.get(given)
      entry.type = known ?? 0
      entry.name = known === undefined ? encoder.encode(given) : undefined
      if (known === undefined && this.#names.size < MAX_NAMED) {
        entry.type = FIRST_NAMED + this.#names.size
        this.#names.set(given, entry.type)
      }
    }
    this.messages++
    this.bytes += entry.rawSize
    const length = dataFrameLength(entry)
    return varintLength(length) + length
  }

  /** Writes all of them at once. `bytes` is the sum of what {@link prepare} said. */
  write(batch: readonly Outgoing[], bytes: number): void {
    let copied = bytes
    for (const { payload } of batch) {
      copied -= isLong(payload.length) ? payload.length : 0
    }
    const buffer = new Uint8Array(copied)
    const parts: Uint8Array[] = []
    let from = 0
    let at = 0
    for (const entry of batch) {
      const { payload } = entry
      at = writeDataHeader(buffer, at, entry, dataFrameLength(entry))
      if (isLong(payload.length)) {
        parts.push(buffer.subarray(from, at), payload)
        from = at
      } else {
        buffer.set(payload, at)
        at += payload.length
      }
    }
    this.#send(parts.length === 0 ? buffer : new Uint8ArrayList(...parts, buffer.subarray(from)))
  }

  /** Ends it and says nothing more. */
  end(error?: Error): void {
    if (this.#detach()) {
      if (error === undefined) {
        this.stream.close().catch(() => {
          // It is closed all the same.
        })
      } else {
        this.stream.abort(error)
      }
    }
  }

  #send(data: Uint8Array | Uint8ArrayList): void {
    this.statistics.add('wireBytesOut', data.byteLength)
    try {
      this.stream.send(data)
    } catch (error) {
      this.#lose(error as Error)
    }
  }

  readonly #onFrame = (bytes: Uint8Array, from: number, to: number): void => {
    const answer = decodeAnswer(bytes, from, to)
    if (answer.welcome != null && this.welcome !== undefined) {
      throw new ProtocolBreachError('msg-malformed', 'a second welcome')
    }
    if (answer.welcome == null && this.welcome === undefined) {
      throw new ProtocolBreachError('msg-malformed', 'no welcome')
    }
    this.welcome ??= answer.welcome
    this.events.onAnswer(answer)
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => {
    this.statistics.add('wireBytesIn', data.byteLength)
    try {
      this.#splitter.push(data)
    } catch (error) {
      this.end(error as Error)
      this.events.onBreach(error as Error)
      return
    }
    if (!this.#isOver) {
      this.events.onWritable()
    }
  }

  readonly #onDrain = (): void => {
    // The stream itself goes on with what it has first, in a microtask that was queued before this one.
    queueMicrotask(() => {
      if (this.isWritable) {
        this.events.onWritable()
      }
    })
  }

  readonly #onRemoteClose = (): void => {
    this.stream.close().catch(() => {
      // It is lost all the same.
    })
    this.#lose(undefined)
  }

  readonly #onClose = ({ error }: StreamCloseEvent): void => {
    this.#lose(error)
  }

  #lose(error: Error | undefined): void {
    if (this.#detach()) {
      this.events.onLost(error)
    }
  }

  #detach(): boolean {
    if (this.#isOver) {
      return false
    }
    this.#isOver = true
    this.stream.removeEventListener('message', this.#onMessage)
    this.stream.removeEventListener('drain', this.#onDrain)
    this.stream.removeEventListener('close', this.#onClose)
    this.stream.removeEventListener('remoteCloseWrite', this.#onRemoteClose)
    return true
  }
}
