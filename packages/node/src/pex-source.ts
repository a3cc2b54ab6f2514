import type { PeerId } from '@libp2p/interface'
import { asPeerId, type PeerKeeper } from '@penin/connection-manager'
import { fitsScope, type AddressScope } from '@penin/interface'
import type { AddressBook, BookEntry, BookScope } from '@penin/peer-store'
import type { PexSource, SampleOptions, SharedRecord } from '@penin/pex'

/** The scopes that an address is told in, which the book calls by the same names. */
const TOLD = ['loopback', 'private', 'public', 'onion'] as const satisfies ReadonlyArray<AddressScope & BookScope>

/**
 * Of whom others are told: peers of this network that are connected now, or that this node has once dialled with success.
 * What it only heard of is not passed on: hearsay of hearsay is how address books fill with junk.
 */
export class BookRecords implements PexSource {
  #changes = 0

  constructor(
    private readonly book: AddressBook,
    private readonly keeper: Pick<PeerKeeper, 'isAccepted'>
  ) {}

  /** A peer has come, gone or changed its record. */
  noteChange(): void {
    this.#changes++
  }

  changes(): number {
    return this.#changes
  }

  bookSize(): number {
    return this.book.size
  }

  isShareable(id: PeerId): boolean {
    const entry = this.book.get(id)
    return entry != null && entry.bannedUntil == null && entry.marks.private !== true && this.#isProven(entry)
  }

  sampleForExchange({ scope, max, exclude }: SampleOptions): SharedRecord[] {
    const sample = this.book.sampleForExchange({
      scope: TOLD.filter((address) => fitsScope(address, scope)),
      max,
      exclude: new Set(exclude.map(String)),
      isWanted: (entry) => this.#isProven(entry)
    })
    return sample.flatMap(({ id: text, record }) => {
      const id = asPeerId(text)
      return id == null ? [] : [{ id, envelope: record }]
    })
  }

  #isProven({ id, table }: Pick<BookEntry, 'id' | 'table'>): boolean {
    return table === 'tried' || this.keeper.isAccepted(id)
  }
}
