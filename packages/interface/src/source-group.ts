import type { Multiaddr } from '@multiformats/multiaddr'
import { kindOfIp6, parseIp6 } from './ip.js'

/** The IP address in a multiaddr, without zone, and its version. */
export function ipOf(address: Multiaddr): { version: 4 | 6; ip: string } | undefined {
  for (const component of address.getComponents()) {
    if (component.value == null) {
      continue
    }
    if (component.name === 'ip4') {
      return { version: 4, ip: component.value }
    }
    if (component.name === 'ip6') {
      const mapped = mappedIp4(component.value)
      return mapped == null ? { version: 6, ip: component.value } : { version: 4, ip: mapped }
    }
  }
  return undefined
}

/**
 * Who counts as one source for rate limits: an IPv4 address, or an IPv6 /64, since anybody with one IPv6 address has
 * 2^64 of them. `loopback` stands for this host itself; anything without an IP address is one source together.
 */
export function sourceGroup(address: Multiaddr): string {
  const found = ipOf(address)
  if (found == null) {
    return 'other'
  }
  const { version, ip } = found
  if (version === 4) {
    return ip.startsWith('127.') ? 'loopback' : ip
  }
  const words = parseIp6(ip)
  if (words == null) {
    return 'other'
  }
  const subnet = words.slice(0, 4).map((word) => word.toString(16))
  return kindOfIp6(words) === 'loopback' ? 'loopback' : `${subnet.join(':')}::/64`
}

/** The IPv4 address in an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), in any way of writing it. */
function mappedIp4(ip: string): string | undefined {
  const words = parseIp6(ip)
  return words != null && kindOfIp6(words) === 'mapped'
    ? words
        .slice(6)
        .flatMap((word) => [word >> 8, word & 255])
        .join('.')
    : undefined
}
