import type { Multiaddr } from '@multiformats/multiaddr'
import { expandIp6, ipOf } from './source-group.js'

/**
 * From where an address can be reached.
 *
 * - `loopback`: from this host
 * - `private`: from the same private network (RFC 1918, RFC 6598, RFC 4193, IPv4 link-local, names of a LAN)
 * - `public`: from everywhere
 * - `onion`: through Tor
 * - `unusable`: from nowhere else, or nobody knows: unspecified, multicast, broadcast and reserved addresses, port 0,
 *   IPv6 link-local ones (their zone means nothing to anybody else), IPv4-mapped IPv6 (a way to write an address so that
 *   filters miss it), 6to4 and Teredo (tunnels that hide an IPv4 address), and whatever is no IP address and no name
 */
export type AddressScope = 'loopback' | 'private' | 'public' | 'onion' | 'unusable'

/** Which addresses are of use to whom: a scope of the one who is told, and the scopes of addresses that it may be told. */
const FITTING: Record<AddressScope, readonly AddressScope[]> = {
  loopback: ['loopback', 'private', 'public'],
  private: ['private', 'public'],
  public: ['public'],
  onion: ['onion'],
  unusable: ['public']
}

/** The scope of an address; a relayed address has its relay's. It never throws. */
export function addressScope(address: Multiaddr): AddressScope {
  const components = address.getComponents()
  if (components.some(({ name, value }) => (name === 'tcp' || name === 'udp') && value === '0')) {
    return 'unusable'
  }
  const [first, second] = components
  const host = first?.name === 'ip6zone' ? second : first
  const value = host?.value ?? ''
  switch (host?.name) {
    case 'ip4':
      return ip4Scope(value)
    case 'ip6':
      return ip6Scope(value)
    case 'dns':
    case 'dns4':
    case 'dns6':
    case 'dnsaddr':
      return nameScope(value)
    case 'onion':
    case 'onion3':
      return 'onion'
    case 'memory':
    case 'unix':
      return 'loopback'
    default:
      return 'unusable'
  }
}

/**
 * The scope of a peer, by the address it is connected from. Two addresses that nobody else could use say something here:
 * an IPv4-mapped one is its IPv4 address, as sockets for both protocols write it, and an IPv6 link-local one is a neighbour.
 */
export function observedScope(remote: Multiaddr): AddressScope {
  const found = ipOf(remote)
  if (found?.version === 4) {
    return ip4Scope(found.ip)
  }
  return found != null && /^fe[89ab]/i.test(found.ip) ? 'private' : addressScope(remote)
}

/**
 * Whether a peer that is connected from an address of scope `peer` may be told of an address of scope `address`, or be
 * believed when it tells of one: private addresses stay among private peers, loopback ones on the host.
 */
export function fitsScope(address: AddressScope, peer: AddressScope): boolean {
  return FITTING[peer].includes(address)
}

function ip4Scope(ip: string): AddressScope {
  const [a = 0, b = 0] = ip.split('.').map(Number)
  if (a === 0 || a >= 224) {
    return 'unusable'
  }
  if (a === 127) {
    return 'loopback'
  }
  const isPrivate =
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128)
  return isPrivate ? 'private' : 'public'
}

function ip6Scope(ip: string): AddressScope {
  if (ip.includes('.')) {
    return 'unusable' // written with an IPv4 address at the end: mapped, compatible or translated
  }
  const groups = expandIp6(ip).map((group) => Number.parseInt(group, 16))
  const [first = 0, second = 0] = groups
  if (groups.slice(0, 5).every((group) => group === 0)) {
    return groups.at(-1) === 1 && groups.slice(5, 7).every((group) => group === 0) ? 'loopback' : 'unusable'
  }
  if (first === 0x2002 || (first === 0x2001 && second === 0)) {
    return 'unusable' // 6to4, Teredo
  }
  if ((first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfec0) {
    return 'private' // unique local, and the site-local addresses before them
  }
  return (first & 0xff00) === 0xff00 || (first & 0xffc0) === 0xfe80 ? 'unusable' : 'public'
}

/** Top-level names that only mean something in one network (RFC 6762, RFC 8375, and what ICANN has set aside). */
const LAN_NAMES = ['local', 'lan', 'internal', 'home.arpa', 'intranet', 'corp', 'home']

function nameScope(name: string): AddressScope {
  const bare = name.toLowerCase().replace(/\.$/, '')
  if (bare === 'localhost' || bare.endsWith('.localhost')) {
    return 'loopback'
  }
  if (bare.endsWith('.onion')) {
    return 'onion'
  }
  return !bare.includes('.') || LAN_NAMES.some((suffix) => bare.endsWith(`.${suffix}`)) ? 'private' : 'public'
}
