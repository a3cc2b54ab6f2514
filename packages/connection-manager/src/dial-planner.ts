import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { addressScope, type Rng } from '@penin/interface'
import type { ConfiguredEntry, ConfiguredPeers, Persistence } from './configured-peers.js'
import type { DialMemory } from './dial-memory.js'
import type { DialReason } from './keeper-contract.js'
import type { DialTarget } from './dialler.js'
import { ExpectedPeers } from './expected-peers.js'
import type { Holds } from './holds.js'
import type { Links } from './links.js'
import { DIALLED_SCOPES, type BookedPeer, type Excluded, type PeerBook } from './peer-book.js'
import { isGrouped, netGroup, type PeerScope } from './selection/groups.js'
import type { ConnectionLimits } from './selection/limits.js'
import type { OutboundCandidate, OutboundDial, PlannedOutbound } from './selection/outbound-situation.js'
import { findRepeats, planOutbound } from './selection/outbound.js'
import type { Wishes } from './wishes.js'

/** What a {@link DialPlanner} looks at. */
export interface DialPlannerParts {
  book: PeerBook
  configured: ConfiguredPeers
  links: Links
  memory: DialMemory
  holds: Holds
  target: number
  limits: ConnectionLimits
  maxParallel: number
  /** Reputation of a peer, 0 to 100. */
  scoreOf: (id: string) => number
  wishes: Wishes
  rng: Rng
}

/** A dial to be made now: to a configured peer or to one of the book. */
export type NextDial =
  | { reason: ConfiguredEntry['persistence']; entry: ConfiguredEntry }
  | ({ reason: Exclude<DialReason, 'manual'>; peer: BookedPeer } & Pick<PlannedOutbound, 'replaces' | 'makesRoom'>)

/** The book is asked for so many peers at least, or groups that have a candidate may not be among them. */
const MIN_CHOICE = 64

/** A peer that may be dialled again so soon, in milliseconds, is worth a place kept for it ... */
const AWAITED_FOR = 30_000

/** ... unless it has failed more often than this. */
const AWAITED_FAILURES = 3

/** Dials after which what became of earlier ones counts half, so that the share is that of the last minutes. */
const OUTCOME_MEMORY = 64

/** A dial that has begun: to a peer of the book, or to wherever the address is. */
interface DialUnderWay extends Pick<OutboundDial, 'id' | 'reason'> {
  peer: BookedPeer | undefined
  address: Multiaddr | undefined
}

/** Brings together what {@link planOutbound} decides on, and keeps count of the dials under way. */
export class DialPlanner {
  readonly #parts: DialPlannerParts
  readonly #underWay = new Map<string, DialUnderWay>()
  #anchors: readonly BookedPeer[]
  readonly #expected: ExpectedPeers
  #dials = 0
  #successes = 0

  constructor(parts: DialPlannerParts) {
    this.#parts = parts
    this.#anchors = parts.book.anchors()
    this.#expected = new ExpectedPeers(parts.links)
  }

  /** Dials under way. */
  get underWay(): number {
    return this.#underWay.size
  }

  /** Whether an address of the configuration is being dialled at which the peer may be the one who answers. */
  isExpected(id: PeerId): boolean {
    return this.#expected.has(id)
  }

  isUnderWay(id: string): boolean {
    return this.#underWay.has(id)
  }

