import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { FrameMalformedError, ProtocolBreachError } from '../errors.js'
import { AckCollector } from './ack-collector.js'
import type { Statistics } from './statistics.js'
import { FIRST_NAMED, MAX_NAMED, type MessageType } from './types.js'
import { encodeAnswer, type Welcome } from './wire/answer-frame.js'
import { DataReader, MAX_HEADER_BYTES } from './wire/data-frame.js'
import { FrameSplitter } from './wire/frame-splitter.js'

/** What an inlet hears of its stream. */
export interface InletStreamEvents {
  /** A frame; the reader is overwritten by the next. */
  onFrame(frame: DataReader): void
  /** All frames of what has just arrived have been handed over. */
  onRead(bytes: number): void
  onLost(): void
  onBreach(error: Error): void
}

/** Bytes of one read that are so many that more are likely to follow at once. */
const BUSY_READ = 16_384

const decoder = new TextDecoder('utf-8', { fatal: true })

/** The receiving half of one stream. */
export class InletStream {
  /** Messages received on it and not acknowledged. */
  messages = 0
  /** Their bytes, before compression. */
  bytes = 0
  isOpened = false
  readonly #acks = new AckCollector()
  readonly #names: string[] = []
  readonly #reader = new DataReader()
  readonly #splitter: FrameSplitter
  #isReading = false
  #isScheduled = false
  /** Whether more is likely to be read before the event loop waits. */
  #isBusy = false
  #isOver = false
  #isPaused = false

  constructor(
    readonly stream: Stream,
    maxPayload: number,
    windowBytes: number,
    private readonly events: InletStreamEvents,
    private readonly statistics: Statistics
  ) {
    this.#splitter = new FrameSplitter(
      maxPayload + MAX_HEADER_BYTES,
      (bytes, from, to) => {
        this.#reader.read(bytes, from, to)
        events.onFrame(this.#reader)
      },
      (parts) => {
        this.#reader.readParts(parts)
        events.onFrame(this.#reader)
      }
    )
    // While it is paused, an honest sender fills this no further than its window allows, frames and all.
    stream.maxReadBufferLength = Math.max(stream.maxReadBufferLength, 2 * (windowBytes + maxPayload))
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('drain', this.#onDrain)
    stream.addEventListener('close', this.#onClose)
    stream.addEventListener('remoteCloseWrite', this.#onRemoteClose)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  welcome(welcome: Welcome): void {
    this.isOpened = true
    this.#send(encodeAnswer({ ...this.#acks.take(), welcome }))
  }

  /** What a frame's type means on this stream. @throws FrameMalformedError, ProtocolBreachError */
  typeOf({ type, name }: DataReader): MessageType | string {
    if (name === undefined) {
      const known = type < FIRST_NAMED ? (type as MessageType) : this.#names[type - FIRST_NAMED]
      if (known === undefined) {
        throw new FrameMalformedError(`type ${type} means nothing here`)
      }
      return known
    }
    const text = decodeName(name)
    if (type === 0) {
      return text
    }
    const index = type - FIRST_NAMED
    if (index >= MAX_NAMED) {
      throw new ProtocolBreachError('msg-type-flood', `more than ${MAX_NAMED} named types`)
    }
    if (index !== this.#names.length && this.#names[index] !== text) {
      throw new FrameMalformedError('numbers of named types must follow each other')
    }
    this.#names[index] = text
    return text
  }

  /** Acknowledges with the next write, which follows at the end of what is being read, or of this turn. */
  ack(id: number, state: number, isDurable: boolean, weight: number): void {
    this.messages--
    this.bytes -= weight
    this.#acks.add(id, state, isDurable)
    if (this.#acks.isFull) {
      this.#flush()
    } else if (!this.#isReading) {
      this.#flushSoon()
    }
  }

  pause(): void {
    if (!this.#isPaused && !this.#isOver) {
      this.#isPaused = true
      try {
        this.stream.pause()
      } catch {
        // It is closing.
      }
    }
  }

  resume(): void {
    if (this.#isPaused && !this.#isOver) {
      this.#isPaused = false
      try {
        this.stream.resume()
      } catch {
        // It is closing.
      }
    }
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

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

  /**
   * In the middle of a burst, one answer before the event loop next waits does for all that is read until then: a write
   * for each read would cost more than the reading where messages are long.
   */
  #flushSoon(): void {
    if (this.#isScheduled) {
      return
    }
    this.#isScheduled = true
    if (this.#isBusy) {
      // eslint-disable-next-line no-restricted-globals -- not a time, but the end of what there is to read now
      setImmediate(this.#onTurn)
    } else {
      queueMicrotask(() => {
        process.nextTick(this.#onTurn)
      })
    }
  }

  readonly #onTurn = (): void => {
    this.#isScheduled = false
    this.#flush()
  }

  #flush(): void {
    if (this.isOpened && !this.#isOver && !this.#acks.isEmpty && !this.stream.writableNeedsDrain) {
      this.#send(encodeAnswer(this.#acks.take()))
    }
  }

  #send(bytes: Uint8Array): void {
    this.statistics.add('wireBytesOut', bytes.length)
    try {
      this.stream.send(bytes)
    } catch {
      this.#lose()
    }
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => {
    this.statistics.add('wireBytesIn', data.byteLength)
    this.#isReading = true
    try {
      this.#splitter.push(data)
    } catch (error) {
      this.end(error as Error)
      this.events.onBreach(error as Error)
      return
    } finally {
      this.#isReading = false
    }
    this.#isBusy = this.#splitter.isInFrame || data.byteLength >= BUSY_READ
    if (this.#isBusy) {
      this.#flushSoon()
    } else {
      this.#flush()
    }
    this.events.onRead(data.byteLength)
  }

  readonly #onDrain = (): void => {
    queueMicrotask(this.#onTurn)
  }

  readonly #onRemoteClose = (): void => {
    this.stream.close().catch(() => {
      // It is lost all the same.
    })
    this.#lose()
  }

  readonly #onClose = ({ error }: StreamCloseEvent): void => {
    if (error?.name === 'StreamBufferError' && this.#detach()) {
      this.events.onBreach(error)
    } else {
      this.#lose()
    }
  }

  #lose(): void {
    if (this.#detach()) {
      this.events.onLost()
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

function decodeName(name: Uint8Array): string {
  try {
    return decoder.decode(name)
  } catch {
    throw new FrameMalformedError("a type's name that is no UTF-8")
  }
}
