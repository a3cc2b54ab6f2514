import type { PeerId } from '@libp2p/interface'
import type { Reputation } from '@penin/connection-manager'
import type { Clock } from '@penin/interface'
import type { MessageCounts } from '@penin/messaging'

/** What a {@link MessageWatch} looks at and tells. */
export interface MessageWatchParts {
  /** The counters of a peer, if there are any. */
  countsOf: (id: PeerId) => Readonly<MessageCounts> | undefined
  /** Good broadcasts that the peer was the first to bring since the last call. */
  takeBroadcasts: (id: PeerId) => number
  reputation: Pick<Reputation, 'messages'>
  clock: Clock
}

/** When a peer was last of use, in monotonic milliseconds; undefined if it was not while connected. */
export interface MessageUse {
  /** It sent a message that a handler took. */
  takenAt: number | undefined
  /** The same, or it took one of ours. */
  usefulAt: number | undefined
}

interface Seen extends MessageUse {
  taken: number
  delivered: number
  invalid: number
}

const NOTHING: Seen = { taken: 0, delivered: 0, invalid: 0, takenAt: undefined, usefulAt: undefined }

/**
 * Sees by their counters who sends messages of use, without being in their way: it looks at each ping, when somebody asks,
 * and when the peer goes. So a time is that of the first look after a message, at most a heartbeat late.
 */
export class MessageWatch {
  /** By the counters themselves: what messaging forgets is forgotten here. */
  readonly #seen = new WeakMap<Readonly<MessageCounts>, Seen>()

  constructor(private readonly parts: MessageWatchParts) {}

  /** Compares a peer's counters with those of the last look, tells the reputation, and says when it was last of use. */
  look(id: PeerId): MessageUse {
    const { countsOf, takeBroadcasts, reputation, clock } = this.parts
    // For the reputation only: who is quick to pass on what others have written should not keep its place for that.
    const broadcasts = takeBroadcasts(id)
    if (broadcasts > 0) {
      reputation.messages(id, broadcasts)
    }
    const counts = countsOf(id)
    if (counts === undefined) {
      return NOTHING
    }
    const before = this.#seen.get(counts) ?? NOTHING
    const { taken, delivered } = counts
    const invalid = counts.refusals['bad-payload'] ?? 0
    if (taken === before.taken && delivered === before.delivered && invalid === before.invalid) {
      return before
    }
    const at = clock.monotonic()
    const takenAt = taken > before.taken ? at : before.takenAt
    const usefulAt = taken > before.taken || delivered > before.delivered ? at : before.usefulAt
    const seen = { taken, delivered, invalid, takenAt, usefulAt }
    this.#seen.set(counts, seen)
    reputation.messages(id, taken - before.taken, invalid - before.invalid)
    return seen
  }

  /** The peer has gone: a last look. What it did is counted, when it did it is of the past. */
  end(id: PeerId): void {
    this.look(id)
    const counts = this.parts.countsOf(id)
    const seen = counts === undefined ? undefined : this.#seen.get(counts)
    if (counts !== undefined && seen !== undefined) {
      this.#seen.set(counts, { ...seen, takenAt: undefined, usefulAt: undefined })
    }
  }
}
