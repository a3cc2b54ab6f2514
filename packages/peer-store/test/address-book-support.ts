import { FakeClock, seededRng } from '@penin/testing'
import { AddressBook } from '../src/index.js'
import type { AddressBookInit, BookCandidate } from '../src/index.js'

export const SELF = '12D3KooWHJyHZFrc7YLUHT4NJgW3LF4y2RPaAPiUnWqrKrnPN91w'
export const SECRET = Uint8Array.from({ length: 16 }, (_, i) => i * 7)
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

const DIGITS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** The n-th id: text like a peer id's, without a key behind it. */
export function idOf(n: number): string {
  let tail = ''
  for (let rest = n; tail.length < 8; rest = Math.floor(rest / 58)) {
    tail = `${DIGITS[rest % 58] ?? ''}${tail}`
  }
  return `12D3KooW${'x'.repeat(36)}${tail}`
}

/** The n-th public IPv4 address; neighbours are in different /16. */
export function ipOf(n: number): string {
  return `${11 + (n % 80)}.${Math.floor(n / 80) % 256}.${Math.floor(n / 20_480) % 256}.${1 + (Math.floor(n / 5_242_880) % 254)}`
}

/** A book with a clock that stands still and randomness that repeats. */
export function makeBook(init: Partial<AddressBookInit> = {}, seed = 1): { book: AddressBook; clock: FakeClock } {
  const clock = new FakeClock()
  const book = new AddressBook({ selfId: SELF, secret: SECRET, clock, rng: seededRng(seed), ...init })
  return { book, clock }
}

/** The n-th peer at its own public address, named by a source group of its own unless told otherwise. */
export function candidate(n: number, more: Partial<BookCandidate> = {}): BookCandidate {
  return {
    id: idOf(n),
    multiaddrs: [`/ip4/${ipOf(n)}/tcp/4001`],
    source: 'pex',
    sourceGroup: `${n % 251}.1`,
    ...more
  }
}

/** A candidate with a signed record. */
export function signed(n: number, seq: bigint, more: Partial<BookCandidate> = {}): BookCandidate {
  return candidate(n, { record: { seq, certified: true, bytes: Uint8Array.of(1, 2, 3, n & 255) }, ...more })
}
