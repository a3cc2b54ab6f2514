import { createHash } from 'node:crypto'
import { AddressBook, openAddressBook, openStore, type BookCandidate } from '@penin/peer-store'
import { median } from '../statistics.js'

const SELF = '12D3KooWHJyHZFrc7YLUHT4NJgW3LF4y2RPaAPiUnWqrKrnPN91w'

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** Tried places that are filled, of 4,096: more would take long to find. */
const TRIED = 3_700

/** The signed record of a peer with two addresses has so many bytes. */
const RECORD_BYTES = 230

/** Operations timed together: one alone is too short for the clock. */
const AT_ONCE = 100

const TIMES = 200

/** The n-th peer: of 20,000 groups, named by one of as many, with a signed record as nearly all have. */
function candidate(n: number): BookCandidate {
  const hash = createHash('sha512').update(String(n)).digest()
  const byte = (i: number): number => hash[i] ?? 0
  const id = Array.from({ length: 44 }, (_, i) => BASE58[byte(i) % 58]).join('')
  const ip = `${11 + (byte(60) % 80)}.${byte(61)}.${byte(62)}.${1 + (byte(63) % 254)}`
  return {
    id: `12D3KooW${id}`,
    multiaddrs: [`/ip4/${ip}/tcp/4001`, `/ip4/${ip}/udp/4001/quic-v1`],
    source: 'pex',
    sourceGroup: `${11 + (byte(58) % 80)}.${byte(59)}`,
    record: { seq: 1_800_000_000_000n, certified: true, bytes: new Uint8Array(RECORD_BYTES).fill(n & 255) }
  }
}

/** Names peers to a book until it holds so many; a part of them has been reached. Says how many were named. */
function fill(book: AddressBook, entries: number): number {
  let n = 0
  let tried = 0
  for (; book.size < entries; n++) {
    const peer = candidate(n)
    book.add(peer)
    if (tried < TRIED && n % 2 === 0) tried += book.good(peer.id).status === 'tried' ? 1 : 0
  }
  return n
}

/** Half of the peers that are named are known, half are new; most of those find their place taken. */
export function workWithBook(entries: number): { add: number; pick: number } {
  const book = new AddressBook({ selfId: SELF, secret: new Uint8Array(16).fill(7) })
  const next = fill(book, entries)
  const named = Array.from({ length: AT_ONCE * TIMES }, (_, i) => candidate(i % 2 === 0 ? i : next + i))
  const add = timed((i) => void book.add(named[i] as BookCandidate))
  const pick = timed(() => void book.select())
  return { add, pick }
}

/** Microseconds for one operation: the median of {@link TIMES} times {@link AT_ONCE}. */
function timed(operate: (i: number) => void): number {
  const times = Array.from({ length: TIMES }, (_, round) => {
    const from = performance.now()
    for (let i = 0; i < AT_ONCE; i++) operate(round * AT_ONCE + i)
    return ((performance.now() - from) * 1000) / AT_ONCE
  })
  return median(times)
}

export async function writeBook(dataDir: string, entries: number): Promise<void> {
  await using store = await openStore({ dataDir })
  await using stored = await openAddressBook({ datastore: store.datastore, selfId: SELF })
  fill(stored.book, entries)
}

export async function openBook(dataDir: string): Promise<{ ms: number; entries: number }> {
  await using store = await openStore({ dataDir })
  const from = performance.now()
  await using stored = await openAddressBook({ datastore: store.datastore, selfId: SELF })
  return { ms: performance.now() - from, entries: stored.book.size }
}
