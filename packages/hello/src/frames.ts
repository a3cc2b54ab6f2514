import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { MAX_HELLO_BYTES } from './codec.js'
import { HelloMalformedError } from './errors.js'

/** Bytes of the length prefix of the largest hello. */
const MAX_LENGTH_BYTES = 2

/** One frame each way. */
export interface Frames {
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** @throws HelloMalformedError for a frame that is too long, or that ends in its midst */
  read(signal: AbortSignal): Promise<Uint8Array>
}

/** Length-prefixed frames with both the length and the length's own length capped before anything is allocated. */
export function helloFrames(stream: Stream): Frames {
  let hasBegun = false
  const frames = lpStream(stream, {
    maxDataLength: MAX_HELLO_BYTES,
    maxLengthLength: MAX_LENGTH_BYTES,
    lengthDecoder: (data) => {
      hasBegun = true
      const [first = 0x80, second] = data.subarray()
      if (first < 0x80) {
        return first
      }
      if (second == null) {
        throw new RangeError('one more byte is needed') // libp2p's sign to read on
      }
      if (second >= 0x80) {
        throw new HelloMalformedError('its length prefix is too long')
      }
      return (first & 0x7f) | (second << 7)
    }
  })
  return {
    write: async (bytes, signal) => frames.write(bytes, { signal }),
    read: async (signal) => {
      try {
        return (await frames.read({ signal })).subarray()
      } catch (error) {
        // Whoever hangs up before a word has done nothing wrong; whoever stops in a word has.
        throw hasBegun && (error as Error).name === 'UnexpectedEOFError'
          ? new HelloMalformedError('it ends in the middle', { cause: error })
          : error
      }
    }
  }
}
