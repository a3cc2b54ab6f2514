import type { Rng } from '@penin/interface'
import { backoff, CANDIDATE_BACKOFF } from './backoff.js'

/** What is remembered, in this run, of the dials to a peer. Times are of the monotonic clock, in milliseconds. */
export interface DialState {
  /** Failed dials, and links of ours that broke within a minute, since the last link that held longer. */
  readonly failures: number
  /** Not dialled before this time. */
  readonly nextAttemptAt: number
  readonly lastError?: string
}

/** Peers that are remembered, at most; the ones that were dialled longest ago are forgotten, and may be dialled again. */
const MAX_REMEMBERED = 4096

/**
 * A link that breaks sooner than this was no success: without such a rule a peer that hangs up on us after every hello
 * would be redialled at once, for ever. In milliseconds.
 */
export const USEFUL_AFTER = 60_000

/**
 * How long to wait before a peer is dialled again. It is kept apart from the address book: waiting is over with a restart,
 * a sleep or another network, what is known of a peer is not.
 */
export class DialMemory {
  readonly #states = new Map<string, DialState>()

  constructor(private readonly rng: Rng) {}

  get size(): number {
    return this.#states.size
  }

  get(id: string): DialState | undefined {
    return this.#states.get(id)
  }

  /** Whether the peer may be dialled at `at`. */
  isDue(id: string, at: number): boolean {
    return (this.#states.get(id)?.nextAttemptAt ?? 0) <= at
  }

  /** A dial has failed, or a link was of no use. */
  failed(id: string, at: number, error?: string): void {
    const before = this.#states.get(id)
    const failures = (before?.failures ?? 0) + 1
    const lastError = error ?? before?.lastError
    const nextAttemptAt = at + backoff(CANDIDATE_BACKOFF, failures, this.rng)
    this.#remember(id, { failures, nextAttemptAt, ...(lastError == null ? {} : { lastError }) })
  }

  /** A link that was of use is over: all failures are forgiven, and the peer is redialled soon, but not at once. */
  wasUseful(id: string, at: number): void {
    this.#remember(id, { failures: 0, nextAttemptAt: at + backoff(CANDIDATE_BACKOFF, 1, this.rng) })
  }

  /** The peer is not to be dialled for a while, through no fault of its own. */
  postpone(id: string, until: number): void {
    const before = this.#states.get(id)
    this.#remember(id, { failures: 0, ...before, nextAttemptAt: Math.max(until, before?.nextAttemptAt ?? 0) })
  }

  delete(id: string): void {
    this.#states.delete(id)
  }

  /** Forgets how long to wait for whom: the world has changed (isolation, sleep, another network). */
  clearBackoffs(): void {
    for (const [id, state] of this.#states) {
      this.#states.set(id, { ...state, nextAttemptAt: 0 })
    }
  }

  #remember(id: string, state: DialState): void {
    this.#states.delete(id)
    if (this.#states.size >= MAX_REMEMBERED) {
      this.#states.delete(this.#states.keys().next().value as string)
    }
    this.#states.set(id, state)
  }
}
