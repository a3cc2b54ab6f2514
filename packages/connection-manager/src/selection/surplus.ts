import { findRepeats } from './outbound.js'
import type { PeerScope } from './groups.js'
import { LOW_SCORE } from './scores.js'
import { NEUTRAL } from '../reputation/parameters.js'

/** A connected peer, as far as letting it go is concerned. */
export interface SurplusCandidate {
  id: string
  direction: 'inbound' | 'outbound'
  group: string
  scope: PeerScope
  /** Persistent, unconditional, trusted, asked for by the program, or with a request under way. */
  isProtected?: boolean | undefined
  /** Reputation, 0 to 100. @default 50 */
  score?: number | undefined
  /** Monotonic time in milliseconds. */
  connectedAt: number
  /** When there was last a message or a record of use, in either direction; monotonic. @default connectedAt */
  lastUsefulAt?: number | undefined
}

/** What is too much. */
export interface SurplusSituation {
  peers: readonly SurplusCandidate[]
  /** Monotonic time in milliseconds. */
  at: number
  /** How many peers there may be without anybody being let go. For the profiles: the upper end of the range. */
  target: number
  /** Outbound connections are not brought below this; see `ConnectionLimits.minOutbound`. */
  minOutbound: number
  /**
   * How far the count may rise above the target before it is brought back to it. With 0, one peer that comes and goes makes
   * another go each time.
   *
   * @default a tenth of the target, at least 2
   */
  slack?: number | undefined
  /**
   * Nobody is let go sooner after connecting, in milliseconds: long enough to say hello and to be told of other peers.
   *
   * @default 10_000
   */
  minAge?: number | undefined
  /**
   * Who was of no use for so long goes as soon as the count is above the target, in milliseconds. Not below it: in a quiet
   * network all are idle, and dropping them would only make dials.
   *
   * @default 600_000
   */
  idleAfter?: number | undefined
}

/** Who is let go, and why. */
export interface Surplus {
  disconnect: string
  reason: 'low-reputation' | 'repeat' | 'idle' | 'over-target'
}

/** Scores this far apart are alike: the difference is noise, and idleness says more. */
const SCORE_BAND = 10

/**
 * Whom to let go, in this order. Pure, independent of the order of the peers, and at rest once it has been obeyed: asked
 * again of those who are left it names nobody.
 *
 * Peers that have lost their reputation go as long as half of the target stays: company that misbehaves is better than
 * none. Above the target repeats of an outbound group and idle peers go; above target and slack, as many as it takes to
 * come back to the target, in the order: repeats, low reputation, inbound before outbound (it was they who chose us), idle
 * for longest.
 */
export function chooseSurplus(situation: SurplusSituation): Surplus[] {
  const { peers, at, target, minAge = 10_000, idleAfter = 600_000 } = situation
  const slack = situation.slack ?? Math.max(2, Math.ceil(target / 10))
  const chosen = new Map<string, Surplus['reason']>()
  let outboundLeft = peers.filter(({ direction }) => direction === 'outbound').length - situation.minOutbound
  const left = (): number => peers.length - chosen.size
  const drop = (peer: SurplusCandidate, reason: Surplus['reason']): void => {
    if (chosen.has(peer.id) || (peer.direction === 'outbound' && outboundLeft <= 0)) {
      return
    }
    chosen.set(peer.id, reason)
    outboundLeft -= Number(peer.direction === 'outbound')
  }

  const repeats = new Set(findRepeats(peers.filter(isOutbound).map(asOutboundPeer)).map(({ id }) => id))
  const ranked = peers
    .filter((peer) => peer.isProtected !== true && at - peer.connectedAt >= minAge)
    .sort((a, b) => compare(a, b, repeats))
  const isOver = left() > target + slack

  for (const peer of ranked.filter((other) => scoreOf(other) < LOW_SCORE).sort((a, b) => scoreOf(a) - scoreOf(b))) {
    if (left() > Math.ceil(target / 2)) {
      drop(peer, 'low-reputation')
    }
  }
  for (const peer of ranked) {
    if (left() <= target) {
      break
    }
    if (repeats.has(peer.id)) {
      drop(peer, 'repeat')
    } else if (at - usefulAt(peer) >= idleAfter) {
      drop(peer, 'idle')
    } else if (isOver) {
      drop(peer, 'over-target')
    }
  }
  return [...chosen].map(([disconnect, reason]) => ({ disconnect, reason }))
}

function compare(a: SurplusCandidate, b: SurplusCandidate, repeats: ReadonlySet<string>): number {
  return (
    Number(repeats.has(b.id)) - Number(repeats.has(a.id)) ||
    bandOf(a) - bandOf(b) ||
    Number(isOutbound(a)) - Number(isOutbound(b)) ||
    usefulAt(a) - usefulAt(b) ||
    b.connectedAt - a.connectedAt ||
    (a.id < b.id ? -1 : 1)
  )
}

function asOutboundPeer({ isProtected, ...peer }: SurplusCandidate): SurplusCandidate & { exempt: boolean } {
  return { ...peer, exempt: isProtected === true }
}

function isOutbound({ direction }: SurplusCandidate): boolean {
  return direction === 'outbound'
}

function usefulAt({ lastUsefulAt, connectedAt }: SurplusCandidate): number {
  return lastUsefulAt ?? connectedAt
}

function bandOf(peer: SurplusCandidate): number {
  return Math.floor(scoreOf(peer) / SCORE_BAND)
}

function scoreOf({ score }: SurplusCandidate): number {
  return score ?? NEUTRAL
}
