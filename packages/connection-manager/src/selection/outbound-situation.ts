import type { PeerScope } from './groups.js'
import type { ConnectionCounts, ConnectionLimits } from './limits.js'
import type { DialOutcomes } from './overshoot.js'

/**
 * Where a candidate comes from. `anchor`: an outbound peer of the last run; `persistent`, `bootstrap` and `seed`: the
 * configuration names it, for ever or (seeds) while peers are missing; `tried` and `new`: the address book's tables.
 */
export type CandidateOrigin = 'anchor' | 'persistent' | 'bootstrap' | 'seed' | 'tried' | 'new'

/** A peer that may be dialled now: with an address of use from here, not banned, not in backoff. */
export interface OutboundCandidate {
  /** A configured peer whose id nobody knows yet goes by its address. */
  id: string
  /** The group of the address that would be dialled; see `netGroup()`. */
  group: string
  scope: PeerScope
  origin: CandidateOrigin
  /** Reputation, 0 to 100. @default 50 */
  score?: number | undefined
  /** What it said it can do when it last said hello, as far as it is wanted. */
  capabilities?: readonly string[] | undefined
}

/** An open outbound connection, greeted or not. */
export interface OutboundPeer {
  id: string
  group: string
  scope: PeerScope
  /** Monotonic time in milliseconds. */
  connectedAt: number
  /** @default 50 */
  score?: number | undefined
  /** The operator has named it: it takes its group's place, but is never replaced. */
  exempt?: boolean | undefined
}

/** A dial under way, as it was planned. */
export interface OutboundDial {
  id: string
  group: string
  scope: PeerScope
  reason: DialPlanReason | 'manual'
}

/** So many more peers with a capability are wanted. What a peer can do is its own word until it has shown it. */
export interface CapabilityWish {
  capability: string
  missing: number
}

/** Everything the decision depends on. */
export interface OutboundSituation {
  /**
   * In the order in which the address book chose them: that is where the bias for tried peers and for recent success is.
   * Ask the book for at least four times as many as there are places, or groups that have candidates may not be among them.
   */
  candidates: readonly OutboundCandidate[]
  /**
   * Groups without a connection of which a peer is known that only waits to be dialled again: so many places are kept for them
   * rather than filled with repeats. Whoever cuts off all connections of a node at once would otherwise get its places.
   *
   * @default 0
   */
  awaited?: number | undefined
  outbound: readonly OutboundPeer[]
  dialling: readonly OutboundDial[]
  /** All open connections that limits count. */
  counts: ConnectionCounts
  limits: ConnectionLimits
  /** How many peers we want, in both directions. Whatever comes in, `limits.minOutbound` are dialled. */
  target: number
  /** How many dials may be under way at once. */
  maxParallel: number
  /** What became of the dials of the last minutes, those to configured peers apart. */
  outcomes?: DialOutcomes | undefined
  wishes?: readonly CapabilityWish[] | undefined
}

/**
 * Why a peer is dialled. `capability`: it has what is wanted; `repeat`: its group has a connection already, but the place
 * would stay empty; `diversity`: its group has none, and takes the place of such a repeat.
 */
export type DialPlanReason = CandidateOrigin | 'capability' | 'repeat' | 'diversity'

/** One decision; the reason is what the event, the metric label and the log line carry. */
export interface PlannedOutbound {
  dial: string
  reason: DialPlanReason
  group: string
  scope: PeerScope
  /** With `capability`: which one. */
  capability?: string
  /** With `diversity`: the peer to let go when this one has connected. */
  replaces?: string
  /** There is no room for both: the other peer is to be let go before the dial. */
  makesRoom?: true
}
