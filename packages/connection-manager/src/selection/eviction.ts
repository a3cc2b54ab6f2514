import type { PeerScope } from './groups.js'
import { LOW_SCORE } from './scores.js'

/** A connected peer, as far as the choice of a victim is concerned. Everything in it this node has observed itself. */
export interface EvictionCandidate {
  id: string
  direction: 'inbound' | 'outbound'
  /** The operator has named the peer; then it is never let go for another. */
  exempt?: 'persistent' | 'unconditional' | 'trusted' | undefined
  /** See `netGroup()`. */
  group: string
  /** See `keyedGroup()`. */
  keyedGroup: number
  scope: PeerScope
  /** Monotonic time in milliseconds. */
  connectedAt: number
  /** The lowest round-trip time ever measured on the connection, in milliseconds. */
  minRtt?: number | undefined
  /** When it last sent a message that was valid, new, and taken by a handler; monotonic. */
  lastMessageAt?: number | undefined
  /**
   * When a peer was last reached that it had been the first to name, by a record in a peer exchange; monotonic. Not when
   * the record came: identities that sign records are free, and those that answer at an address of their own are not.
   */
  lastRecordAt?: number | undefined
  /** Reputation, 0 to 100. */
  score: number
}

/** Why a peer is not let go for another. */
export type Protection =
  | 'outbound'
  | 'persistent'
  | 'unconditional'
  | 'trusted'
  | 'net-group'
  | 'lowest-rtt'
  | 'recent-message'
  | 'recent-record'
  | 'rare-network'
  | 'longest-connected'

/** Who is let go, and why. */
export interface Victim {
  disconnect: string
  reason: 'low-reputation' | 'largest-group' | 'own-group'
  /** The group of the victim. */
  group: string
}

/** What else the choice depends on. */
export interface VictimOptions {
  /** Whom the place is for. It never gets the place of a group that has fewer connections than its own then would have. */
  newcomer?: { group: string } | undefined
}

/**
 * The size of the protected classes with 50 inbound connections and more; with fewer they shrink alike, so that a small
 * node too has somebody to let go. Bitcoin Core (src/node/eviction.cpp) protects 4, 8, 4 and 4 of about 115.
 */
const CLASS_SIZE = { 'net-group': 4, 'lowest-rtt': 8, 'recent-message': 4, 'recent-record': 4 } as const
const FULL_SIZE = 50

/** Of a class, one group gets at most this share: one well-placed data centre is not to take all of it. */
const GROUP_SHARE = 1 / 4

/**
 * Scopes that lose by the other criteria (far away behind Tor or a relay) or that no attacker on the internet can come
 * from (this host, this network): up to half of the places for the longest connected are kept for them.
 */
const RARE_SCOPES: readonly PeerScope[] = ['onion', 'relay', 'loopback', 'private']

/**
 * Whom to let go so that an inbound newcomer gets in when all places are taken; undefined if nobody, and then it is the
 * newcomer who is refused. Pure, and independent of the order of the candidates.
 *
 * It is Bitcoin Core's procedure: first protect those that are the best by some measure that an attacker can't fake, each
 * class by another measure; of the rest, a peer of the group with the most connections goes, the youngest of it. An
 * attacker would have to be best in all of them at once to take all places.
 *
 * Reputation decides only about those that have lost it by misbehaving, and they go first, whatever their group: nobody but
 * themselves can bring them there. To take always the lowest score would help the attacker: identities with a newcomer's
 * score are free, so the honest ones that are a little below it would go. A place in many groups is what isn't free.
 */
export function chooseInboundVictim(
  candidates: readonly EvictionCandidate[],
  options: VictimOptions = {}
): Victim | undefined {
  const { open } = protect(candidates)
  const misbehaved = open.filter(({ score }) => score < LOW_SCORE)
  if (misbehaved.length > 0) {
    const worst = first(misbehaved, (a, b) => a.score - b.score || youngestFirst(a, b))
    return { disconnect: worst.id, reason: 'low-reputation', group: worst.group }
  }
  if (open.length === 0) {
    return undefined
  }
  const sizes = inboundByGroup(candidates)
  const sizeOf = ({ group }: { group: string }): number => sizes.get(group) ?? 0
  const victim = first(open, (a, b) => sizeOf(b) - sizeOf(a) || youngestFirst(a, b))
  const { newcomer } = options
  if (newcomer == null || victim.group === newcomer.group || sizeOf(victim) > sizeOf(newcomer)) {
    return { disconnect: victim.id, reason: 'largest-group', group: victim.group }
  }
  const own = open.filter(({ group }) => group === newcomer.group)
  return own.length === 0
    ? undefined
    : { disconnect: first(own, youngestFirst).id, reason: 'own-group', group: newcomer.group }
}

/** Who is protected from {@link chooseInboundVictim}, and by what. */
export function protectInbound(candidates: readonly EvictionCandidate[]): Map<string, Protection> {
  return protect(candidates).protections
}

