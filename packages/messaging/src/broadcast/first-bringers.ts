/** Peers whose messages are counted; libp2p's connections are fewer in any ordinary node. */
const MAX_PEERS = 1_024

/** Counts good messages by the peer that was the first to bring them, until somebody takes the number. */
export class FirstBringers {
  readonly #counts = new Map<string, number>()

  get size(): number {
    return this.#counts.size
  }

  add(peer: string): void {
    const count = this.#counts.get(peer) ?? 0
    this.#counts.delete(peer)
    this.#counts.set(peer, count + 1)
    if (this.#counts.size > MAX_PEERS) {
      for (const longestAgo of this.#counts.keys()) {
        this.#counts.delete(longestAgo)
        return
      }
    }
  }

  take(peer: string): number {
    const count = this.#counts.get(peer) ?? 0
    this.#counts.delete(peer)
    return count
  }
}
