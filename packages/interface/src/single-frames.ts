import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { SurplusBytesError, UnfinishedFrameError } from './errors.js'

/**
 * What is wrong with what the other end sent.
 *
 * - `malformed`: its message is longer than it may be, or the stream was ended in the midst of it
 * - `unsolicited`: something follows the message
 */
export type FrameFault = 'malformed' | 'unsolicited'

export interface SingleFramesInit {
  /** Bytes of a message, at most; its length prefix is not counted. */
  maxBytes: number
  /** Makes the error for something that the other end has done wrong. */
  onMalformed: (problem: string, fault: FrameFault) => Error
}

/** One message each way, with its length before it as an unsigned varint. */
export interface SingleFrames {
  /** @throws what libp2p throws if the stream is closed, or the signal's reason */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /**
   * The message.
   *
   * @throws what `onMalformed` makes for a message that is too long, or that the other end has ended in its midst;
   * UnfinishedFrameError if the stream ends before the message begins, or the connection breaks; the reason why the stream
   * was aborted; the signal's reason
   */
  read(signal: AbortSignal): Promise<Uint8Array>
  /**
   * Waits until nothing can follow the message any more.
   *
   * @throws what `onMalformed` makes if something follows; the reason why the stream was aborted; the signal's reason
   */
  end(signal: AbortSignal): Promise<void>
}

/**
 * Reads and writes a stream that carries one message each way. A length that is too large is refused when its prefix has
 * come, and no more is ever held than the longest message with its prefix: who sends more has its stream aborted.
 *
 * Whoever hangs up before a message has done nothing wrong, nor has one whose connection breaks in its midst; whoever
 * ends the stream there has.
 */
export function singleFrames(stream: Stream, { maxBytes, onMalformed }: SingleFramesInit): SingleFrames {
  const maxPrefix = varintBytes(maxBytes)
  const inbox = new Inbox(stream, maxBytes + maxPrefix)
  return {
    write: async (bytes, signal) => {
      signal.throwIfAborted()
      if (!stream.send(framed(bytes))) {
        await stream.onDrain({ signal })
      }
    },
    read: async (signal) => {
      let prefix: Prefix | undefined
      for (;;) {
        prefix ??= readPrefix(inbox.peek(maxPrefix))
        const length = prefix?.value ?? 0
        if (prefix == null ? inbox.length >= maxPrefix : length > maxBytes) {
          throw onMalformed(prefix == null ? 'its length prefix is too long' : `${length} bytes`, 'malformed')
        }
        if (prefix != null && inbox.length >= prefix.bytes + length) {
          return inbox.take(prefix.bytes + length).subarray(prefix.bytes)
        }
        if (!(await inbox.more(signal))) {
          throw inbox.length > 0 && inbox.wasEnded
            ? onMalformed('it ends in the middle', 'malformed')
            : new UnfinishedFrameError(inbox.length)
        }
      }
    },
    end: async (signal) => {
      do {
        if (inbox.length > 0) {
          throw onMalformed('more than one message', 'unsolicited')
        }
      } while (await inbox.more(signal))
    }
  }
}

/** What has arrived on a stream and was not taken yet. */
class Inbox {
  length = 0
  /** The other end has said that it sends no more. A connection that breaks looks like an end, too, but is not its doing. */
  wasEnded: boolean
  #chunks: Uint8Array[] = []
  #failure: Error | undefined
  #news = Promise.withResolvers<void>()

  constructor(
    private readonly stream: Stream,
    private readonly capacity: number
  ) {
    this.wasEnded = stream.status === 'open' && stream.remoteWriteStatus !== 'writable'
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('remoteCloseWrite', this.#onEnd)
    stream.addEventListener('close', this.#onClose)
  }

  /** Waits until something has come since the last time; false when nothing can come any more. */
  async more(signal: AbortSignal): Promise<boolean> {
    const before = this.length
    while (this.length === before) {
      signal.throwIfAborted()
      if (this.#failure != null) {
        throw this.#failure
      }
      if (this.stream.remoteWriteStatus !== 'writable' && this.stream.readBufferLength === 0) {
        return false
      }
      await this.#event(signal)
    }
    return true
  }

  /** Up to `count` of the first bytes. */
  peek(count: number): Uint8Array {
    const [first = new Uint8Array()] = this.#chunks
    return first.length >= count || this.#chunks.length < 2 ? first.subarray(0, count) : this.#join().subarray(0, count)
  }

  /** The first `count` bytes, which must be there, and which go. */
  take(count: number): Uint8Array {
    const all = this.#join()
    this.#chunks = count < all.length ? [all.subarray(count)] : []
    this.length -= count
    return all.subarray(0, count)
  }

  #join(): Uint8Array {
    const [first] = this.#chunks
    if (first != null && this.#chunks.length === 1) {
      return first
    }
    const all = new Uint8Array(this.length)
    let at = 0
    for (const chunk of this.#chunks) {
      all.set(chunk, at)
      at += chunk.length
    }
    this.#chunks = [all]
    return all
  }

  async #event(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => {
      this.#wake()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    await this.#news.promise
    signal.removeEventListener('abort', onAbort)
  }

  #wake(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => {
    const room = this.capacity - this.length
    const chunk = data.subarray(0, Math.min(room, data.byteLength))
    if (chunk.length > 0) {
      this.#chunks.push(chunk)
      this.length += chunk.length
    }
    if (data.byteLength > room) {
      this.stream.removeEventListener('message', this.#onMessage)
      // Let those who hear of the message finish first.
      queueMicrotask(() => {
        this.stream.abort(new SurplusBytesError(this.capacity))
      })
    }
    this.#wake()
  }

  readonly #onEnd = (): void => {
    this.wasEnded = true
    this.#wake()
  }

  readonly #onClose = ({ error }: StreamCloseEvent): void => {
    this.#failure = error
    this.#wake()
  }
}

/** Bytes of a varint of up to `value`. */
function varintBytes(value: number): number {
  return Math.max(1, Math.ceil((32 - Math.clz32(value)) / 7))
}

function framed(bytes: Uint8Array): Uint8Array {
  const prefix = varintBytes(bytes.length)
  const frame = new Uint8Array(prefix + bytes.length)
  for (let i = 0, rest = bytes.length; i < prefix; i++, rest >>>= 7) {
    frame[i] = (rest & 0x7f) | (i < prefix - 1 ? 0x80 : 0)
  }
  frame.set(bytes, prefix)
  return frame
}

/** The length of a message, and of what says it. */
interface Prefix {
  value: number
  bytes: number
}

/** The varint at the start; undefined as long as its last byte is missing. */
function readPrefix(bytes: Uint8Array): Prefix | undefined {
  let value = 0
  for (const [index, byte] of bytes.entries()) {
    value |= (byte & 0x7f) << (7 * index)
    if (byte < 0x80) {
      return { value, bytes: index + 1 }
    }
  }
  return undefined
}