  /** What to dial now. */
  next(at: number): NextDial[] {
    const { book, configured, links, limits, target, maxParallel, wishes, rng } = this.#parts
    const anchors = this.#anchors.filter(({ id }) => this.isFree(id, at))
    const due = configured.due(at, links.peers === 0, (entry) => this.#isBusy(entry))
    const outbound = links.outbound().map((link) => ({
      ...link,
      score: this.#parts.scoreOf(link.id),
      exempt: configured.of(link.id) != null || wishes.isServing(link.id)
    }))
    const counts = links.counts(at)
    const empty = Math.max(0, target - counts.inbound - counts.outbound, limits.minOutbound - counts.outbound)
    const isWanted = empty > 0 || findRepeats(outbound).length > 0
    const exclude: Excluded = { has: (id) => !this.isFree(id, at) || anchors.some((anchor) => anchor.id === id) }
    const count = Math.max(MIN_CHOICE, 4 * empty)
    const chosen = isWanted ? book.select({ count, exclude, scopeFilter: DIALLED_SCOPES }) : []
    const missing = wishes.missing(this.#underWay.keys())
    const able = wishes.candidates(missing, (id) => !exclude.has(id) && !chosen.some((peer) => peer.id === id))
    const others = [...chosen, ...able]
    const plan = planOutbound(
      {
        candidates: [
          ...anchors.map((peer) => this.#candidate(peer, 'anchor')),
          ...due.map(configuredCandidate),
          ...others.map((peer) => this.#candidate(peer, peer.table === 'tried' ? 'tried' : 'new'))
        ],
        awaited: empty > 0 ? this.#awaited(at) : 0,
        outbound,
        dialling: this.#dialling(),
        counts,
        limits,
        target,
        maxParallel,
        outcomes: { dials: this.#dials, successes: this.#successes },
        wishes: missing
      },
      rng
    )
    if (plan.length > 0) {
      this.#anchors = [] // they are dialled once; after that they are peers like others
    }
    return plan.map((dial) => resolve(dial, due, [...anchors, ...others]))
  }

  /** Whether a peer of the book may be dialled now; configured ones are dialled for themselves. */
  isFree(id: string, at: number): boolean {
    const { links, memory, holds, configured } = this.#parts
    return !(
      links.has(id) ||
      this.#underWay.has(id) ||
      !memory.isDue(id, at) ||
      holds.get(id, at) != null ||
      configured.of(id) != null
    )
  }

  /** A dial begins at `at`, monotonic. @returns what to call with how it ended */
  begin(target: DialTarget, reason: DialReason, at: number): (isSuccess: boolean) => void {
    const id = nameOf(target)
    const [address] = target.addresses ?? []
    const dial: DialUnderWay = {
      id,
      reason: reason === 'feeler' || reason === 'test' ? 'manual' : reason,
      peer: target.id == null ? undefined : this.#parts.book.get(target.id),
      address
    }
    const endNameless = target.id == null && isLasting(reason) ? this.#expected.expect(target, at) : undefined
    this.#underWay.set(id, dial)
    return (isSuccess) => {
      endNameless?.()
      if (this.#underWay.get(id) === dial) {
        this.#underWay.delete(id)
      }
      if (!isLasting(reason) && reason !== 'seed') {
        this.#note(isSuccess)
      }
    }
  }

  #note(isSuccess: boolean): void {
    this.#dials++
    this.#successes += isSuccess ? 1 : 0
    if (this.#dials >= OUTCOME_MEMORY) {
      this.#dials /= 2
      this.#successes /= 2
    }
  }

  /** Dials under way, as the decision wants to see them: nothing of that is worked out while a dial waits to begin. */
  #dialling(): OutboundDial[] {
    return Array.from(this.#underWay.values(), ({ id, reason, peer, address }) => ({
      id,
      reason,
      ...(peer == null ? whereabouts(address) : { group: peer.group, scope: scopeOf(peer) })
    }))
  }

  /** Groups without a connection of which somebody is only waiting for the end of a short backoff. */
  #awaited(at: number): number {
    const { book, links, memory } = this.#parts
    const taken = new Set([...links.outbound(), ...this.#dialling()].map(({ group }) => group))
    const isWaiting = (id: string): boolean => {
      const { failures = 0, nextAttemptAt = 0 } = memory.get(id) ?? {}
      return nextAttemptAt > at && nextAttemptAt <= at + AWAITED_FOR && failures <= AWAITED_FAILURES
    }
    const exclude: Excluded = { has: (id) => !isWaiting(id) || links.has(id) }
    const waiting = book.select({ count: MIN_CHOICE, exclude, scopeFilter: DIALLED_SCOPES })
    return new Set(waiting.flatMap((peer) => (isGrouped(scopeOf(peer)) && !taken.has(peer.group) ? [peer.group] : [])))
      .size
  }

  #candidate(peer: BookedPeer, origin: OutboundCandidate['origin']): OutboundCandidate {
    const { scoreOf, wishes } = this.#parts
    const { id, group } = peer
    return { id, group, scope: scopeOf(peer), origin, score: scoreOf(id), capabilities: wishes.of(id) }
  }

  #isBusy(entry: ConfiguredEntry): boolean {
    const who = (entry.id ?? entry.answeredBy)?.toString()
    const isThere = who != null && this.#parts.links.has(who)
    return isThere || this.#underWay.has(nameOf(entry)) || (who != null && this.#parts.book.bannedUntil(who) != null)
  }
}

/** Under which name a dial is known: the peer's id, or where nobody knows it the first address. */
export function nameOf({ id, addresses = [] }: { id?: PeerId; addresses?: readonly Multiaddr[] }): string {
  return (id ?? addresses[0])?.toString() ?? '*'
}

function isLasting(reason: DialReason): reason is Persistence {
  return reason === 'persistent' || reason === 'bootstrap'
}

function configuredCandidate(entry: ConfiguredEntry): OutboundCandidate {
  return { id: nameOf(entry), origin: entry.persistence, ...whereabouts(entry.addresses[0]) }
}

function whereabouts(address: Multiaddr | undefined): { group: string; scope: PeerScope } {
  return address == null
    ? { group: 'other', scope: 'public' }
    : { group: netGroup(address), scope: addressScope(address) }
}

function scopeOf({ addresses }: BookedPeer): PeerScope {
  return addresses[0]?.scope ?? 'public'
}

function resolve(dial: PlannedOutbound, due: readonly ConfiguredEntry[], peers: readonly BookedPeer[]): NextDial {
  const { reason, replaces, makesRoom } = dial
  if (isLasting(reason) || reason === 'seed') {
    return { reason, entry: due.find((entry) => nameOf(entry) === dial.dial) as ConfiguredEntry }
  }
  const peer = peers.find(({ id }) => id === dial.dial) as BookedPeer
  return { reason, peer, ...(replaces && { replaces }), ...(makesRoom && { makesRoom }) }
}
