import { shuffled, type Rng } from '@penin/interface'
import type { ConfiguredEntry } from './configured-peers.js'
import type { BookedPeer } from './peer-book.js'

/**
 * While a node has no peer at all it waits at most this long between two dials to the same configured peer, in
 * milliseconds: a lonely node has nothing better to do, and its users are waiting.
 */
export const ISOLATED_CAP = 10_000

/** Everything the decision depends on. */
export interface DialSituation {
  /** Anchors of the last run that have not been dialled in this one. */
  anchors: readonly BookedPeer[]
  /** Configured peers that are neither connected nor being dialled, and whose time has come. */
  configured: readonly ConfiguredEntry[]
  /** Chooses so many peers that can be dialled now from the address book. */
  select: (count: number) => readonly BookedPeer[]
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
export type PlannedDial =
  { peer: BookedPeer; reason: 'anchor' | 'target' } | { entry: ConfiguredEntry; reason: ConfiguredEntry['persistence'] }

/**
 * Whom to dial now, in this order: the anchors, for they are what an attacker who waited for the restart can't take the
 * place of; persistent and bootstrap peers, who don't count against the target; seeds, while peers are missing; then
 * whomever the address book offers, as many as are missing. Pure: the same situation and randomness give the same answer.
 */
export function planDials(situation: DialSituation, rng: Rng): PlannedDial[] {
  const { anchors, configured, select, peers, dialling, greeting, target, maxParallel } = situation
  const free = maxParallel - dialling
  if (free <= 0) {
    return []
  }
  const wanted = Math.max(0, target - peers - dialling - greeting)
  const first: PlannedDial[] = anchors.slice(0, wanted).map((peer) => ({ peer, reason: 'anchor' }))
  const asked = configured.filter(({ persistence }) => persistence !== 'seed' || wanted > 0)
  const [seeds, others] = [asked.filter(isSeed), asked.filter((entry) => !isSeed(entry))]
  const plan = [
    ...first,
    ...[...shuffled(rng, others), ...shuffled(rng, seeds)].map((entry) => ({ entry, reason: entry.persistence }))
  ].slice(0, free)
  const missing = Math.min(wanted - first.length, free - plan.length)
  return missing <= 0 ? plan : [...plan, ...select(missing).map((peer) => ({ peer, reason: 'target' as const }))]
}

function isSeed({ persistence }: ConfiguredEntry): boolean {
  return persistence === 'seed'
}
