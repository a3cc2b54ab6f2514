import type { MessageType } from './types.js'
import type { DataFrame } from './wire/data-frame.js'
import { MESSAGE_OVERHEAD } from './limits.js'

/** Which message goes first when several wait. Order is kept among those of one priority. */
export type Priority = 'low' | 'normal' | 'high'

/** How far a message has come. A `given-up` one is on its way, but nobody waits for its outcome any more. */
export type OutgoingState = 'queued' | 'flying' | 'given-up' | 'awaiting-answer' | 'done'

const EMPTY = new Uint8Array(0)

/** A message on its way out, from the call to its outcome. It is the frame that is written, too. */
export class Outgoing implements DataFrame {
  id = -1
  type = 0
  name: Uint8Array | undefined
  size = -1
  lifetime = -1
  flags = 0
  replyTo = -1
  replyEpoch: Uint8Array | undefined
  state: OutgoingState = 'queued'
  /** Whether it may be written: compressed, and stored if it is durable. */
  isReady = true
  isDurable = false
  /** Whether the receiver is told when it expires. */
  hasTtl = false
  wantsAnswer = false
  wasSent = false
  priority: Priority = 'normal'
  /** On the monotonic clock. */
  expiresAt = Infinity
  writtenAt = 0
  /** Number of the stream that it was last written to. */
  onStream = 0
  /** Bytes before compression. */
  rawSize: number
  /** What it takes of the outbox; given back when it is done. */
  cost: number
  /** Cuts it off from its abort signal. */
  detach: (() => void) | undefined
  /** The outcome: nothing for a message that was taken, the answer for a request. */
  succeed: (answer?: Uint8Array) => void = ignore
  fail: (error: Error) => void = ignore

  constructor(
    readonly given: MessageType | string,
    public payload: Uint8Array
  ) {
    this.rawSize = payload.length
    this.cost = payload.length + MESSAGE_OVERHEAD
    if (typeof given === 'number') {
      this.type = given
    }
  }

  /** Lets go of the payload of a message that will not be written again. */
  release(): void {
    this.payload = EMPTY
    this.detach?.()
    this.detach = undefined
  }
}

function ignore(): void {
  // Nobody waits.
}

/** Messages that wait, by priority, first in first out; those that were settled while they waited are passed over. */
export class OutgoingQueue {
  readonly #lanes: Record<Priority, Fifo> = { high: new Fifo(), normal: new Fifo(), low: new Fifo() }

  push(entry: Outgoing): void {
    this.#lanes[entry.priority].push(entry)
  }

  /** The next one that may be written, which stays where it is. One that isn't ready holds up its own priority only. */
  peek(): Outgoing | undefined {
    const { high, normal, low } = this.#lanes
    return ready(high.peek()) ?? ready(normal.peek()) ?? ready(low.peek())
  }

  shift(entry: Outgoing): void {
    this.#lanes[entry.priority].shift()
  }

  *[Symbol.iterator](): Generator<Outgoing> {
    for (const lane of Object.values(this.#lanes)) {
      yield* lane
    }
  }
}

function ready(entry: Outgoing | undefined): Outgoing | undefined {
  return entry?.isReady === true ? entry : undefined
}

/** Settled messages behind the first are swept out when there are as many of them as of others, and this many. */
const SWEEP_FROM = 64

class Fifo {
  #items: Outgoing[] = []
  #head = 0
  #pushes = 0

  push(entry: Outgoing): void {
    this.#items.push(entry)
    if (++this.#pushes > SWEEP_FROM && this.#pushes > this.#items.length / 2) {
      this.#sweep()
    }
  }

  peek(): Outgoing | undefined {
    for (;;) {
      const entry = this.#items[this.#head]
      if (entry === undefined || entry.state === 'queued') {
        return entry
      }
      this.shift()
    }
  }

  shift(): void {
    this.#head++
    if (this.#head >= this.#items.length) {
      this.#items = []
      this.#head = 0
    }
  }

  *[Symbol.iterator](): Generator<Outgoing> {
    for (const entry of this.#items.slice(this.#head)) {
      if (entry.state === 'queued') {
        yield entry
      }
    }
  }

  #sweep(): void {
    this.#items = [...this]
    this.#head = 0
    this.#pushes = 0
  }
}