/** The protected, and the others from the longest connected to the youngest. */
function protect(candidates: readonly EvictionCandidate[]): {
  protections: Map<string, Protection>
  open: readonly EvictionCandidate[]
} {
  const protections = new Map<string, Protection>()
  let open: EvictionCandidate[] = []
  for (const candidate of candidates) {
    // An attacker can't make us dial it at will, and can't get into our configuration.
    const reason = candidate.exempt ?? (candidate.direction === 'outbound' ? 'outbound' : undefined)
    if (reason == null) {
      open.push(candidate)
    } else {
      protections.set(candidate.id, reason)
    }
  }
  open.sort(oldestFirst)
  const inbound = open.length
  const keep = (reason: Protection, chosen: readonly EvictionCandidate[]): void => {
    for (const { id } of chosen) {
      protections.set(id, reason)
    }
    const gone = new Set(chosen)
    open = open.filter((candidate) => !gone.has(candidate))
  }
  const sizeOf = (name: keyof typeof CLASS_SIZE): number => scaled(CLASS_SIZE[name], inbound)

  // An attacker can't know which groups stand first under our secret key, so it would need addresses in all of them.
  keep('net-group', oldestOfFirstGroups(open, sizeOf('net-group')))

  // An attacker can answer later than it could, but not earlier than light allows: it would have to move closer to us.
  keep(
    'lowest-rtt',
    best(open, sizeOf('lowest-rtt'), ({ minRtt }) => (minRtt == null ? undefined : -minRtt))
  )

  // An attacker can't have its messages taken without doing the work that other peers do, and has to go on with it.
  keep(
    'recent-message',
    best(open, sizeOf('recent-message'), ({ lastMessageAt }) => lastMessageAt)
  )

  // An attacker can't name peers that answer without running them, each at an address that we didn't know.
  keep(
    'recent-record',
    best(open, sizeOf('recent-record'), ({ lastRecordAt }) => lastRecordAt)
  )

  // An attacker on the internet can't come from our own network, and half at most is kept for what it can come from.
  const longest = Math.floor(open.length / 2)
  const rare = oldestOfRareScopes(open, Math.floor(longest / 2))
  keep('rare-network', rare)

  // An attacker that starts now can't have been connected for longer than those who were there before.
  keep('longest-connected', open.slice(0, longest - rare.length))
  return { protections, open }
}

function scaled(size: number, inbound: number): number {
  return Math.round(size * Math.min(1, inbound / FULL_SIZE))
}

/** A candidate in the running for a class. */
interface Ranked {
  candidate: EvictionCandidate
  value: number
}

/**
 * Those with the highest values, of equals the oldest; those without a value are never among them, and of one group only a
 * few are. One pass: most candidates are behind the last of the chosen and cost one comparison.
 */
function best(
  open: readonly EvictionCandidate[],
  count: number,
  valueOf: (candidate: EvictionCandidate) => number | undefined
): EvictionCandidate[] {
  const perGroup = Math.max(1, Math.floor(count * GROUP_SHARE))
  const chosen: Ranked[] = []
  for (const candidate of count === 0 ? [] : open) {
    const value = valueOf(candidate)
    if (value == null || (chosen.length === count && value <= (chosen.at(-1) as Ranked).value)) {
      continue
    }
    const ofGroup = chosen.filter((other) => other.candidate.group === candidate.group)
    const rival = ofGroup.length === perGroup ? ofGroup.at(-1) : undefined
    if (rival != null && rival.value >= value) {
      continue
    }
    if (rival != null) {
      chosen.splice(chosen.indexOf(rival), 1)
    }
    const behind = chosen.findIndex((other) => other.value < value)
    chosen.splice(behind < 0 ? chosen.length : behind, 0, { candidate, value })
    chosen.length = Math.min(chosen.length, count)
  }
  return chosen.map(({ candidate }) => candidate)
}

function oldestOfFirstGroups(open: readonly EvictionCandidate[], count: number): EvictionCandidate[] {
  const oldest = new Map<string, EvictionCandidate>()
  for (const candidate of open) {
    if (!oldest.has(candidate.group)) {
      oldest.set(candidate.group, candidate)
    }
  }
  return best([...oldest.values()], count, ({ keyedGroup }) => keyedGroup)
}

/** One of each scope in turn, so that the many of one scope don't take the places of the few of another. */
function oldestOfRareScopes(open: readonly EvictionCandidate[], count: number): EvictionCandidate[] {
  const queues = RARE_SCOPES.map((scope) => open.filter((peer) => peer.scope === scope))
  const chosen: EvictionCandidate[] = []
  for (let turn = 0; chosen.length < count && queues.some((queue) => turn < queue.length); turn++) {
    const round = queues.flatMap((queue) => queue.slice(turn, turn + 1))
    chosen.push(...round.slice(0, count - chosen.length))
  }
  return chosen
}

function inboundByGroup(candidates: readonly EvictionCandidate[]): Map<string, number> {
  const sizes = new Map<string, number>()
  for (const { direction, group } of candidates) {
    if (direction === 'inbound') {
      sizes.set(group, (sizes.get(group) ?? 0) + 1)
    }
  }
  return sizes
}

function oldestFirst(a: EvictionCandidate, b: EvictionCandidate): number {
  return a.connectedAt - b.connectedAt || compareIds(a.id, b.id)
}

function youngestFirst(a: EvictionCandidate, b: EvictionCandidate): number {
  return b.connectedAt - a.connectedAt || compareIds(a.id, b.id)
}

function compareIds(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function first<T>(items: readonly T[], compare: (a: T, b: T) => number): T {
  return items.reduce((a, b) => (compare(b, a) < 0 ? b : a))
}
