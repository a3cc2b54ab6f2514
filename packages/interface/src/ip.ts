/**
 * What kind of address an IP address is, by IANA's special-purpose registries (RFC 6890 and successors).
 *
 * Two questions are answered from it, in different ways. *May it be stored, and told to others?* The address book asks
 * that, and stores `public`, `private` and `loopback` ones only: a `shared` address (behind a provider's NAT) or a
 * link-local IPv4 one means another host in the next network, even more than a private one does, and nobody is at a
 * `documentation` address. *How far does it reach?* `addressScope()` and `observedScope()` say that, also of a peer that
 * is connected, where `shared` and link-local IPv4 addresses are facts: they are `private`.
 */
export type IpKind =
  | 'public'
  | 'private'
  | 'loopback'
  | 'link-local'
  | 'site-local'
  | 'unspecified'
  | 'multicast'
  | 'broadcast'
  | 'shared'
  | 'documentation'
  | 'tunnel'
  | 'mapped'
  | 'reserved'

/** An IPv4 address as its four bytes; undefined unless written the one usual way, without leading zeros. */
export function parseIp4(text: string): number[] | undefined {
  if (text.length < 7 || text.length > 15) {
    return undefined
  }
  const bytes: number[] = []
  let value = -1
  for (let i = 0; i <= text.length; i++) {
    const digit = i === text.length ? DOT : text.charCodeAt(i)
    if (digit === DOT) {
      if (value < 0 || value > 255) {
        return undefined
      }
      bytes.push(value)
      value = -1
    } else if (digit < ZERO || digit > ZERO + 9 || value === 0) {
      return undefined
    } else {
      value = Math.max(0, value) * 10 + digit - ZERO
    }
  }
  return bytes.length === 4 ? bytes : undefined
}

const DOT = 46
const ZERO = 48

/** An IPv6 address as its eight 16-bit words; undefined if it is none. A zone is no part of it. */
export function parseIp6(text: string): number[] | undefined {
  if (text.length < 2 || text.length > 45) {
    return undefined
  }
  const halves = text.split('::')
  const [head = '', tail] = halves
  if (halves.length > 2) {
    return undefined
  }
  const front = wordsOf(head, tail === undefined)
  const back = tail === undefined ? [] : wordsOf(tail, true)
  if (front == null || back == null) {
    return undefined
  }
  const missing = 8 - front.length - back.length
  if (tail === undefined ? missing !== 0 : missing < 1) {
    return undefined
  }
  return [...front, ...Array<number>(missing).fill(0), ...back]
}

function wordsOf(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') {
    return []
  }
  const words: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    const bytes = isEnd && i === parts.length - 1 ? parseIp4(part) : undefined
    if (bytes != null) {
      const [a = 0, b = 0, c = 0, d = 0] = bytes
      words.push((a << 8) | b, (c << 8) | d)
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      words.push(Number.parseInt(part, 16))
    } else {
      return undefined
    }
  }
  return words
}

/** The one text for an IPv6 address: RFC 5952, lower case, the longest run of zeros shortened. */
export function formatIp6(words: readonly number[]): string {
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && words[end] === 0) {
      end++
    }
    if (end - i > length) {
      start = i
      length = end - i
    }
  }
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':')
  return start < 0 ? hex(words) : `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`
}

interface Range {
  /** Leading words (IPv6) or bytes (IPv4). */
  start: readonly number[]
  bits: number
  kind: IpKind
}

/** IANA's special-purpose registry for IPv4 (RFC 6890 and successors). The first match counts; the rest is public. */
const IP4_RANGES: readonly Range[] = [
  { start: [0], bits: 8, kind: 'unspecified' },
  { start: [10], bits: 8, kind: 'private' },
  { start: [100, 64], bits: 10, kind: 'shared' },
  { start: [127], bits: 8, kind: 'loopback' },
  { start: [169, 254], bits: 16, kind: 'link-local' },
  { start: [172, 16], bits: 12, kind: 'private' },
  { start: [192, 0, 0], bits: 24, kind: 'reserved' },
  { start: [192, 0, 2], bits: 24, kind: 'documentation' },
  { start: [192, 88, 99], bits: 24, kind: 'tunnel' },
  { start: [192, 168], bits: 16, kind: 'private' },
  { start: [198, 18], bits: 15, kind: 'reserved' },
  { start: [198, 51, 100], bits: 24, kind: 'documentation' },
  { start: [203, 0, 113], bits: 24, kind: 'documentation' },
  { start: [224], bits: 4, kind: 'multicast' },
  { start: [255, 255, 255, 255], bits: 32, kind: 'broadcast' },
  { start: [240], bits: 4, kind: 'reserved' }
]

/** The same for IPv6. The first match counts; only what IANA gives out (2000::/3) is public, the rest is reserved. */
const IP6_RANGES: readonly Range[] = [
  { start: [0, 0, 0, 0, 0, 0, 0, 0], bits: 128, kind: 'unspecified' },
  { start: [0, 0, 0, 0, 0, 0, 0, 1], bits: 128, kind: 'loopback' },
  { start: [0, 0, 0, 0, 0, 0xffff], bits: 96, kind: 'mapped' },
  { start: [0x0064, 0xff9b], bits: 32, kind: 'tunnel' },
  { start: [0x2001, 0], bits: 32, kind: 'tunnel' },
  { start: [0x2001, 0], bits: 23, kind: 'reserved' },
  { start: [0x2001, 0x0db8], bits: 32, kind: 'documentation' },
  { start: [0x2002], bits: 16, kind: 'tunnel' },
  { start: [0x3fff], bits: 20, kind: 'documentation' },
  { start: [0x2000], bits: 3, kind: 'public' },
  { start: [0xfc00], bits: 7, kind: 'private' },
  { start: [0xfe80], bits: 10, kind: 'link-local' },
  { start: [0xfec0], bits: 10, kind: 'site-local' },
  { start: [0xff00], bits: 8, kind: 'multicast' }
]

function isWithin(parts: readonly number[], { start, bits }: Omit<Range, 'kind'>, width: number): boolean {
  for (let i = 0, left = bits; left > 0; i++, left -= width) {
    const shift = Math.max(0, width - left)
    if ((parts[i] as number) >> shift !== (start[i] ?? 0) >> shift) {
      return false
    }
  }
  return true
}

/** For each first byte whether any of {@link IP4_RANGES} has addresses that begin with it. */
const IP4_SPECIAL = Array.from({ length: 256 }, (_, first) =>
  IP4_RANGES.some(({ start, bits }) => isWithin([first], { start, bits: Math.min(bits, 8) }, 8))
)

/** Whether every address that begins with this byte is public: nearly all are. */
export function isPublicIp4(first: number): boolean {
  return IP4_SPECIAL[first] === false
}

/** What kind of address four bytes are. */
export function kindOfIp4(bytes: readonly number[]): IpKind {
  return IP4_RANGES.find((range) => isWithin(bytes, range, 8))?.kind ?? 'public'
}

/** What kind of address eight 16-bit words are. */
export function kindOfIp6(words: readonly number[]): IpKind {
  return IP6_RANGES.find((range) => isWithin(words, range, 16))?.kind ?? 'reserved'
}
