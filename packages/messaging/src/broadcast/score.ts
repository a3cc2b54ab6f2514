import type { PeerScoreParams, PeerScoreThresholds, TopicScoreParams } from '@libp2p/gossipsub/score'

/** How good a peer is, 0..100, 50 for one of which nothing is known: a `Reputation` has it. */
export type ScoreOf = (peer: string) => number

const NEUTRAL = 50

/** A reputation from here to 50 costs nothing: a few reports must not take a peer out of the mesh. */
const POOR = 25

/** So much is the best reputation worth: as much as all topics together can be (`topicScoreCap`). */
const BEST_BONUS = 10

/** The worst reputation is below every threshold: 25 points of 4. The peer is graylisted before it is banned. */
const WORST_PER_POINT = 4

/** For a peer of which nothing is known: above 0, or GossipSub would keep its record for `retainScore` after it left. */
const NEWCOMER_BONUS = 0.01

/** A reputation as a part of the GossipSub score (P5): -100 for 0, nothing from 25 to 50, up to +10 for 100. */
export function applicationScore(reputation: number): number {
  if (reputation < POOR) {
    return -WORST_PER_POINT * (POOR - Math.max(0, reputation))
  }
  return Math.max(NEWCOMER_BONUS, (BEST_BONUS * (Math.min(100, reputation) - NEUTRAL)) / NEUTRAL)
}

/**
 * Below -10 nothing is announced to a peer or taken from its announcements, below -50 own messages are not sent to it,
 * below -80 nothing of it is looked at: the package's defaults; the specification gives only their order. Peers are
 * never taken from GossipSub's exchange, whatever the score: only the dialler dials. Opportunistic grafting looks for
 * better peers where half the mesh has delivered next to nothing for an hour: everybody in the mesh for so long has 1.
 */
export const SCORE_THRESHOLDS: PeerScoreThresholds = {
  gossipThreshold: -10,
  publishThreshold: -50,
  graylistThreshold: -80,
  acceptPXThreshold: Number.MAX_SAFE_INTEGER,
  opportunisticGraftThreshold: 1
}

/**
 * Of every topic alike.
 *
 * - P1: up to 1 for an hour in the mesh.
 * - P2: up to 5 for messages that the peer was the first to bring; half is forgotten in about 6 minutes.
 * - P3, P3b (too few messages): off, as the specification advises where the rate of messages is not known; how often
 *   programs publish is theirs to choose.
 * - P4: -1 times the square of invalid messages: 4 stop the exchange of announcements, 9 graylist; half is forgotten in
 *   6 minutes. Reports and with them bans come to about the same count (`mid`, about 10).
 */
export const TOPIC_SCORE: TopicScoreParams = {
  topicWeight: 1,
  timeInMeshWeight: 1 / 3600,
  timeInMeshQuantum: 1000,
  timeInMeshCap: 3600,
  firstMessageDeliveriesWeight: 0.1,
  firstMessageDeliveriesDecay: 0.998,
  firstMessageDeliveriesCap: 50,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -1,
  invalidMessageDeliveriesDecay: 0.998
}

/**
 * P6 (many peers of one address) is off: the connection manager limits those, and on one machine or behind one router
 * they are honest. P7 (grafting too soon, announcing what is never delivered): -10 times the square of what exceeds 6,
 * as Filecoin has it, since a slow honest peer breaks a promise now and then; half is forgotten in about a minute.
 */
export function scoreParams(scoreOf: ScoreOf | undefined): Partial<PeerScoreParams> {
  return {
    topicScoreCap: 10,
    appSpecificScore: (peer) => applicationScore(scoreOf?.(peer) ?? NEUTRAL),
    appSpecificWeight: 1,
    IPColocationFactorWeight: 0,
    behaviourPenaltyWeight: -10,
    behaviourPenaltyThreshold: 6,
    behaviourPenaltyDecay: 0.99,
    decayInterval: 1000,
    decayToZero: 0.1,
    retainScore: 600_000
  }
}

/** The same parameters for every topic of a network, however many there come to be. */
export function topicScores(prefix: string): Record<string, TopicScoreParams> {
  return new Proxy<Record<string, TopicScoreParams>>(
    {},
    { get: (_, topic) => (typeof topic === 'string' && topic.startsWith(prefix) ? TOPIC_SCORE : undefined) }
  )
}
