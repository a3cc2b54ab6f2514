import { addressIn, groupName, idOf } from '../made-up-peers.js'
import { AddressBook, type BookCandidate, type ExchangeEntry } from '@penin/peer-store'
import type { Clock, Rng } from '@penin/interface'

/** The answer to exchanges is made anew when this share of the book is news, as in `@penin/pex`. */
const CHANGED_SHARE = 0.1

/** Stands for a signed record; nobody checks signatures here. */
const RECORD = Uint8Array.of(1)

/** What a simulated node has. */
export interface PeninNodeInit {
  index: number
  /** The number of its /16. */
  group: number
  clock: Clock
  rng: Rng
  bookSize: number
}

/** A node with a real address book, and links instead of connections. */
export class PeninNode {
  readonly index: number
  readonly id: string
  readonly address: string
  readonly group: string
  readonly book: AddressBook
  /** Numbers of the nodes this one has dialled. */
  readonly outbound = new Set<number>()
  /** Numbers of the nodes that have dialled this one. */
  readonly inbound = new Set<number>()
  /** Until which round a peer is not dialled, by id. */
  readonly backoff = new Map<string, number>()
  /** When each peer was asked last, in rounds. */
  readonly asked = new Map<number, number>()
  /** It is off until this round. */
  upAt = 0
  /** The round of its next question. */
  asksAt = 0
  #news = 0
  #answer: { news: number; entries: ExchangeEntry[] } | undefined

  constructor({ index, group, clock, rng, bookSize }: PeninNodeInit) {
    this.index = index
    this.id = idOf(index)
    this.group = groupName(group)
    this.address = addressIn(group, index)
    const secret = rng.bytes(16)
    this.book = new AddressBook({ selfId: this.id, secret, clock, rng, maxSize: bookSize })
  }

  /** Hears of a peer. */
  learn(candidate: BookCandidate): void {
    this.#news += this.book.add(candidate).status === 'added' ? 1 : 0
  }

  /** Its own record, as others hear of it. */
  record(from: string): BookCandidate {
    return {
      id: this.id,
      multiaddrs: [this.address],
      source: 'pex',
      sourceGroup: from,
      record: { seq: 1n, certified: true, bytes: RECORD }
    }
  }

  /** Asks another node for peers, and tells it of itself. */
  ask(other: PeninNode): void {
    for (const { id, addresses, seq, record } of other.answer()) {
      if (id !== this.id) {
        const candidate = { id, multiaddrs: addresses, record: { seq, certified: true, bytes: record } }
        this.learn({ ...candidate, source: 'pex', sourceGroup: other.group })
      }
    }
    other.learn(this.record(this.group))
  }

  /** What it tells whoever asks: the same choice until a tenth of the book is news. */
  answer(): ExchangeEntry[] {
    const { size } = this.book
    if (this.#answer == null || this.#news - this.#answer.news >= Math.max(1, size * CHANGED_SHARE)) {
      this.#answer = { news: this.#news, entries: this.book.sampleForExchange({ scope: 'public' }) }
    }
    return this.#answer.entries
  }
}
