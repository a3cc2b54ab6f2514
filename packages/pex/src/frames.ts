import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { MAX_PEX_BYTES } from './codec.js'
import { PexMalformedError } from './errors.js'

/** Bytes of the length prefix of the largest message: 65,536 has 17 bits. */
const MAX_LENGTH_BYTES = 3

/** One frame each way. */
export interface Frames {
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** @throws PexMalformedError for a frame that is too long, or that ends in its midst */
  read(signal: AbortSignal): Promise<Uint8Array>
  /** Waits until the other end has closed. @throws PexMalformedError if it sends anything before */
  end(signal: AbortSignal): Promise<void>
}

/** Length-prefixed frames with both the length and the length's own length capped before anything is allocated. */
export function pexFrames(stream: Stream): Frames {
  let hasBegun = false
  // A connection that breaks looks like an end of the stream as well, but only an end that was sent is the peer's doing.
  let wasEnded = stream.status === 'open' && stream.remoteWriteStatus !== 'writable'
  stream.addEventListener('remoteCloseWrite', () => {
    wasEnded = true
  })
  const frames = lpStream(stream, {
    maxDataLength: MAX_PEX_BYTES,
    maxLengthLength: MAX_LENGTH_BYTES,
    lengthDecoder: (data) => {
      hasBegun = true
      return readLength(data.subarray())
    }
  })
  return {
    write: async (bytes, signal) => frames.write(bytes, { signal }),
    read: async (signal) => {
      hasBegun = false
      try {
        return (await frames.read({ signal })).subarray()
      } catch (error) {
        const { name, message } = error as Error
        if (name === 'InvalidDataLengthError' || name === 'InvalidDataLengthLengthError') {
          throw new PexMalformedError('malformed', message, { cause: error })
        }
        // Whoever hangs up before a word has done nothing wrong, nor has one whose connection breaks in its midst;
        // whoever ends the stream there has.
        throw hasBegun && wasEnded && name === 'UnexpectedEOFError'
          ? new PexMalformedError('malformed', 'it ends in the middle', { cause: error })
          : error
      }
    },
    end: async (signal) => {
      hasBegun = false
      try {
        await frames.read({ signal })
      } catch (error) {
        if (!hasBegun && (error as Error).name === 'UnexpectedEOFError') {
          return
        }
        if (!hasBegun) {
          throw error
        }
      }
      throw new PexMalformedError('unsolicited', 'more than one message')
    }
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
  throw new PexMalformedError('malformed', 'its length prefix is too long')
}
