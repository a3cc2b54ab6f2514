import { createHmac } from 'node:crypto'
import type { Multiaddr } from '@multiformats/multiaddr'
import { ipOf, observedScope, sourceGroup, type AddressScope } from '@penin/interface'

/** From where a peer is reached: by the address of its connection, or by the one that is to be dialled. */
export type PeerScope = AddressScope | 'relay' | 'name'

/**
 * Whether connections of this scope are counted by group at all. A home or an office has one private network, and a test
 * of ten nodes one loopback address; and nobody on the internet can come from either.
 */
export function isGrouped(scope: PeerScope): boolean {
  return scope !== 'private' && scope !== 'loopback'
}

/**
 * Who counts as one for outbound connections and for eviction: the /16 of a public IPv4 address, the /32 of a public IPv6
 * address, a private host, all of loopback, all onion addresses. What is a provider's or a university's network can't be
 * had in numbers as cheaply as single addresses can.
 *
 * Take it of the *observed* address of a connection. For public addresses it is written as in the address book.
 */
export function netGroup(address: Multiaddr): string {
  const scope = observedScope(address)
  if (scope === 'onion') {
    return 'onion'
  }
  return scope === 'private' ? (ipOf(address)?.ip ?? 'other') : shortened(sourceGroup(address), 2, 2)
}

/**
 * Who counts as one for inbound connections: the /24 of a public IPv4 address, the /48 of a public IPv6 address, which is
 * what a customer of a provider gets; for a relayed connection the relay's. Undefined for private and loopback ones.
 */
export function inboundSubnet(address: Multiaddr): string | undefined {
  const scope = observedScope(address)
  if (!isGrouped(scope)) {
    return undefined
  }
  return scope === 'onion' ? 'onion' : shortened(sourceGroup(address), 3, 3)
}

/** A source group is an IPv4 address, the first four groups of an IPv6 address, or a word. */
function shortened(source: string, octets: number, words: number): string {
  return source.includes(':')
    ? source.split(':').slice(0, words).join(':')
    : source.split('.').slice(0, octets).join('.')
}

/**
 * A group's rank under a secret: whoever doesn't know the secret can't tell which groups stand first.
 *
 * Compute it once for a connection.
 *
 * @param secret at least 16 random bytes, the same for the life of the process
 */
export function keyedGroup(secret: Uint8Array, group: string): number {
  return createHmac('sha256', secret).update(group).digest().readUIntBE(0, 6)
}
