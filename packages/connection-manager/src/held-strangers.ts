import type { PeerId } from '@libp2p/interface'
import type { KnownPeer } from './known-peers.js'

/** Why a peer is not to be dialled, and until when of the monotonic clock. */
export type Hold = NonNullable<KnownPeer['held']>

/** Unwanted peers kept, the latest ones. */
const MAX_HELD = 1024

/**
 * Unwanted peers that have no place among the known ones: being unwanted must not get anybody one. They are remembered in
 * case a discovery source names them again.
 */
export class HeldStrangers {
  readonly #holds = new Map<string, Hold>()

  add(id: PeerId, hold: Hold): void {
    const key = id.toString()
    this.#holds.delete(key) // the latest ones are at the end
    this.#holds.set(key, hold)
    if (this.#holds.size > MAX_HELD) {
      this.#holds.delete(this.#holds.keys().next().value as string)
    }
  }

  get(id: PeerId): Hold | undefined {
    return this.#holds.get(id.toString())
  }

  delete(id: PeerId): void {
    this.#holds.delete(id.toString())
  }
}
