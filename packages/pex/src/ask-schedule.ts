import type { Clock, Rng } from '@penin/interface'
import { ASK_LIMITS, type AskLimits } from './limits.js'

/** Peers of which we remember when they were asked; 10 minutes at the usual pace are 20. */
const MAX_ASKED = 1024

/** How much intervals vary, so that nodes which started together don't go on asking together. */
const JITTER = 0.1

interface Asked {
  /** Not asked again before. */
  nextAt: number
  /** Not told of new addresses again before. */
  nextPushAt: number
  /** Which of our own addresses it has been told. */
  version: number
}

/**
 * When to ask, and whom not to ask again yet: the honest side of what {@link AskerLimits} is the other side of. Pure
 * bookkeeping over a clock; it keeps what it knows across connections.
 */
export class AskSchedule {
  /** Which addresses we have: grows when they change. */
  version = 0
  /** In order of the last question. */
  readonly #asked = new Map<string, Asked>()
  #eager: number
  #lastAt: number | undefined
  #factor = 1

  constructor(
    private readonly clock: Clock,
    private readonly rng: Rng,
    private readonly limits: AskLimits = ASK_LIMITS
  ) {
    this.#eager = limits.eager
  }

  get size(): number {
    return this.#asked.size
  }

  /** Milliseconds until a question is due, given how many peers are wanted. */
  dueIn(wanted: number): number {
    if (this.#lastAt == null) {
      return 0
    }
    const { interval, slowInterval, eagerInterval } = this.limits
    const gap = wanted > 0 ? (this.#eager > 0 ? eagerInterval : interval) : slowInterval
    return Math.max(0, this.#lastAt + gap * this.#factor - this.clock.monotonic())
  }

  /** Milliseconds until a peer may be asked; 0 if it may be now. */
  waitFor(peer: string): number {
    return Math.max(0, (this.#asked.get(peer)?.nextAt ?? 0) - this.clock.monotonic())
  }

  /** Milliseconds until a peer that knows older addresses of ours may be told; undefined if it knows none or these. */
  pushIn(peer: string): number | undefined {
    const asked = this.#asked.get(peer)
    return asked == null || asked.version >= this.version
      ? undefined
      : Math.max(0, asked.nextPushAt - this.clock.monotonic())
  }

  /** A peer is being asked. @returns what undoes it, should the question not get as far as the peer */
  begin(peer: string): () => void {
    const before = this.#asked.get(peer)
    const at = this.clock.monotonic()
    const { perPeer } = this.limits
    const isPush = this.pushIn(peer) != null
    this.#remember(peer, {
      nextAt: at + perPeer,
      nextPushAt: isPush ? at + perPeer : (before?.nextPushAt ?? 0),
      version: this.version
    })
    return () => {
      if (before == null) {
        this.#asked.delete(peer)
      } else {
        this.#asked.set(peer, before)
      }
    }
  }

  /** A peer was asked and has not answered. */
  fail(peer: string): void {
    const asked = this.#asked.get(peer)
    if (asked != null) {
      asked.nextAt = Math.min(asked.nextAt, this.clock.monotonic() + this.limits.afterFailure)
    }
  }

  /** One of the questions that are due has been put. */
  spent(): void {
    this.#lastAt = this.clock.monotonic()
    this.#eager = Math.max(0, this.#eager - 1)
    this.#factor = this.jitter()
  }

  /** A factor around 1. */
  jitter(): number {
    return 1 + JITTER * (2 * this.rng.float() - 1)
  }

  /** The node was restarted: it has much to learn again. */
  restart(): void {
    this.#eager = this.limits.eager
    this.#lastAt = undefined
  }

  #remember(peer: string, asked: Asked): void {
    this.#asked.delete(peer)
    if (this.#asked.size >= MAX_ASKED) {
      this.#asked.delete(this.#asked.keys().next().value as string)
    }
    this.#asked.set(peer, asked)
  }
}
