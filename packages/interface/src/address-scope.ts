import type { Multiaddr } from '@multiformats/multiaddr'
import { kindOfIp4, kindOfIp6, parseIp4, parseIp6, type IpKind } from './ip.js'
import { ipOf } from './source-group.js'

/**
 * From where an address can be reached.
 *
 * - `loopback`: from this host
 * - `private`: from the same private network (RFC 1918, RFC 6598, RFC 4193 and the site-local addresses before them, IPv4
 *   link-local, names of a LAN)
 * - `public`: from everywhere; documentation addresses count as well, for nobody is there to be harmed
 * - `onion`: through Tor
 * - `unusable`: from nowhere else, or nobody knows: unspecified, multicast, broadcast and reserved addresses, port 0,
 *   IPv6 link-local ones (their zone means nothing to anybody else), IPv4-mapped IPv6 (a way to write an address so that
 *   filters miss it), 6to4, Teredo and NAT64 (which hide an IPv4 address), and whatever is no IP address and no name
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

/** The scope of each kind of IP address; only link-local ones differ between the versions. */
const SCOPES: Record<Exclude<IpKind, 'link-local'>, Exclude<AddressScope, 'onion'>> = {
  public: 'public',
  documentation: 'public',
  private: 'private',
  shared: 'private',
  'site-local': 'private',
  loopback: 'loopback',
  unspecified: 'unusable',
  multicast: 'unusable',
  broadcast: 'unusable',
  tunnel: 'unusable',
  mapped: 'unusable',
  reserved: 'unusable'
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
    case 'ip6':
      return ipScope(value)
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
    return ipScope(found.ip)
  }
  const words = found == null ? undefined : parseIp6(found.ip)
  return words != null && kindOfIp6(words) === 'link-local' ? 'private' : addressScope(remote)
}

/**
 * Whether a peer that is connected from an address of scope `peer` may be told of an address of scope `address`, or be
 * believed when it tells of one: private addresses stay among private peers, loopback ones on the host.
 */
export function fitsScope(address: AddressScope, peer: AddressScope): boolean {
  return FITTING[peer].includes(address)
}

/** The scope of an IP address as text, without a zone: `unusable` if it is none. It never throws. */
export function ipScope(ip: string): Exclude<AddressScope, 'onion'> {
  const bytes = parseIp4(ip)
  if (bytes != null) {
    const kind = kindOfIp4(bytes)
    return kind === 'link-local' ? 'private' : SCOPES[kind]
  }
  const words = parseIp6(ip)
  const kind = words == null ? 'reserved' : kindOfIp6(words)
  return kind === 'link-local' ? 'unusable' : SCOPES[kind]
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
