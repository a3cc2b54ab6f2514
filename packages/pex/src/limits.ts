import type { RateLimit } from '@penin/interface'

/** How often a node asks. An honest node of this protocol stays within them, whatever its network does to it. */
export interface AskLimits {
  /** Milliseconds between two questions while peers are wanted, +-10 %. @default 30_000 */
  interval: number
  /** The same while none are wanted: the address book stays fresh. @default 600_000 */
  slowInterval: number
  /**
   * Milliseconds between the first {@link AskLimits.eager} questions, which go to different peers: a node that has just
   * come has the most to learn, and whoever it asks has more peers than a moment ago.
   *
   * @default 2_000
   */
  eagerInterval: number
  /** @default 5 */
  eager: number
  /** Milliseconds in which one peer is asked once, and told once of our new addresses. @default 600_000 */
  perPeer: number
  /** Milliseconds until a peer that failed to answer is asked again. @default 300_000 */
  afterFailure: number
}

export const ASK_LIMITS: AskLimits = {
  interval: 30_000,
  slowInterval: 600_000,
  eagerInterval: 2_000,
  eager: 5,
  perPeer: 600_000,
  afterFailure: 300_000
}

/** What others may ask of us. */
export interface AnswerLimits {
  /**
   * Of one peer. An honest one asks at most three times in ten minutes: once, once more after a failure or because its
   * addresses have changed. Ten times is more than three times as much, and a burst of 16 bears a peer that is
   * restarted over and over.
   *
   * @default { burst: 16, perSecond: 1 / 60 }
   */
  perPeer: RateLimit
  /**
   * Of one source group: a household, a classroom, a data centre behind one address. 128 peers may come at once, and
   * 100 may then ask as often as they like to.
   *
   * @default { burst: 128, perSecond: 0.5 }
   */
  perGroup: RateLimit
  /** In all: what the table of groups, which is bounded, can't hold. @default { burst: 512, perSecond: 32 } */
  total: RateLimit
  /** Breaches of `perPeer` that are only answered with nothing; the next one is reported. @default 3 */
  breaches: number
  /** Milliseconds after which breaches are forgotten. @default 600_000 */
  breachWindow: number
}

export const ANSWER_LIMITS: AnswerLimits = {
  perPeer: { burst: 16, perSecond: 1 / 60 },
  perGroup: { burst: 128, perSecond: 0.5 },
  total: { burst: 512, perSecond: 32 },
  breaches: 3,
  breachWindow: 600_000
}

/**
 * News from one source group: two full answers at once, then one record in ten seconds. Bitcoin Core takes addresses at
 * the same rate from one peer (net_processing.cpp, MAX_ADDR_RATE_PER_SECOND).
 */
export const INTAKE_LIMIT: RateLimit = { burst: 128, perSecond: 0.1 }
