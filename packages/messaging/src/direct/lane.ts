import { ID_SPAN } from './limits.js'

/** What a receiver knows of an id. Codes from {@link REFUSED} on are that plus the reason's number. */
export const UNKNOWN = 0
export const IN_PROGRESS = 1
export const TAKEN = 2
export const REFUSED = 2

/** Ids remembered at first; it doubles up to {@link ID_SPAN} for those who send much. */
const FIRST_SPAN = 256

/**
 * What a receiver remembers of one sender's ids: the last {@link ID_SPAN}, a byte each. Whatever is older has been settled,
 * for an honest sender never has older ids unsettled.
 */
export class Lane {
  #states: Uint8Array
  #high: number

  constructor(
    readonly epoch: string,
    lowest: number,
    span = FIRST_SPAN
  ) {
    this.#states = new Uint8Array(span).fill(TAKEN)
    this.#high = lowest
  }

  /** The first id that has never been seen, nor any above it. */
  get high(): number {
    return this.#high
  }

  /** The first id that is remembered. */
  get low(): number {
    return Math.max(0, this.#high - this.#states.length)
  }

  state(id: number): number {
    if (id >= this.#high) {
      return UNKNOWN
    }
    return id < this.low ? TAKEN : (this.#states[id % this.#states.length] as number)
  }

  /** What was known of an id; one that was unknown is in progress from now on. */
  admit(id: number): number {
    const before = this.state(id)
    if (before === UNKNOWN) {
      if (id >= this.#high) {
        this.#advance(id + 1)
      }
      this.#states[id % this.#states.length] = IN_PROGRESS
    }
    return before
  }

  settle(id: number, state: number): void {
    if (id >= this.low && id < this.#high) {
      this.#states[id % this.#states.length] = state
    }
  }

  /** The sender says that it is done with all ids below this one. */
  confirm(lowest: number): void {
    for (let id = this.low; id < Math.min(lowest, this.#high); id++) {
      if (this.state(id) === UNKNOWN) {
        this.settle(id, TAKEN)
      }
    }
    if (lowest > this.#high) {
      this.#advance(lowest)
      this.confirm(lowest)
    }
  }

  #advance(high: number): void {
    const by = high - this.#high
    while (this.#states.length < ID_SPAN && by + this.#high > this.#states.length) {
      this.#grow()
    }
    if (by >= this.#states.length) {
      this.#states.fill(UNKNOWN)
    } else {
      for (let id = this.#high; id < high; id++) {
        this.#states[id % this.#states.length] = UNKNOWN
      }
    }
    this.#high = high
  }

  #grow(): void {
    const before = this.#states
    const from = this.low
    this.#states = new Uint8Array(before.length * 2)
    // What was forgotten stays settled.
    this.#states.fill(TAKEN)
    for (let id = from; id < this.#high; id++) {
      this.#states[id % this.#states.length] = before[id % before.length] as number
    }
  }
}
