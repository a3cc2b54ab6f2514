import { RateLimiter, type Clock } from '@penin/interface'
import { ANSWER_LIMITS, type AnswerLimits } from './limits.js'

/** Peers whose breaches are remembered; whoever broke the limit longest ago is forgotten first. */
const MAX_OFFENDERS = 1024

/**
 * What becomes of a question.
 *
 * - `answer`: it is answered
 * - `busy`: its source group, or everybody together, asks too much; the peer may not be at fault, so it gets an empty
 *   answer
 * - `too-soon`: the peer itself asks too often; it gets an empty answer
 * - `flood`: it goes on although it got empty answers
 */
export type Verdict = 'answer' | 'busy' | 'too-soon' | 'flood'

/**
 * Who may ask how often: by peer and by the observed source group, both outliving connections.
 *
 * Only a peer's own bucket can make it an offender. A neighbour behind the same address can't, and a peer that comes
 * with a new id in every connection is stopped by the bucket of its group.
 */
export class AskerLimits {
  readonly #peers: RateLimiter
  readonly #groups: RateLimiter
  readonly #total: RateLimiter
  /** In order of the last breach. */
  readonly #offenders = new Map<string, { breaches: number; at: number }>()

  constructor(
    private readonly clock: Clock,
    private readonly limits: AnswerLimits = ANSWER_LIMITS
  ) {
    this.#peers = new RateLimiter(limits.perPeer, clock)
    this.#groups = new RateLimiter(limits.perGroup, clock)
    this.#total = new RateLimiter(limits.total, clock, 1)
  }

  /** Entries in all tables. */
  get size(): number {
    return this.#peers.size + this.#groups.size + this.#total.size + this.#offenders.size
  }

  judge(peer: string, group: string): Verdict {
    if (!this.#peers.take(peer)) {
      return this.#breach(peer) > this.limits.breaches ? 'flood' : 'too-soon'
    }
    return this.#groups.take(group) && this.#total.take('') ? 'answer' : 'busy'
  }

  #breach(peer: string): number {
    const at = this.clock.monotonic()
    const before = this.#offenders.get(peer)
    const breaches = before == null || at - before.at > this.limits.breachWindow ? 1 : before.breaches + 1
    this.#offenders.delete(peer)
    this.#offenders.set(peer, { breaches, at })
    if (this.#offenders.size > MAX_OFFENDERS) {
      this.#offenders.delete(this.#offenders.keys().next().value as string)
    }
    return breaches
  }
}
