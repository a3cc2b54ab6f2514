import { randomInt, shuffled, type Rng } from '@penin/interface'
import { AddressBook } from '@penin/peer-store'
import { FakeClock } from '@penin/testing'
import { addressIn, groupName, GROUPS, idOf } from '../made-up-peers.js'

/** Peers in a book, half of them tried. */
const PEERS = 4000

/** A book in which everybody answers, and of which the attacker has a share. */
export class PlainBook {
  readonly #book: AddressBook
  readonly #attackers: ReadonlySet<string>

  /** @param share how much of the tried, and of the new, is the attacker's: any entry as likely as any other */
  constructor(share: number, rng: Rng) {
    const clock = new FakeClock()
    this.#book = new AddressBook({ selfId: idOf(0), secret: rng.bytes(16), clock, rng })
    for (let i = 1; i <= PEERS; i++) {
      const sourceGroup = groupName(randomInt(rng, GROUPS))
      this.#book.add({ id: idOf(i), multiaddrs: [addressIn(randomInt(rng, GROUPS), i)], source: 'pex', sourceGroup })
      if (i % 2 === 0) {
        this.#book.good(idOf(i))
      }
    }
    const entries = [...this.#book.entries()]
    const ofTable = (table: string): string[] => entries.flatMap((entry) => (entry.table === table ? [entry.id] : []))
    const taken = [ofTable('tried'), ofTable('new')].flatMap((ids) =>
      shuffled(rng, ids).slice(0, Math.round(share * ids.length))
    )
    this.#attackers = new Set(taken)
  }

  /** Whether all of `count` peers that are chosen after a restart are the attacker's. */
  isEclipsed(count: number): boolean {
    return this.#book.select({ count }).every(({ id }) => this.#attackers.has(id))
  }
}
