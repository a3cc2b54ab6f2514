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

/** `/ip4/`, `/tcp/`, `/udp/` and `/quic-v1` as bytes. */
const IP4 = Buffer.from('/ip4/')
const TCP = Buffer.from('/tcp/')
const UDP = Buffer.from('/udp/')
const QUIC = Buffer.from('/quic-v1')

/** The host part of {@link plainIp4}, read from bytes: where it ends, 0 if it is no such address. */
export function plainHostEnd(bytes: Uint8Array, start: number, end: number): number {
  if (!isAt(bytes, start, IP4)) {
    return 0
  }
  let at = start + START
  for (let i = 0; i < 4; i++) {
    const from = at
    let value = 0
    for (; at < end && isDigit(bytes[at] as number); at++) {
      value = value * 10 + (bytes[at] as number) - ZERO
    }
    const isNumber = at > from && at <= from + 3 && value <= 255 && (bytes[from] !== ZERO || at === from + 1)
    if (!isNumber || at >= end || bytes[at] !== (i === 3 ? SLASH : DOT) || (i === 0 && !isPublicIp4(value))) {
      return 0
    }
    at++
  }
  return at - 1
}

/** What follows it: a number that tells transport and port, 0 if it is no such address. */
export function plainPort(bytes: Uint8Array, start: number, end: number): number {
  const isTcp = isAt(bytes, start, TCP)
  if (!isTcp && !isAt(bytes, start, UDP)) {
    return 0
  }
  const from = start + TCP.byteLength
  let at = from
  let port = 0
  for (; at < end && at < from + 6 && isDigit(bytes[at] as number); at++) {
    port = port * 10 + (bytes[at] as number) - ZERO
  }
  const isEnd = isTcp ? at === end : at + QUIC.byteLength === end && isAt(bytes, at, QUIC)
  return isEnd && bytes[from] !== ZERO && port >= 1 && port <= 65_535 ? port * 2 + (isTcp ? 1 : 0) : 0
}

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= ZERO + 9

function isAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.byteLength; i++) {
    if (bytes[at + i] !== expected[i]) {
      return false
    }
  }
  return true
}
