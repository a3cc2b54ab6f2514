/** How many connections there may be, in numbers that nothing but an exempt peer gets past. */
export interface ConnectionLimits {
  inbound: number
  outbound: number
  /** Both together. */
  total: number
  /**
   * Outbound connections that inbound ones leave room for, and that are dialled whatever number of inbound ones there is:
   * a node chooses its outbound peers itself, and an attacker chooses to be an inbound one. Raised, it costs other nodes
   * inbound places; lowered, fewer honest peers stand between the node and an eclipse.
   */
  minOutbound: number
}

/** What the predecessors promised. */
export const PREDECESSOR_LIMITS: Readonly<ConnectionLimits> = { inbound: 50, outbound: 50, total: 100, minOutbound: 10 }

/**
 * By profile. The totals are the upper ends of the profiles' ranges; in each, inbound and minimum outbound fill the total.
 * The 8 of `standard` are Bitcoin Core's number of full outbound connections.
 */
export const PROFILE_LIMITS: Readonly<Record<'minimal' | 'standard' | 'bridge', Readonly<ConnectionLimits>>> = {
  minimal: { inbound: 4, outbound: 8, total: 8, minOutbound: 4 },
  standard: { inbound: 24, outbound: 24, total: 32, minOutbound: 8 },
  bridge: { inbound: 112, outbound: 64, total: 128, minOutbound: 16 }
}

/** Open connections, without those of exempt peers: or they would take the places of the others. */
export interface ConnectionCounts {
  inbound: number
  outbound: number
}

/**
 * The counts as outbound connections have to see them: inbound ones beyond their limits, which are there for a short while,
 * take no outbound place. What the limits leave to outbound ones stays theirs.
 */
export function withoutOverflow({ inbound, outbound }: ConnectionCounts, limits: ConnectionLimits): ConnectionCounts {
  const ordinary = Math.min(limits.inbound, Math.max(0, limits.total - Math.max(limits.minOutbound, outbound)))
  return { inbound: Math.min(inbound, ordinary), outbound }
}

/** Which limit was met, and where it stands. */
export interface LimitRefusal {
  reason: 'too-many-inbound' | 'too-many-outbound' | 'too-many-connections'
  limit: number
  /** Connections that the limit counts, at the time. */
  count: number
}

/**
 * Whether there is room for one more connection; undefined if there is. Ask it before the handshake and again after it: of
 * many that run at once, all have seen room when they began.
 */
export function checkLimits(
  direction: 'inbound' | 'outbound',
  counts: ConnectionCounts,
  limits: ConnectionLimits,
  options: { exempt?: boolean } = {}
): LimitRefusal | undefined {
  if (options.exempt === true) {
    return undefined
  }
  const count = counts[direction]
  if (count >= limits[direction]) {
    return { reason: `too-many-${direction}`, limit: limits[direction], count }
  }
  const total = counts.inbound + counts.outbound
  const reserved = direction === 'inbound' ? Math.max(0, limits.minOutbound - counts.outbound) : 0
  return total + reserved >= limits.total
    ? { reason: 'too-many-connections', limit: limits.total, count: total }
    : undefined
}
