import { InvalidArgumentError, type Clock, type Timer } from '@penin/interface'
import { UnusableDelayError } from './errors.js'

/** Node.js keeps delays in a signed 32-bit integer. */
const MAX_DELAY = 2 ** 31 - 1

/** Turns of the event loop after each timer: a promise chain may itself wait for a turn or two. */
const TURNS = 3

interface Pending {
  fn: () => void
  due: number
  /** Timers that are due at the same moment run in the order in which they were set. */
  order: number
  every?: number
}

export interface FakeClockInit {
  /** Wall-clock time at the beginning. @default 1_800_000_000_000, in January 2027 */
  now?: number
  /** Monotonic time at the beginning; a fresh process starts near 0. @default 0 */
  monotonic?: number
}

/** Time that moves only when told to. Timers run inside {@link FakeClock.tick}, in order, at exactly their moment. */
export class FakeClock implements Clock {
  #wall: number
  #monotonic: number
  #order = 0
  readonly #timers = new Set<Pending>()

  constructor({ now = 1_800_000_000_000, monotonic = 0 }: FakeClockInit = {}) {
    this.#wall = now
    this.#monotonic = monotonic
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  /** @throws UnusableDelayError for a delay that the real clock would not keep */
  setTimeout(fn: () => void, ms: number): Timer {
    return this.#set(fn, ms, false)
  }

  /** @throws UnusableDelayError for a delay that the real clock would not keep */
  setInterval(fn: () => void, ms: number): Timer {
    return this.#set(fn, ms, true)
  }

  /** Timers and intervals that have been set and neither fired nor cleared. */
  pending(): number {
    return this.#timers.size
  }

  /** Milliseconds until the next timer is due; undefined if none is set. */
  untilNext(): number | undefined {
    const next = this.#next()
    return next == null ? undefined : next.due - this.#monotonic
  }

  /** Moves both clocks by `ms` and runs what becomes due, synchronously. Promise reactions run only afterwards. */
  tick(ms: number): void {
    const end = this.#end(ms)
    for (let next = this.#next(end); next != null; next = this.#next(end)) {
      this.#run(next)
    }
    this.#moveTo(end)
  }

  /** Like {@link FakeClock.tick}, but lets promises (and sockets that have something to read) have their turn before the
   * first, after each and after the last timer, so that chains of waiting and working go as they would in real time. */
  async tickAsync(ms: number): Promise<void> {
    const end = this.#end(ms)
    await turns()
    for (let next = this.#next(end); next != null; next = this.#next(end)) {
      this.#run(next)
      await turns()
    }
    this.#moveTo(end)
    await turns()
  }

  /** Sets the wall clock forward or, with a negative number, back; intervals and timers don't notice. */
  jump(ms: number): void {
    this.#wall += ms
  }

  /** The machine sleeps: the wall clock goes on, the monotonic clock and all timers stand still (as on Linux). */
  suspend(ms: number): void {
    this.#assertForward(ms)
    this.#wall += ms
  }

  #set(fn: () => void, ms: number, repeats: boolean): Timer {
    if (!(ms <= MAX_DELAY)) {
      throw new UnusableDelayError(ms)
    }
    const delay = Math.max(1, ms)
    const timer: Pending = {
      fn,
      due: this.#monotonic + delay,
      order: this.#order++,
      ...(repeats ? { every: delay } : {})
    }
    this.#timers.add(timer)
    return {
      clear: () => {
        this.#timers.delete(timer)
      }
    }
  }

  #next(until = Infinity): Pending | undefined {
    let first: Pending | undefined
    for (const timer of this.#timers) {
      const earlier = first == null || timer.due < first.due || (timer.due === first.due && timer.order < first.order)
      if (timer.due <= until && earlier) {
        first = timer
      }
    }
    return first
  }

  #run(timer: Pending): void {
    this.#moveTo(timer.due)
    if (timer.every == null) {
      this.#timers.delete(timer)
    } else {
      timer.due += timer.every
      timer.order = this.#order++
    }
    timer.fn()
  }

  #end(ms: number): number {
    this.#assertForward(ms)
    return this.#monotonic + ms
  }

  #moveTo(monotonic: number): void {
    if (monotonic > this.#monotonic) {
      this.#wall += monotonic - this.#monotonic
      this.#monotonic = monotonic
    }
  }

  #assertForward(ms: number): void {
    if (!(ms >= 0 && Number.isFinite(ms))) {
      throw new InvalidArgumentError('ms', String(ms), 'a number of milliseconds, at least 0')
    }
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < TURNS; i++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}
