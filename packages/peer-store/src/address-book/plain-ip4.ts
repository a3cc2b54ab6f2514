import { isPublicIp4 } from '@penin/interface'
import type { AddressFacts } from './address-facts.js'

const ZERO = 48
const DOT = 46
const SLASH = 47

/** Behind `/ip4/`. */
const START = 5

/** Protocols with a port, as they stand between address and port, and what may follow the port. */
const TRANSPORTS = { '/tcp/': '', '/udp/': '/quic-v1' } as const

/**
 * The usual address, `/ip4/<public>/tcp/<port>` or `/ip4/<public>/udp/<port>/quic-v1`, read in one pass and without
 * taking it apart: undefined for any other, and for any that is malformed.
 */
export function plainIp4(text: string): AddressFacts | undefined {
  if (!text.startsWith('/ip4/')) {
    return undefined
  }
  let at = START
  let groupEnd = 0
  for (let i = 0; i < 4; i++) {
    const end = endOfNumber(text, at, 255)
    if (end === 0 || text.charCodeAt(end) !== (i === 3 ? SLASH : DOT)) {
      return undefined
    }
    if (i === 0 && !isPublicIp4(Number(text.slice(at, end)))) {
      return undefined
    }
    groupEnd = i === 1 ? end : groupEnd
    at = end + 1
  }
  const hostEnd = at - 1
  const port = hostEnd + '/tcp/'.length
  const above = TRANSPORTS[text.slice(hostEnd, port) as keyof typeof TRANSPORTS] as string | undefined
  const end = above == null ? 0 : endOfNumber(text, port, 65_535)
  if (end === 0 || text.charCodeAt(port) === ZERO || text.length !== end + (above ?? '').length) {
    return undefined
  }
  if (above !== '' && !text.endsWith(above ?? '')) {
    return undefined
  }
  return {
    text,
    scope: 'public',
    reach: 'public',
    group: text.slice(START, groupEnd),
    host: text.slice(START, hostEnd),
    endpoint: above === '' ? text : text.slice(0, end)
  }
}

/** Where the decimal number at `at` ends; 0 if there is none, it is too large or has leading zeros. */
function endOfNumber(text: string, at: number, max: number): number {
  let value = 0
  let end = at
  for (; end < text.length; end++) {
    const digit = text.charCodeAt(end) - ZERO
    if (digit < 0 || digit > 9) {
      break
    }
    if ((end > at && value === 0) || value > max) {
      return 0
    }
    value = value * 10 + digit
  }
  return end === at || value > max ? 0 : end
}
