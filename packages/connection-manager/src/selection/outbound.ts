import { shuffled, type Rng } from '@penin/interface'
import { isGrouped, type PeerScope } from './groups.js'
import type {
  DialPlanReason,
  OutboundCandidate,
  OutboundDial,
  OutboundPeer,
  OutboundSituation,
  PlannedOutbound
} from './outbound-situation.js'
import { withoutOverflow } from './limits.js'
import { dialsFor } from './overshoot.js'
import { NEUTRAL } from '../reputation/parameters.js'

/** Replacements under way at once: a network that has just become reachable is not to turn over all connections. */
const MAX_REPLACEMENTS = 2

/** Dials under way at once for what peers are wanted for, when there are enough peers. */
const MAX_BEYOND_TARGET = 2

/**
 * Whom to dial now. Pure: the same situation and randomness give the same answer.
 *
 * Anchors come first, then configured peers; neither are bound to groups, and configured ones to no target. Of the
 * others one of each public group is dialled, those with wanted capabilities first, in the order of the book and the likelier
 * the better their reputation. Only what then would stay empty is filled with more of the same groups (a small network in
 * one data centre must still form), evenly; and as soon as another group has a candidate, such a repeat is replaced.
 */
export function planOutbound(situation: OutboundSituation, rng: Rng): PlannedOutbound[] {
  const plan = new Plan(situation)
  if (plan.parallel <= 0) {
    return []
  }
  const eligible = plan.eligible()
  const others = byReputation(
    eligible.filter(({ origin }) => origin === 'tried' || origin === 'new'),
    rng
  )
  const anchors = eligible.filter(({ origin }) => origin === 'anchor')
  plan.addAnchors(anchors)
  const configured = shuffled(rng, eligible.filter(isConfigured))
  plan.addConfigured(configured, others.length > 0)
  plan.addWished(others)
  plan.addFresh(others)
  plan.addRepeats(others)
  plan.addReplacements(others)
  return plan.dials
}

/** The plan as it grows: what is planned takes its place at once. */
class Plan {
  readonly dials: PlannedOutbound[] = []
  readonly #situation: OutboundSituation
  readonly #planned = new Set<string>()
  /** Connections and dials of each group. */
  readonly #groups = new Map<string, number>()
  /** Places that are to be filled, if every dial succeeded. */
  readonly #empty: number
  /** Ordinary dials that may still be started. */
  #budget: number

  constructor(situation: OutboundSituation) {
    this.#situation = situation
    const { outbound, dialling, counts, limits, target, outcomes } = situation
    for (const { group, scope } of [...outbound, ...dialling]) {
      this.#take(group, scope)
    }
    const total = counts.inbound + counts.outbound
    this.#empty = Math.max(0, target - total, limits.minOutbound - counts.outbound)
    const ordinary = dialling.filter(({ reason }) => isOrdinary(reason)).length
    this.#budget = Math.min(dialsFor(this.#empty, outcomes) - ordinary, this.#room())
  }

  /** Dials that may still be started, of whatever kind. */
  get parallel(): number {
    const { maxParallel, dialling } = this.#situation
    return maxParallel - dialling.length - this.dials.length
  }

  eligible(): OutboundCandidate[] {
    const { candidates, outbound, dialling } = this.#situation
    const seen = new Set([...outbound, ...dialling].map(({ id }) => id))
    return candidates.filter(({ id }) => !seen.has(id) && seen.add(id).size > 0)
  }

  addAnchors(anchors: readonly OutboundCandidate[]): void {
    for (const anchor of anchors) {
      this.#addOrdinary(anchor, 'anchor')
    }
  }

