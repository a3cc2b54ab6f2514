import type { AddressFacts, BookScope, DirectScope } from './address-facts.js'

/** The scopes that can be dialled without a relay. */
export const DIRECT_SCOPES: readonly DirectScope[] = ['public', 'private', 'loopback', 'onion', 'name']

/** Bits of the scopes of relays, above those of direct addresses. */
const RELAY_SHIFT = DIRECT_SCOPES.length

/** An address in a signed record that must not be handed on at all. */
export const UNSHAREABLE = 1 << (2 * RELAY_SHIFT)

/** Every address that can be dialled from somewhere. */
export const ANY_SCOPE = UNSHAREABLE - 1

/** Every mask there is. */
export const MAX_MASK = UNSHAREABLE | ANY_SCOPE

/** In the order of {@link DIRECT_SCOPES}. */
const BITS: Record<DirectScope, number> = { public: 1, private: 2, loopback: 4, onion: 8, name: 16 }

function bitOf(scope: DirectScope): number {
  return BITS[scope]
}

/** The bit of one address. */
export function scopeBit({ scope, reach }: Pick<AddressFacts, 'scope' | 'reach'>): number {
  return scope === 'relay' ? bitOf(reach) << RELAY_SHIFT : bitOf(reach)
}

/** Addresses that a node which reaches `scopes` can dial: a relayed one needs `relay` and the scope of its relay. */
export function dialMask(scopes: readonly BookScope[]): number {
  let direct = 0
  for (const scope of scopes) {
    direct |= scope === 'relay' ? 0 : bitOf(scope)
  }
  return scopes.includes('relay') ? direct | (direct << RELAY_SHIFT) : direct
}

/** Addresses that a peer of `scopes` may be told: public names go with public addresses, relayed ones with their relay. */
export function exchangeMask(scopes: readonly BookScope[]): number {
  let direct = 0
  for (const scope of scopes) {
    direct |= scope === 'relay' ? 0 : bitOf(scope)
    direct |= scope === 'public' ? bitOf('name') : 0
  }
  return direct | (direct << RELAY_SHIFT)
}

/** The scopes whose bit is set, relays counted as the scope of the relay. */
export function reachesOf(mask: number): readonly DirectScope[] {
  return REACHES[(mask | (mask >> RELAY_SHIFT)) & (DIRECT_BITS - 1)] ?? []
}

const DIRECT_BITS = 1 << DIRECT_SCOPES.length

const REACHES: readonly DirectScope[][] = Array.from({ length: DIRECT_BITS }, (_, mask) =>
  DIRECT_SCOPES.filter((scope) => (mask & bitOf(scope)) !== 0)
)
