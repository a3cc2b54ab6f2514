import type { PeerId } from '@libp2p/interface'

/** Why a peer is not to be dialled, and until when of the monotonic clock. */
export interface Hold {
  readonly until: number
  readonly reason: string
}

/** Unwanted peers kept, the latest ones. */
const MAX_HELD = 1024

/**
 * Peers that have shown that they are unwanted: of another network, say. They have no place in the address book, and are
 * remembered here in case a source names them again. Kept apart from backoffs, which may be cleared.
 */
export class Holds {
  readonly #holds = new Map<string, Hold>()

  add(id: PeerId, hold: Hold): void {
    const key = id.toString()
    this.#holds.delete(key) // the latest ones are at the end
    this.#holds.set(key, hold)
    if (this.#holds.size > MAX_HELD) {
      this.#holds.delete(this.#holds.keys().next().value as string)
    }
  }

  /** The hold on a peer, if it is not over at `at`. */
  get(id: PeerId | string, at: number): Hold | undefined {
    const hold = this.#holds.get(id.toString())
    return hold != null && hold.until > at ? hold : undefined
  }

  delete(id: PeerId): void {
    this.#holds.delete(id.toString())
  }
}