  /** Half of the dials are left to others: configured peers that are all dead are not to keep a node from the living. */
  addConfigured(configured: readonly OutboundCandidate[], hasOthers: boolean): void {
    const { maxParallel, dialling } = this.#situation
    const underWay = dialling.filter(({ reason }) => isConfigured({ origin: reason })).length
    const share = hasOthers ? Math.ceil(maxParallel / 2) : maxParallel
    const [seeds, lasting] = [configured.filter(isSeed), configured.filter((peer) => !isSeed(peer))]
    const wanted = this.#empty > 0 ? [...lasting, ...seeds] : lasting
    for (const candidate of wanted.slice(0, Math.max(0, share - underWay))) {
      if (this.parallel > 0) {
        this.#add(candidate, { reason: candidate.origin })
      }
    }
  }

  /**
   * Half of the budget at most: anybody can claim any capability, and is not to be chosen for nothing but that. When there
   * are enough peers, a few come on top as long as the limits leave room: nobody else loses a place by it.
   */
  addWished(others: readonly OutboundCandidate[]): void {
    let left = this.#empty > 0 ? Math.ceil(this.#budget / 2) : this.#beyondTarget()
    for (const { capability, missing } of this.#situation.wishes ?? []) {
      const able = others.filter((peer) => this.#isFresh(peer) && peer.capabilities?.includes(capability) === true)
      let wanted = missing
      for (const candidate of able) {
        if (wanted > 0 && left > 0 && this.parallel > 0 && this.#isFresh(candidate)) {
          this.#add(candidate, { reason: 'capability', capability })
          this.#budget--
          wanted--
          left--
        }
      }
    }
  }

  addFresh(others: readonly OutboundCandidate[]): void {
    for (const candidate of others) {
      if (this.#isFresh(candidate)) {
        this.#addOrdinary(candidate, candidate.origin)
      }
    }
  }

  addRepeats(others: readonly OutboundCandidate[]): void {
    const { dialling, outcomes, awaited = 0 } = this.#situation
    const under = [...dialling, ...this.dials]
    const fresh = under.filter(({ reason }) => isOrdinary(reason) && reason !== 'repeat').length
    let left = dialsFor(Math.max(0, this.#empty - fresh - awaited), outcomes) - dialling.filter(isRepeat).length
    const wishes = this.#situation.wishes ?? []
    const able = wishes.flatMap(({ capability, missing }) =>
      others.filter(({ capabilities = [] }) => capabilities.includes(capability)).slice(0, missing)
    )
    let pool = [...new Set([...able, ...others])].filter(({ id }) => !this.#planned.has(id))
    while (left-- > 0 && pool.length > 0) {
      const next = pool.reduce((a, b) => (this.#countOf(b) < this.#countOf(a) ? b : a))
      if (!this.#addOrdinary(next, 'repeat')) {
        return
      }
      pool = pool.filter((other) => other !== next)
    }
  }

  /**
   * Where there is room for both the repeat goes when the other peer is there. On a full node it has to go before, and then
   * only for a peer that this node has reached itself: or whoever makes up addresses of many groups could cost it its peers.
   */
  addReplacements(others: readonly OutboundCandidate[]): void {
    if (this.#empty > 0) {
      return
    }
    const { outbound, dialling } = this.#situation
    const underWay = dialling.filter(({ reason }) => reason === 'diversity').length
    const replaceable = findRepeats(outbound).slice(underWay, MAX_REPLACEMENTS)
    for (const candidate of others) {
      if (replaceable.length === 0 || this.parallel <= 0) {
        return
      }
      const makesRoom = this.#room() <= this.dials.filter((dial) => dial.makesRoom !== true).length
      const isKnown = candidate.origin === 'tried' || !makesRoom
      if (isKnown && this.#isFresh(candidate) && isGrouped(candidate.scope)) {
        const replaces = (replaceable.shift() as OutboundPeer).id
        this.#add(candidate, { reason: 'diversity', replaces, ...(makesRoom ? { makesRoom } : {}) })
      }
    }
  }

  #addOrdinary(candidate: OutboundCandidate, reason: DialPlanReason): boolean {
    if (this.#budget <= 0 || this.parallel <= 0) {
      return false
    }
    this.#budget--
    this.#add(candidate, { reason })
    return true
  }

  #add(
    { id, group, scope }: OutboundCandidate,
    why: Pick<PlannedOutbound, 'reason' | 'capability' | 'replaces' | 'makesRoom'>
  ): void {
    this.dials.push({ dial: id, group, scope, ...why })
    this.#planned.add(id)
    this.#take(group, scope)
  }

  #take(group: string, scope: PeerScope): void {
    if (isGrouped(scope)) {
      this.#groups.set(group, (this.#groups.get(group) ?? 0) + 1)
    }
  }

  /** Dials that may be started for wishes alone. */
  #beyondTarget(): number {
    const underWay = this.#situation.dialling.filter(({ reason }) => reason === 'capability').length
    return Math.min(MAX_BEYOND_TARGET - underWay, this.#room() - this.dials.length)
  }

  #isFresh(candidate: OutboundCandidate): boolean {
    return !this.#planned.has(candidate.id) && this.#countOf(candidate) === 0
  }

  #countOf({ group, scope }: OutboundCandidate): number {
    return isGrouped(scope) ? (this.#groups.get(group) ?? 0) : 0
  }

  /** What the hard limits leave, with every dial under way counted as if it had succeeded. */
  #room(): number {
    const { counts, limits, dialling } = this.#situation
    const { inbound, outbound } = withoutOverflow(counts, limits)
    return Math.min(limits.outbound - outbound, limits.total - inbound - outbound) - dialling.length
  }
}

/** Those beyond the first of their group, the first to be replaced first: low reputation, then short acquaintance. */
export function findRepeats(outbound: readonly OutboundPeer[]): OutboundPeer[] {
  const kept = new Set<string>()
  const repeats: OutboundPeer[] = []
  const ranked = outbound
    .filter(({ scope }) => isGrouped(scope))
    .sort((a, b) => Number(isExempt(b)) - Number(isExempt(a)) || scoreOf(b) - scoreOf(a) || byAge(a, b))
  for (const peer of ranked) {
    if (kept.has(peer.group) && !isExempt(peer)) {
      repeats.push(peer)
    }
    kept.add(peer.group)
  }
  return repeats.reverse()
}

/**
 * In the order they came, except that each is passed over with a chance that grows with what its score lacks to the best
 * one; who was passed over comes after the others. So the order of the book stays what it is among equals.
 */
function byReputation(candidates: readonly OutboundCandidate[], rng: Rng): OutboundCandidate[] {
  const highest = Math.max(1, ...candidates.map(scoreOf))
  const taken: OutboundCandidate[] = []
  const passedOver: OutboundCandidate[] = []
  for (const candidate of candidates) {
    const list = rng.float() < scoreOf(candidate) / highest ? taken : passedOver
    list.push(candidate)
  }
  return [...taken, ...passedOver]
}

/** Counted against the target: not those that are dialled in any case, and not those that only take another's place. */
function isOrdinary(reason: OutboundDial['reason']): boolean {
  return !isConfigured({ origin: reason }) && reason !== 'diversity'
}

function isConfigured({ origin }: { origin: OutboundDial['reason'] }): boolean {
  return origin === 'persistent' || origin === 'bootstrap' || origin === 'seed'
}

function isSeed({ origin }: OutboundCandidate): boolean {
  return origin === 'seed'
}

function isRepeat({ reason }: OutboundDial): boolean {
  return reason === 'repeat'
}

function isExempt({ exempt }: OutboundPeer): boolean {
  return exempt === true
}

function scoreOf({ score }: { score?: number | undefined }): number {
  return score ?? NEUTRAL
}

function byAge(a: OutboundPeer, b: OutboundPeer): number {
  return a.connectedAt - b.connectedAt || (a.id < b.id ? -1 : 1)
}
