import { examineAddress, type AddressFacts, type AddressRefusal } from './address-facts.js'
import { MAX_ADDRESSES, MAX_OFFERED } from './parameters.js'
import { scopeBit, UNSHAREABLE } from './scope-mask.js'
import type { Entry, StoredAddress } from './entry.js'
import type { Multiaddr } from '@multiformats/multiaddr'

/** An address that was not taken. */
export interface RefusedAddress {
  /** As offered, not made safe for a terminal. */
  address: string
  reason: AddressRefusal
}

/** What a candidate offers, examined. */
export interface Offer {
  addresses: StoredAddress[]
  refused: RefusedAddress[]
  /** The scopes of everything offered, for deciding whom its signed record may be shown. */
  scopes: number
}

/** Examines what a candidate offers: at most {@link MAX_OFFERED} addresses, each kept once. */
export function examineOffer(
  id: string,
  multiaddrs: readonly (Multiaddr | string)[],
  certified: boolean,
  isOwn: (endpoint: string) => boolean
): Offer {
  const offer: Offer = { addresses: [], refused: [], scopes: multiaddrs.length > MAX_OFFERED ? UNSHAREABLE : 0 }
  const count = Math.min(multiaddrs.length, MAX_OFFERED)
  for (let i = 0; i < count; i++) {
    const address = multiaddrs[i] as Multiaddr | string
    const facts = examineAddress(address, id)
    const reason = typeof facts === 'string' ? facts : isOwn(facts.endpoint) ? 'own-address' : undefined
    if (typeof facts === 'string' || reason != null) {
      offer.scopes |= UNSHAREABLE
      offer.refused.push({ address: String(address), reason: reason ?? 'malformed' })
    } else if (!offer.addresses.some(({ text }) => text === facts.text)) {
      const stored = storedAddress(facts, certified)
      offer.scopes |= stored.bit
      offer.addresses.push(stored)
    }
  }
  return offer
}

/** An address as entries hold it. */
export function storedAddress(facts: AddressFacts, certified: boolean): StoredAddress {
  const { text, scope, reach, group, host, endpoint } = facts
  const bit = scopeBit(facts)
  return host == null
    ? { text, scope, reach, group, certified, endpoint, bit }
    : { text, scope, reach, group, certified, endpoint, bit, host }
}

/** Direct public addresses first: when there are too many, those that more peers can reach are kept. */
const RANK = { public: 0, name: 1, private: 2, relay: 3, onion: 4, loopback: 5 } as const

/** At most {@link MAX_ADDRESSES}, the best; otherwise in the order in which they were offered. */
export function ranked(addresses: readonly StoredAddress[]): StoredAddress[] {
  if (addresses.length <= MAX_ADDRESSES) {
    return [...addresses]
  }
  return addresses.toSorted((a, b) => RANK[a.scope] - RANK[b.scope]).slice(0, MAX_ADDRESSES)
}

/**
 * The addresses of a known entry after a newer signed record: the record's, then what else was known as far as there is
 * room.
 */
export function certify(entry: Entry, addresses: readonly StoredAddress[]): StoredAddress[] {
  const kept = ranked(addresses)
  const told = kept.reduce((bits, { bit }) => bits | bit, 0)
  const others = entry.addresses.filter((old) => {
    const isSilentOn = old.certified && (old.bit & told) === 0
    return (!old.certified || isSilentOn) && !kept.some(({ text }) => text === old.text)
  })
  return [...kept, ...others.map((old) => (old.certified ? { ...old, certified: false } : old))].slice(0, MAX_ADDRESSES)
}

/**
 * The addresses of a known entry after somebody has named others without proof: they are added behind the known ones as
 * far as there is room. Only when the peer does not answer do they take the place of unproven ones, the oldest first:
 * otherwise anybody could push out the good ones.
 */
export function append(entry: Entry, addresses: readonly StoredAddress[], refused: RefusedAddress[]): StoredAddress[] {
  const merged = [...entry.addresses]
  for (const address of addresses) {
    if (merged.some(({ text }) => text === address.text)) {
      continue
    }
    if (merged.length >= MAX_ADDRESSES) {
      const isWorse = entry.failures > 0 && entry.table !== 'tried'
      const at = isWorse ? merged.findIndex(({ certified, text }) => !certified && text !== entry.proven) : -1
      if (at < 0) {
        refused.push({ address: address.text, reason: 'addresses-full' })
        continue
      }
      merged.splice(at, 1)
    }
    merged.push(address)
  }
  return merged
}
