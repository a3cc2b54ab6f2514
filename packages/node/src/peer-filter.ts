import { CAPABILITY_KINDS, type Capabilities } from '@penin/hello'
import { InvalidArgumentError, type PeerSource } from '@penin/interface'
import type { PeerInfo } from './peer-info.js'

/** A kind of capability. */
export type CapabilityKind = keyof Capabilities

/** In which order peers are listed: the best health, the best reputation, or the one seen last comes first. */
export type PeerSort = 'health' | 'reputation' | 'recent'

/** All values of {@link PeerSort}. */
export const PEER_SORTS: readonly PeerSort[] = ['health', 'reputation', 'recent']

/** Narrows and orders a list of peers; absent fields don't. */
export interface PeerFilter {
  /** Connected and of this network. */
  connected?: boolean
  /** See {@link PeerInfo.isAlive}. */
  alive?: boolean
  banned?: boolean
  source?: PeerSource
  tag?: string
  /** Offers this, or without a name anything of this kind, as far as it has told this node. */
  capability?: { kind: CapabilityKind; name?: string }
  /** @default connected peers first */
  sort?: PeerSort
  /** At most so many. @default all */
  limit?: number
}

/** What filters, orders and statistics look at. Cheap to make: a list of 20,000 peers makes as many. */
export type PeerFacts = Pick<
  PeerInfo,
  'state' | 'isAlive' | 'sources' | 'tags' | 'health' | 'reputation' | 'trusted' | 'lastSeen' | 'table' | 'capabilities'
> & { id: string; banned: boolean }

/** Counts of the peers that a node knows. */
export interface PeersStats {
  total: number
  connected: number
  alive: number
  dead: number
  banned: number
  trusted: number
  byState: Record<PeerInfo['state'], number>
  /** A peer named by several sources counts for each. */
  bySource: Partial<Record<PeerSource, number>>
  byTable: Record<NonNullable<PeerInfo['table']>, number>
  /** Peers that are known to offer something of the kind. */
  byCapability: Record<CapabilityKind, number>
  /** 0 if nobody is known. */
  averageHealth: number
  averageReputation: number
}

/**
 * Pure: those that pass, in order.
 *
 * @throws InvalidArgumentError for a limit that is no whole number of at least 0
 */
export function selectPeers<T extends PeerFacts>(peers: Iterable<T>, filter: PeerFilter): T[] {
  const { sort, limit = Infinity } = filter
  if (limit !== Infinity && !(Number.isInteger(limit) && limit >= 0)) {
    throw new InvalidArgumentError('limit', String(limit), 'a whole number of at least 0')
  }
  const found: T[] = []
  for (const peer of peers) {
    if (passes(peer, filter)) {
      found.push(peer)
    }
  }
  const value = sort == null ? isConnected : VALUES[sort]
  // Sorting is stable: among equals the order of the book stays.
  return found.sort((a, b) => value(b) - value(a)).slice(0, limit)
}

const VALUES: Record<PeerSort, (peer: PeerFacts) => number> = {
  health: ({ health }) => health,
  reputation: ({ reputation }) => reputation,
  recent: ({ lastSeen }) => lastSeen
}

function isConnected({ state }: PeerFacts): number {
  return state === 'connected' ? 1 : 0
}

function passes(peer: PeerFacts, { connected, alive, banned, source, tag, capability }: PeerFilter): boolean {
  return (
    (connected == null || connected === (peer.state === 'connected')) &&
    (alive == null || alive === peer.isAlive) &&
    (banned == null || banned === peer.banned) &&
    (source == null || peer.sources.includes(source)) &&
    (tag == null || peer.tags.includes(tag)) &&
    (capability == null || offers(peer, capability))
  )
}

function offers({ capabilities }: PeerFacts, { kind, name }: NonNullable<PeerFilter['capability']>): boolean {
  const offered = capabilities?.[kind] ?? []
  return name == null ? offered.length > 0 : offered.includes(name)
}

/** Pure: counts. */
export function countPeers(peers: Iterable<PeerFacts>): PeersStats {
  const stats: PeersStats = {
    total: 0,
    connected: 0,
    alive: 0,
    dead: 0,
    banned: 0,
    trusted: 0,
    byState: { known: 0, dialling: 0, greeting: 0, connected: 0, foreign: 0 },
    bySource: {},
    byTable: { new: 0, tried: 0, pinned: 0 },
    byCapability: { agents: 0, tools: 0, resources: 0, prompts: 0 },
    averageHealth: 0,
    averageReputation: 0
  }
  let [health, reputation] = [0, 0]
  for (const peer of peers) {
    count(stats, peer)
    health += peer.health
    reputation += peer.reputation
  }
  if (stats.total > 0) {
    stats.averageHealth = health / stats.total
    stats.averageReputation = reputation / stats.total
  }
  return stats
}

function count(stats: PeersStats, peer: PeerFacts): void {
  stats.total++
  stats.byState[peer.state]++
  stats.connected += isConnected(peer)
  stats[peer.isAlive ? 'alive' : 'dead']++
  stats.banned += peer.banned ? 1 : 0
  stats.trusted += peer.trusted ? 1 : 0
  for (const source of peer.sources) {
    stats.bySource[source] = (stats.bySource[source] ?? 0) + 1
  }
  if (peer.table != null) {
    stats.byTable[peer.table]++
  }
  for (const kind of CAPABILITY_KINDS) {
    stats.byCapability[kind] += offers(peer, { kind }) ? 1 : 0
  }
}
