import type { Multiaddr } from '@multiformats/multiaddr'

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
  if (ip === '::1') {
    return 'loopback'
  }
  return `${expandIp6(ip).slice(0, 4).join(':')}::/64`
}

/** The IPv4 address in an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), in either way of writing it. */
function mappedIp4(ip: string): string | undefined {
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)
  if (dotted != null) {
    return dotted[1]
  }
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(ip) ?? []
  if (high == null || low == null) {
    return undefined
  }
  return [high, low].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]).join('.')
}

/** The eight 16-bit groups of an IPv6 address, as hexadecimal without leading zeros. */
export function expandIp6(ip: string): string[] {
  const [head = '', tail] = ip.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail == null || tail === '' ? [] : tail.split(':')
  const zeros = tail == null ? 0 : Math.max(0, 8 - front.length - back.length)
  return [...front, ...Array<string>(zeros).fill('0'), ...back].map((group) => Number.parseInt(group, 16).toString(16))
}
