import type { Rng } from '@penin/interface'
import { shuffled } from '@penin/interface'
import type { KnownPeer } from './known-peers.js'

/**
 * While a node has no peer at all it waits at most this long between two dials to the same persistent peer, in
 * milliseconds: a lonely node has nothing better to do, and its users are waiting.
 */
export const ISOLATED_CAP = 10_000

/** Everything the decision depends on. */
export interface DialSituation {
  /** Monotonic time in milliseconds. */
  at: number
  known: Iterable<KnownPeer>
  /** Peers with an open connection, greeted or not, by their id's string. */
  isConnected: (id: string) => boolean
  /** Dials under way, by id string. */
  isDialling: (id: string) => boolean
  /** Greeted peers. */
  peers: number
  /** How many dials are under way. */
  dialling: number
  /** Peers that have connected a moment ago and have not said hello yet: they may become peers. */
  greeting: number
  /** How many peers we want. */
  target: number
  /** How many dials may be under way at once. */
  maxParallel: number
}

/** One decision, with its reason; the reason is what the event, the metric label and the log line carry. */
export interface PlannedDial {
  peer: KnownPeer
  reason: 'bootstrap' | 'persistent' | 'target'
}

/**
 * Whom to dial now. Pure: the same situation and randomness give the same answer.
 *
 * Persistent peers come first and don't count against the target. Of the others those that have answered before go
 * before those that have not, fewer failures before more, the rest at random.
 */
export function planDials(situation: DialSituation, rng: Rng): PlannedDial[] {
  const free = situation.maxParallel - situation.dialling
  if (free <= 0) {
    return []
  }
  const isolated = situation.peers === 0
  const persistent: PlannedDial[] = []
  const others: KnownPeer[] = []
  for (const peer of situation.known) {
    const id = peer.id.toString()
    if (situation.isConnected(id) || situation.isDialling(id) || !isDue(peer, situation.at, isolated)) {
      continue
    }
    if (peer.persistence == null) {
      others.push(peer)
    } else {
      persistent.push({ peer, reason: peer.persistence })
    }
  }
  const wanted = Math.max(0, situation.target - situation.peers - situation.dialling - situation.greeting)
  const ordered = shuffled(rng, others).sort((a, b) => rank(a) - rank(b))
  return [
    ...shuffled(rng, persistent),
    ...ordered.slice(0, wanted).map((peer) => ({ peer, reason: 'target' as const }))
  ].slice(0, free)
}

function isDue(peer: KnownPeer, at: number, isolated: boolean): boolean {
  if (peer.held != null && peer.held.until > at) {
    return false
  }
  if (peer.nextAttemptAt <= at) {
    return true
  }
  return isolated && peer.persistence != null && (peer.lastAttemptAt ?? 0) + ISOLATED_CAP <= at
}

function rank(peer: KnownPeer): number {
  return peer.failures * 2 + (peer.lastSuccess == null ? 1 : 0)
}
