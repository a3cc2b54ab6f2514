import { byteStream } from '@libp2p/utils'
import type { Connection, Stream } from '@libp2p/interface'
import type { Clock, Rng } from '@penin/interface'
import { PingFailedError } from './errors.js'

/** libp2p's ping protocol, which every libp2p node answers. */
export const PING_PROTOCOL = '/ipfs/ping/1.0.0'

const PING_BYTES = 32

/**
 * One ping on this very connection (libp2p's own ping service picks a connection of the peer by itself).
 *
 * A peer that does not know the protocol has still answered, so that counts.
 *
 * @returns the round-trip time in milliseconds
 * @throws PingFailedError if other bytes come back; whatever libp2p throws if nothing comes back before `signal` aborts
 */
export async function pingConnection(
  connection: Connection,
  options: { clock: Clock; rng: Rng; signal: AbortSignal }
): Promise<number> {
  const { clock, rng, signal } = options
  let start = clock.monotonic()
  let stream: Stream | undefined
  try {
    stream = await connection.newStream(PING_PROTOCOL, { signal, runOnLimitedConnection: true })
    const bytes = byteStream(stream)
    const payload = rng.bytes(PING_BYTES)
    start = clock.monotonic()
    await bytes.write(payload, { signal })
    const echo = await bytes.read({ bytes: PING_BYTES, signal })
    const rtt = clock.monotonic() - start
    if (Buffer.compare(echo.subarray(), payload) !== 0) {
      throw new PingFailedError('the peer echoed other bytes than it was sent')
    }
    await stream.close({ signal })
    return rtt
  } catch (error) {
    stream?.abort(error as Error)
    if ((error as Error).name === 'UnsupportedProtocolError') {
      return (clock.monotonic() - start) / 2 // two round trips of protocol negotiation
    }
    throw error
  }
}
