import type { Libp2pEvents, PeerId, PeerStore } from '@libp2p/interface'

/**
 * libp2p writes down what it learns of a peer at any time, also when the peer has gone: what is stored of strangers is
 * deleted so much later once more, in milliseconds.
 */
const LINGER = 60_000

/** Strangers that wait for it, at most; the oldest ones wait less if there are more. */
const MAX_WAITING = 1024

/** What {@link Strangers} works with. */
export interface StrangersParts {
  peerStore: Pick<PeerStore, 'delete'>
  /** Whether a peer is connected or in the book; what is stored of it stays. */
  isKnown: (id: PeerId) => boolean
}

/**
 * Keeps what libp2p writes down of peers that have no place in the book from filling the disk. libp2p itself keeps it for as
 * long as what it knows of others: whoever comes with a million identities would leave a million records.
 */
export class Strangers {
  readonly #waiting = new Map<string, { id: PeerId; at: number }>()

  constructor(private readonly parts: StrangersParts) {}

  /** Strangers of whom something may be stored. */
  get size(): number {
    return this.#waiting.size
  }

  /** A peer has gone, or was never reached: deletes at once what is stored of it, if it is a stranger. */
  async forget(id: PeerId | undefined): Promise<void> {
    if (id != null && !this.parts.isKnown(id)) {
      await this.forgetStored(id)
    }
  }

  /** Deletes what is stored of a peer, whoever it is. */
  async forgetStored(id: PeerId): Promise<void> {
    await this.parts.peerStore.delete(id).catch(() => undefined)
  }

  /** libp2p has written something down at `at`, monotonic. */
  noteWritten({ detail }: Libp2pEvents['peer:update'], at: number): void {
    const { id } = detail.peer
    if (this.parts.isKnown(id) || this.#waiting.has(id.toString())) {
      return
    }
    this.#waiting.set(id.toString(), { id, at })
    if (this.#waiting.size > MAX_WAITING) {
      const [oldest] = this.#waiting.values()
      this.#end(oldest?.id)
    }
  }

  /** Deletes what has been there for long enough at `at`, monotonic. */
  tidy(at: number): void {
    for (const { id, at: since } of this.#waiting.values()) {
      if (at - since < LINGER) {
        return // they are in the order in which they came
      }
      this.#end(id)
    }
  }

  clear(): void {
    this.#waiting.clear()
  }

  #end(id: PeerId | undefined): void {
    if (id != null) {
      this.#waiting.delete(id.toString())
      void this.forget(id)
    }
  }
}
