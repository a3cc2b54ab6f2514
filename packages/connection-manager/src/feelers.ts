import type { Rng } from '@penin/interface'
import type { BookedPeer, Excluded, PeerBook } from './peer-book.js'
import { DIALLED_SCOPES } from './peer-book.js'

/** A dial made only to see whether a peer answers. */
export interface Probe {
  peer: BookedPeer
  /** `test`: another peer wants its place in the book. `feeler`: nobody has reached it so far. */
  reason: 'test' | 'feeler'
}

/** When to dial whom to keep the book true: one dial every two minutes or so, whatever else is going on. */
export class Feelers {
  #nextAt: number

  constructor(
    private readonly book: PeerBook,
    private readonly rng: Rng,
    private readonly interval: number,
    at: number
  ) {
    this.#nextAt = at + this.#wait()
  }

  /**
   * The probe to be made at `at`, if it is time for one. Tests come before feelers, which a node that misses peers can do
   * without: it dials new ones all the time.
   */
  due(at: number, exclude: Excluded, wantsPeers: boolean): Probe | undefined {
    if (at < this.#nextAt) {
      return undefined
    }
    this.#nextAt = at + this.#wait()
    for (const { incumbent } of this.book.pendingTests()) {
      const peer = exclude.has(incumbent) ? undefined : this.book.get(incumbent)
      if (peer != null) {
        return { peer, reason: 'test' }
      }
    }
    const peer = wantsPeers ? undefined : this.book.feelerCandidate({ exclude, scopeFilter: DIALLED_SCOPES })
    return peer == null ? undefined : { peer, reason: 'feeler' }
  }

  /** Exponentially distributed, as in Bitcoin Core: nobody can tell when the next one comes. Cut off at 4 intervals. */
  #wait(): number {
    return Math.min(4, -Math.log(1 - this.rng.float())) * this.interval
  }
}
