import type { PeerId } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { deadline, type Clock } from '@penin/interface'
import type { Links } from './links.js'
import { asPeerId } from './peer-address.js'

/** Whoever is let go and still there after so many milliseconds is cut: as long as libp2p takes to close, and more. */
export const LINGER = 2_000

/** What {@link Departures} work with. */
export interface DeparturesParts {
  connectionManager: Pick<ConnectionManager, 'closeConnections'>
  links: Links
  clock: Clock
}

/** Peers that go on purpose: at once, when they have answered, or when another one is there. As many as dials and links. */
export class Departures {
  readonly #parts: DeparturesParts
  /** Peers that are being let go. */
  readonly #leaving = new Set<string>()
  /** Peers that were dialled only to see whether they answer. */
  readonly #probed = new Set<string>()
  /** Peers that go once another one is there, by the id of that one. */
  readonly #replaces = new Map<string, string>()

  constructor(parts: DeparturesParts) {
    this.#parts = parts
  }

  /** Resolves when the peer is gone: after a moment, for if it lingers it is cut. */
  async letGo(id: PeerId): Promise<void> {
    const { links, connectionManager, clock } = this.#parts
    if (!links.has(id.toString())) {
      return
    }
    this.#leaving.add(id.toString())
    const limit = deadline(clock, LINGER)
    await connectionManager.closeConnections(id, { signal: limit.signal }).catch(() => undefined)
    limit.clear()
  }

  /** The peer is dialled only to see whether it answers. */
  probe(key: string): void {
    this.#probed.add(key)
  }

  isProbe(key: string): boolean {
    return this.#probed.has(key)
  }

  /** @returns whether the peer was dialled for nothing else; from now on it is a peer like others */
  endProbe(key: string): boolean {
    return this.#probed.delete(key)
  }

  /** Once `key` is there, `replaced` goes. */
  replace(key: string, replaced: string): void {
    this.#replaces.set(key, replaced)
  }

  /** A peer is there: the one whose place it takes goes. */
  noteArrival(key: string): void {
    const replaced = asPeerId(this.#replaces.get(key) ?? '')
    this.#replaces.delete(key)
    if (replaced != null) {
      void this.letGo(replaced)
    }
  }

  /** A peer was not reached: nobody goes for it. */
  noteFailure(key: string): void {
    this.#probed.delete(key)
    this.#replaces.delete(key)
  }

  /** A peer is gone. @returns whether it was let go */
  noteEnd(key: string): boolean {
    this.noteFailure(key)
    return this.#leaving.delete(key)
  }

  clear(): void {
    this.#leaving.clear()
    this.#probed.clear()
    this.#replaces.clear()
  }
}
