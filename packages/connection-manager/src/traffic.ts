import type { Connection, MultiaddrConnection } from '@libp2p/interface'
import type { Socket } from 'node:net'

/** Bytes on the wire of one connection, encryption and framing included. */
export interface Traffic {
  bytesIn: number
  bytesOut: number
}

/**
 * Reads how much a connection has sent and received from the socket below it, so that counting costs nothing per byte.
 *
 * libp2p hands the raw connection to the gater only; it and the finished `Connection` share their `timeline` object,
 * which is the key here. Transports without a socket (relays, memory) have no counters.
 */
export class TrafficMeter {
  readonly #raw = new WeakMap<object, MultiaddrConnection>()

  /** Called from the gater's upgraded-connection hooks. */
  track(raw: MultiaddrConnection): void {
    this.#raw.set(raw.timeline, raw)
  }

  /** The counters of a connection; undefined where the transport has none. */
  of(connection: Connection): Traffic | undefined {
    const raw = this.#raw.get(connection.timeline) as { socket?: Partial<Socket> } | undefined
    const { bytesRead, bytesWritten } = raw?.socket ?? {}
    return typeof bytesRead === 'number' && typeof bytesWritten === 'number'
      ? { bytesIn: bytesRead, bytesOut: bytesWritten }
      : undefined
  }
}
