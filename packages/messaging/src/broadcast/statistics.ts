/** Every reason why a message, or a whole frame, was not delivered. */
export const DROP_REASONS = [
  /** A frame that can't be read. */
  'malformed',
  /** A frame that is too long. */
  'frame-too-long',
  /** Of a topic of another network, or of none. */
  'foreign-topic',
  /** Of a topic that this node has not subscribed to. */
  'not-subscribed',
  'too-long',
  'unsigned',
  'bad-signature',
  /** From a peer whose GossipSub score is so low that nothing of it is looked at. */
  'graylisted',
  /** Older than what its author is known to have sent two minutes ago. */
  'replayed',
  /** More new messages than are taken in a second. It can come again. */
  'rate-limited',
  /** The validator said false. */
  'invalid',
  /** The validator said `ignore`, failed, or took too long. */
  'ignored',
  /** Too many messages wait for validators and handlers. */
  'overloaded'
] as const

/** Why a message was dropped. */
export type DropReason = (typeof DROP_REASONS)[number]

/** Counts of one topic, or of all. */
export interface BroadcastCounts {
  published: number
  publishedBytes: number
  /** Messages of others that were given to at least one handler. */
  delivered: number
  deliveredBytes: number
  /** Copies of messages that had been there before: what the mesh costs. */
  duplicates: number
  /** Handlers that threw, or did not return in time. */
  handlerFailures: number
  /** What was not delivered, and why; reasons that have not occurred are absent. */
  dropped: Partial<Record<DropReason, number>>
}

/** Topics with counts of their own; the ones of which nothing was heard for longest are forgotten first. */
const MAX_TOPICS = 256

/** Counts what happens; see `Broadcast.stats`. */
export class BroadcastStatistics {
  readonly total = noCounts()
  readonly #topics = new Map<string, BroadcastCounts>()

  published(topic: string, bytes: number): void {
    this.#each(topic, (counts) => {
      counts.published++
      counts.publishedBytes += bytes
    })
  }

  delivered(topic: string, bytes: number): void {
    this.#each(topic, (counts) => {
      counts.delivered++
      counts.deliveredBytes += bytes
    })
  }

  duplicate(topic: string | undefined): void {
    this.#each(topic, (counts) => {
      counts.duplicates++
    })
  }

  handlerFailed(topic: string): void {
    this.#each(topic, (counts) => {
      counts.handlerFailures++
    })
  }

  dropped(reason: DropReason, topic?: string): void {
    this.#each(topic, ({ dropped }) => {
      dropped[reason] = (dropped[reason] ?? 0) + 1
    })
  }

  topics(): Record<string, BroadcastCounts> {
    return Object.fromEntries([...this.#topics].map(([topic, counts]) => [topic, copy(counts)]))
  }

  #each(topic: string | undefined, count: (counts: BroadcastCounts) => void): void {
    count(this.total)
    if (topic !== undefined) {
      const counts = this.#topics.get(topic) ?? noCounts()
      this.#topics.delete(topic)
      this.#topics.set(topic, counts)
      count(counts)
      this.#forget()
    }
  }

  #forget(): void {
    if (this.#topics.size > MAX_TOPICS) {
      for (const oldest of this.#topics.keys()) {
        this.#topics.delete(oldest)
        return
      }
    }
  }
}

/** A copy that later messages don't change. */
export function copy(counts: BroadcastCounts): BroadcastCounts {
  return { ...counts, dropped: { ...counts.dropped } }
}

function noCounts(): BroadcastCounts {
  return {
    published: 0,
    publishedBytes: 0,
    delivered: 0,
    deliveredBytes: 0,
    duplicates: 0,
    handlerFailures: 0,
    dropped: {}
  }
}
