import { FORGET_BATCH, FORGET_SHARE, FRESH, NEUTRAL, TRIFLE } from './parameters.js'

/** What decides whether a peer may be forgotten. */
export interface Forgettable {
  id: string
  score: number
  penalty: number
  /** When something was last heard of it. */
  seen: number
  /** Connected or trusted: never forgotten. Both are bounded elsewhere. */
  isPinned: boolean
}

/**
 * Whom to forget when there are too many peers.
 *
 * An id costs nothing, so a flood of ids must flush neither the flooder's own penalties nor others' good names:
 * 1. Fresh peers, of which nothing is known yet, go first, those not heard of for longest before others. A flood of new
 *    ids only replaces itself.
 * 2. Without fresh ones, of penalised and well-known peers those are thinned out that hold more than half of the places:
 *    ids that have been made to misbehave a little can't displace good names, nor the other way round.
 * 3. Among the penalised those with the least penalty go, among the good ones those with the least score: to flush a
 *    penalty takes half the table of ids with more.
 */
export function chooseForgotten(peers: readonly Forgettable[]): string[] {
  const free = peers.filter(({ isPinned }) => !isPinned)
  const fresh = free.filter(isFresh).sort((a, b) => a.seen - b.seen)
  if (fresh.length > 0) {
    return fresh.slice(0, FORGET_BATCH).map(({ id }) => id)
  }
  const penalised = free.filter(isPenalised)
  const good = free.filter((peer) => !isPenalised(peer))
  return penalised.length >= good.length
    ? leastOf(penalised, ({ penalty }) => penalty)
    : leastOf(good, ({ score }) => Math.abs(score - NEUTRAL))
}

function isPenalised({ penalty }: Forgettable): boolean {
  return penalty >= TRIFLE
}

function isFresh(peer: Forgettable): boolean {
  return !isPenalised(peer) && Math.abs(peer.score - NEUTRAL) < FRESH
}

/** The ids of the least of them: a {@link FORGET_SHARE} at once, so that a flood does not cost a search each. */
function leastOf(peers: Forgettable[], weigh: (peer: Forgettable) => number): string[] {
  const count = Math.ceil(peers.length * FORGET_SHARE)
  return peers
    .sort((a, b) => weigh(a) - weigh(b))
    .slice(0, count)
    .map(({ id }) => id)
}
