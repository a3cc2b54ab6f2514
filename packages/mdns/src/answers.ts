import { randomInt } from '@penin/interface'
import type { Clock, LocalLink, Rng, Timer } from '@penin/interface'
import type { Wanted } from './messages.js'

/** RFC 6762, section 6: an answer waits for 20 to 120 ms, so that not everybody speaks at once. */
export const ANSWER_DELAY = { min: 20, max: 120 } as const

/** RFC 6762, section 6: a record isn't multicast again on one interface within a second. Milliseconds. */
export const ANSWER_GAP = 1000

/**
 * Decides when to multicast an answer on each link. Whatever is asked while one is pending is put into that one, so
 * that no number of questions gets more than one answer a second out of us.
 */
export class AnswerSchedule {
  readonly #pending = new Map<string, { timer: Timer; wanted: Set<Wanted> }>()
  readonly #last = new Map<string, number>()

  constructor(
    private readonly clock: Clock,
    private readonly rng: Rng,
    private readonly send: (key: string, wanted: ReadonlySet<Wanted>) => void
  ) {}

  /** Somebody on this link wants to know. */
  request({ key }: LocalLink, wanted: Iterable<Wanted>): void {
    const pending = this.#pending.get(key)
    if (pending !== undefined) {
      for (const kind of wanted) pending.wanted.add(kind)
      return
    }
    const set = new Set(wanted)
    if (set.size === 0) return
    const delay = ANSWER_DELAY.min + randomInt(this.rng, ANSWER_DELAY.max - ANSWER_DELAY.min + 1)
    const last = this.#last.get(key)
    const gap = last === undefined ? 0 : last + ANSWER_GAP - this.clock.monotonic()
    const timer = this.clock.setTimeout(
      () => {
        this.#pending.delete(key)
        this.#last.set(key, this.clock.monotonic())
        this.send(key, set)
      },
      Math.max(delay, gap)
    )
    this.#pending.set(key, { timer, wanted: set })
  }

  /** Forgets all links but these. */
  retain(keys: ReadonlySet<string>): void {
    for (const [key, { timer }] of this.#pending) {
      if (keys.has(key)) continue
      timer.clear()
      this.#pending.delete(key)
    }
    for (const key of this.#last.keys()) if (!keys.has(key)) this.#last.delete(key)
  }

  /** Forgets everything that is pending. */
  clear(): void {
    this.retain(new Set())
  }
}
