import type { Uint8ArrayList } from 'uint8arraylist'
import { FrameMalformedError, FrameTooLongError } from '../../errors.js'

/** Bytes of the length prefix of the longest frame: 16 MiB and its header have 25 bits. */
const MAX_LENGTH_BYTES = 4

/** Bytes for the beginning of a prefix. */
const FIRST_BYTES = 16

/** Room that a frame gets as soon as its length is known; a longer one gets more as it arrives. */
const READY_BYTES = 131_072

/** Times what has arrived that a longer one gets. Pages that nothing has been written to take no memory yet. */
const GROWTH = 8

/** A frame that spans chunks is lent in its parts from this length on; a shorter one is put together at once. */
const LEND_FROM = 8192

/** Bytes of a lent frame for each of its parts, on average: where TCP and Noise have cut it, two or three in 64 KiB. */
const BYTES_PER_PART = 2048

const NOTHING = new Uint8Array(0)

/** Called with each whole frame, without its length prefix; the bytes are only lent where they are part of a chunk. */
export type OnFrame = (bytes: Uint8Array, from: number, to: number) => void

/** Called with the parts of a long frame that has arrived at once, but in more than one chunk; they are lent, too. */
export type OnParts = (parts: readonly Uint8Array[]) => void

/**
 * Cuts what arrives into frames. A frame within one chunk is not copied, nor is a long one whose chunks have arrived
 * together if there is an `onParts`. Any other is put together, in memory that grows with what has really arrived,
 * whatever its length prefix promises.
 */
export class FrameSplitter {
  /** The beginning of a frame, prefix included; it has room for 128 KiB at most, or for 8 times what has arrived. */
  #begun: Uint8Array = NOTHING
  #held = 0
  /** Bytes of the frame that has begun, with its prefix; 0 as long as the prefix is not whole. */
  #wanted = 0
  #prefix = 0

  constructor(
    readonly maxFrame: number,
    private readonly onFrame: OnFrame,
    private readonly onParts?: OnParts
  ) {}

  /** Whether a frame has begun and not ended. */
  get isInFrame(): boolean {
    return this.#held > 0
  }

  /** @throws FrameMalformedError, FrameTooLongError, and whatever `onFrame` throws */
  push(chunk: Uint8Array | Uint8ArrayList): void {
    const chunks = chunk instanceof Uint8Array ? [chunk] : [...chunk]
    let left = chunk.byteLength
    let index = 0
    let at = 0
    for (let bytes = chunks[0]; bytes !== undefined; bytes = chunks[index]) {
      at = this.#split(bytes, this.#held > 0 ? this.#finish(bytes) : at)
      const parts = at < bytes.length ? this.#partsOf(chunks, index, at, left) : undefined
      if (parts === undefined) {
        if (at < bytes.length) {
          this.#begin(bytes.subarray(at))
        }
        left -= bytes.length
        index++
        at = 0
        continue
      }
      // The next frame begins in the chunk with the last part, or behind it.
      const last = parts[parts.length - 1] as Uint8Array
      for (let taken = 1; taken < parts.length; taken++) {
        left -= (chunks[index++] as Uint8Array).length
      }
      at = last.length
      this.onParts?.(parts)
    }
  }

  /** The parts of the frame at `at` of a chunk; undefined if it hasn't arrived, or is better put together. */
  #partsOf(chunks: readonly Uint8Array[], index: number, at: number, left: number): Uint8Array[] | undefined {
    const bytes = chunks[index] as Uint8Array
    if (this.onParts === undefined) {
      return undefined
    }
    const prefix = readLength(bytes, at, bytes.length, this.maxFrame)
    const from = at + prefix.bytes
    if (prefix.length < LEND_FROM || prefix.length > left - from) {
      return undefined
    }
    const parts = [bytes.subarray(from)]
    let wanted = prefix.length - (bytes.length - from)
    while (wanted > 0) {
      const part = chunks[++index] as Uint8Array
      if (parts.length * BYTES_PER_PART > prefix.length) {
        return undefined
      }
      parts.push(part.length > wanted ? part.subarray(0, wanted) : part)
      wanted -= part.length
    }
    return parts
  }

  /** Adds to the frame that has begun; gives the position behind what belongs to it. */
  #finish(bytes: Uint8Array): number {
    let at = 0
    while (this.#wanted === 0 && at < bytes.length) {
      this.#begun[this.#held++] = bytes[at++] as number
      this.#readPrefix()
    }
    const to = Math.min(bytes.length, at + this.#wanted - this.#held)
    if (to > at) {
      this.#reserve(this.#held + to - at)
      this.#begun.set(bytes.subarray(at, to), this.#held)
      this.#held += to - at
      at = to
    }
    if (this.#wanted > 0 && this.#held === this.#wanted) {
      const [frame, from, end] = [this.#begun, this.#prefix, this.#wanted]
      this.#clear()
      this.onFrame(frame, from, end)
    }
    return at
  }

  /** Hands over the frames that end here; gives the position behind them. */
  #split(bytes: Uint8Array, at: number): number {
    while (at < bytes.length) {
      // Most frames are short, and so are their prefixes.
      let length = bytes[at] as number
      let from = at + 1
      if (length >= 0x80 || length === 0 || length > this.maxFrame) {
        const prefix = readLength(bytes, at, bytes.length, this.maxFrame)
        if (prefix.bytes === 0) {
          break
        }
        length = prefix.length
        from = at + prefix.bytes
      }
      const to = from + length
      if (to > bytes.length) {
        break
      }
      this.onFrame(bytes, from, to)
      at = to
    }
    return at
  }

  #begin(rest: Uint8Array): void {
    this.#begun = rest
    this.#held = rest.length
    this.#readPrefix()
    const room = Math.max(rest.length, this.#wanted === 0 ? FIRST_BYTES : Math.min(this.#wanted, READY_BYTES))
    this.#begun = Buffer.allocUnsafeSlow(room)
    this.#begun.set(rest)
  }

  #readPrefix(): void {
    const { length, bytes } = readLength(this.#begun, 0, this.#held, this.maxFrame)
    if (bytes > 0) {
      this.#wanted = length + bytes
      this.#prefix = bytes
    }
  }

  #reserve(bytes: number): void {
    if (bytes > this.#begun.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#wanted, Math.max(bytes, GROWTH * this.#held, READY_BYTES)))
      grown.set(this.#begun.subarray(0, this.#held))
      this.#begun = grown
    }
  }

  #clear(): void {
    this.#begun = NOTHING
    this.#held = 0
    this.#wanted = 0
    this.#prefix = 0
  }
}

/** The length at `at`, and how many bytes it takes there: 0 if more are needed. */
function readLength(bytes: Uint8Array, at: number, end: number, max: number): { length: number; bytes: number } {
  let length = 0
  for (let index = 0; index < MAX_LENGTH_BYTES; index++) {
    if (at + index >= end) {
      return { length: 0, bytes: 0 }
    }
    const byte = bytes[at + index] as number
    length += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) {
      if (length > max) {
        throw new FrameTooLongError(length, max)
      }
      if (length === 0) {
        throw new FrameMalformedError('an empty frame')
      }
      return { length, bytes: index + 1 }
    }
  }
  throw new FrameMalformedError('its length prefix is too long')
}
