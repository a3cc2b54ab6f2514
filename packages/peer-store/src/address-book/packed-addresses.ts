import { plainHostEnd, plainIp4, plainPort } from './plain-ip4.js'
import { storedAddress } from './merge-addresses.js'
import type { StoredAddress } from './entry.js'

/**
 * The addresses of an entry that has only usual ones, all of one public host, as they were read: nearly all entries are
 * like that, and of few of them the addresses are ever looked at. They are taken apart when they are.
 */
export interface PackedAddresses {
  /** For each a tag, its length, and its text. */
  readonly text: string
  readonly count: number
  /** For each a bit. */
  certified: number
  readonly host: string
}

/** The tag of an address in a record: field 1, bytes. */
export const ADDRESS_TAG = 0x0a

/** Before each text. */
const HEADER = 2

/** Bits that tell the addresses of one host apart. */
const seen: number[] = []

/**
 * Looks at the addresses at the beginning of a record.
 *
 * @returns where they end, or 0 if they can't be packed: then nothing is said of them
 */
export function endOfPackable(bytes: Uint8Array, start: number, end: number, max: number): number {
  let at = start
  let hostLength = 0
  seen.length = 0
  while (at < end && bytes[at] === ADDRESS_TAG) {
    const from = at + HEADER
    const to = from + (bytes[at + 1] as number)
    const hostEnd = to > end ? 0 : plainHostEnd(bytes, from, to)
    const port = hostEnd === 0 ? 0 : plainPort(bytes, hostEnd, to)
    const length = hostEnd - from
    if (port === 0 || seen.includes(port) || seen.length >= max || (seen.length > 0 && length !== hostLength)) {
      return 0
    }
    for (let i = 0; seen.length > 0 && i < length; i++) {
      if (bytes[from + i] !== bytes[start + HEADER + i]) {
        return 0
      }
    }
    hostLength = length
    seen.push(port)
    at = to
  }
  return seen.length === 0 ? 0 : at
}

/** What {@link endOfPackable} has looked at last, as text. */
export function pack(text: string): PackedAddresses {
  const hostStart = HEADER + '/ip4/'.length
  const host = text.slice(hostStart, text.indexOf('/', hostStart))
  return { text, count: seen.length, certified: 0, host }
}

/** The texts of packed addresses. */
export function packedTexts({ text, count }: PackedAddresses): string[] {
  const texts: string[] = []
  for (let at = 0; texts.length < count;) {
    const end = at + HEADER + text.charCodeAt(at + 1)
    texts.push(text.slice(at + HEADER, end))
    at = end
  }
  return texts
}

/** Takes them apart. */
export function unpacked(packed: PackedAddresses): StoredAddress[] {
  return packedTexts(packed).flatMap((text, i) => {
    const facts = plainIp4(text)
    return facts == null ? [] : [storedAddress(facts, (packed.certified & (1 << i)) !== 0)]
  })
}

/** Whether a group is that of their host. */
export function isGroupOf(group: string, { host }: PackedAddresses): boolean {
  const end = host.indexOf('.', host.indexOf('.') + 1)
  return group.length === end && host.startsWith(group)
}
