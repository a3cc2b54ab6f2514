import { observedScope, sourceGroup } from '@penin/interface'
import { GROUP_BAN_IDS, GROUP_BAN_RATIO, GROUP_VETERANS } from './parameters.js'
import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * The IP group of an observed address: an IPv4 address or an IPv6 /64. Undefined where a ban of the group would hit others:
 * private and loopback addresses (a whole office, every process of this host), relayed connections (the address is the
 * relay's), and whatever has no IP address.
 */
export function bannableGroup(address: Multiaddr): string | undefined {
  if (observedScope(address) !== 'public' || address.getComponents().some(({ name }) => name === 'p2p-circuit')) {
    return undefined
  }
  const group = sourceGroup(address)
  return group === 'other' || group === 'loopback' ? undefined : group
}

/** What was seen of an IP group within a day. */
export interface GroupCount {
  /** Ids that were banned automatically. */
  banned: number
  /** Ids in order: not banned. */
  clean: number
  /** Of those, the ones without penalty that have been known for an hour. */
  veterans: number
}

/**
 * Whether an IP group is to be banned with its ids: 5 were banned within a day, three times as many as are in order, and
 * fewer than 3 veterans live there. Ids are free, so one bad program behind a NAT can get as many banned as it likes; the
 * veterans keep it from taking its neighbours along. (An attacker can keep three well-behaved ids for an hour to the same
 * end; each bad id is then banned by itself still, and the rate limit of its group bounds how many it brings.)
 */
export function isGroupToBan({ banned, clean, veterans }: GroupCount): boolean {
  return banned >= GROUP_BAN_IDS && banned >= GROUP_BAN_RATIO * clean && veterans < GROUP_VETERANS
}
