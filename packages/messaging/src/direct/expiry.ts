import type { Clock, Timer } from '@penin/interface'

/** Milliseconds between two looks at what has expired, at least: a look costs as much as there are messages. */
const STEP = 20

/** The longest delay that a timer of Node.js keeps. */
const MAX_DELAY = 2 ** 31 - 1

/** One timer for whatever expires next. */
export class Expiry {
  #timer: Timer | undefined
  #next = Infinity

  /** `sweep` lets go of what has expired and says when the next will. */
  constructor(
    private readonly clock: Clock,
    private readonly sweep: (at: number) => number
  ) {}

  /** Something expires then. */
  expect(at: number): void {
    if (at < this.#next) {
      this.#next = at
      this.#timer?.clear()
      const delay = Math.min(Math.max(at - this.clock.monotonic(), STEP), MAX_DELAY)
      this.#timer = this.clock.setTimeout(this.#onTimer, delay)
    }
  }

  stop(): void {
    this.#timer?.clear()
    this.#timer = undefined
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined
    this.#next = Infinity
    this.expect(this.sweep(this.clock.monotonic()))
  }
}
