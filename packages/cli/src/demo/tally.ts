import type { TalkEvent } from './talker.js'

/** What came of messages: how many there were, how many arrived, and how long that took in milliseconds. */
export interface Delivery {
  sent: number
  delivered: number
  /** Half of them took no longer; null if none arrived. */
  p50Ms: number | null
  p99Ms: number | null
}

/** Counts what the demo's nodes say and hear. */
export class Tally {
  readonly failures: string[] = []
  #expected = 0
  #listeners = 0
  readonly #taken = new Set<string>()
  readonly #acknowledged: number[] = []
  readonly #heard: number[] = []
  #isPublished = false

  /** @param expected messages that will be sent @param listeners nodes that should hear the broadcast */
  begin(expected: number, listeners: number): void {
    this.#expected = expected
    this.#listeners = listeners
  }

  /** @param id of the node that tells */
  note(id: string, event: TalkEvent): void {
    switch (event.event) {
      case 'demo:received':
        this.#taken.add(`${event.from} ${id}`)
        break
      case 'demo:sent':
        this.#acknowledged.push(event.ms)
        break
      case 'demo:published':
        this.#isPublished = true
        break
      case 'demo:heard':
        this.#heard.push(event.ms)
        break
      case 'demo:failed':
        this.failures.push(event.reason)
        break
    }
  }

  /** Whether all messages are taken, and their senders know. */
  get areMessagesDone(): boolean {
    return this.#taken.size >= this.#expected && this.#acknowledged.length >= this.#expected
  }

  get isBroadcastDone(): boolean {
    return this.#isPublished && this.#heard.length >= this.#listeners
  }

  /** Direct messages; the times are those until the sender knows that the receiver's handler has taken it. */
  get messages(): Delivery {
    return { sent: this.#expected, delivered: this.#taken.size, ...times(this.#acknowledged) }
  }

  /** One broadcast, counted for each node that should hear it; the times are those until it does. */
  get broadcast(): Delivery {
    return { sent: this.#listeners, delivered: this.#heard.length, ...times(this.#heard) }
  }
}

function times(all: readonly number[]): Pick<Delivery, 'p50Ms' | 'p99Ms'> {
  const sorted = [...all].sort((a, b) => a - b)
  const at = (share: number): number | null => {
    const ms = sorted[Math.ceil(share * sorted.length) - 1]
    return ms === undefined ? null : Math.round(ms * 10) / 10
  }
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}
