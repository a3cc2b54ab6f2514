import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { LegacyMessageMalformedError } from './errors.js'
import { MAX_LEGACY_MESSAGE_BYTES } from './message-codec.js'

/** Bytes of the length prefix of the largest message: 1,048,576 has 21 bits. */
const MAX_LENGTH_BYTES = 3

/** Bytes that may wait to be read before the other end has to: with so many there is a whole message among them. */
const MAX_WAITING_BYTES = MAX_LEGACY_MESSAGE_BYTES + MAX_LENGTH_BYTES

/** Bytes that the other end may still send while it has to wait: the window that a stream of Yamux begins with. */
const WINDOW_BYTES = 256 * 1024

/** Any number of frames each way. */
export interface Frames {
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /**
   * The next frame; undefined if the other end has finished.
   *
   * @throws LegacyMessageMalformedError for a frame that is too long, or that ends in its midst
   */
  read(signal: AbortSignal): Promise<Uint8Array | undefined>
}

/** Length-prefixed frames with both the length and the length's own length capped before anything is allocated. */
export function legacyFrames(stream: Stream): Frames {
  let hasBegun = false
  let prefixBytes = 0
  let waiting = 0
  keepWindow(stream)
  const frames = lpStream(stream, {
    maxDataLength: MAX_LEGACY_MESSAGE_BYTES,
    maxLengthLength: MAX_LENGTH_BYTES,
    lengthDecoder: (data) => {
      hasBegun = true
      prefixBytes = data.byteLength
      return readLength(data.subarray())
    }
  })
  let isResuming = false
  const pauseIfFull = (): void => {
    // within a resumption Yamux would forget that it is paused
    if (waiting > MAX_WAITING_BYTES && !isResuming && stream.readStatus === 'readable') {
      stream.pause()
    }
  }
  // libp2p takes in what comes, whether it is read or not
  stream.addEventListener('message', ({ data }) => {
    waiting += data.byteLength
    pauseIfFull()
  })
  const resumeIfRead = (): void => {
    if (waiting <= MAX_WAITING_BYTES && stream.readStatus === 'paused') {
      isResuming = true
      stream.resume()
      isResuming = false
      pauseIfFull()
    }
  }
  return {
    write: async (bytes, signal) => frames.write(bytes, { signal }),
    read: async (signal) => {
      hasBegun = false
      try {
        resumeIfRead()
        const frame = await frames.read({ signal })
        waiting -= prefixBytes + frame.byteLength
        return frame.subarray()
      } catch (error) {
        const { name, message } = error as Error
        if (name === 'InvalidDataLengthError' || name === 'InvalidDataLengthLengthError') {
          throw new LegacyMessageMalformedError(message, { cause: error })
        }
        if (name !== 'UnexpectedEOFError') {
          throw error
        }
        // Whoever loses the connection has done nothing wrong; whoever ends the stream in a word has.
        if (hasBegun && stream.status === 'open') {
          throw new LegacyMessageMalformedError('it ends in the middle', { cause: error })
        }
        if (hasBegun) {
          throw error
        }
        return undefined
      }
    }
  }
}

/**
 * Keeps Yamux from enlarging the window, up to 16 MiB, for whoever sends fast: such a sender then fills libp2p's buffer of
 * 4 MiB as soon as it has to wait, and the stream is reset. Without effect for other muxers.
 */
function keepWindow(stream: Stream & { maxStreamWindowSize?: number }): void {
  if (stream.maxStreamWindowSize != null) {
    stream.maxStreamWindowSize = Math.min(stream.maxStreamWindowSize, WINDOW_BYTES)
  }
}

/** @throws RangeError as long as a byte is missing: libp2p's sign to read on */
function readLength(data: Uint8Array): number {
  let length = 0
  for (let index = 0; index < MAX_LENGTH_BYTES; index++) {
    const byte = data[index]
    if (byte == null) {
      throw new RangeError('one more byte is needed')
    }
    length |= (byte & 0x7f) << (7 * index)
    if (byte < 0x80) {
      return length
    }
  }
  throw new LegacyMessageMalformedError('its length prefix is too long')
}
