import type { PeerId } from '@libp2p/interface'
import { shuffled, type AddressScope, type Clock, type Rng } from '@penin/interface'
import { bytesInAnswer, MAX_PEX_BYTES, MAX_RECORDS } from './codec.js'
import type { PexSource, SharedRecord } from './contracts.js'
import type { Counters } from './counters.js'
import { addressesFor, readRecord, recordKey } from './signed-record.js'

/** An answer never has more than this share of the book, but {@link MIN_SHARED} always (Bitcoin Core: net.h, 23 %). */
const MAX_SHARE = 0.23

/** A small book may be told whole: the share would be nothing. */
const MIN_SHARED = 16

/**
 * Milliseconds for which peers of one scope get the same records: whoever asks under a thousand names still learns no
 * more than one answer (Bitcoin Core: net.cpp, GetAddresses, about a day).
 */
const KEPT_FOR = 24 * 3_600_000

/** The answer is made anew when this share of the book has changed: a network that grows must not be told of its past. */
const CHANGED_SHARE = 0.1

interface Kept {
  at: number
  /** {@link PexSource.changes} when it was made. */
  changes: number
  size: number
  records: Array<SharedRecord & { key: string }>
}

export interface AnswersInit {
  own: PeerId
  source: PexSource
  clock: Clock
  rng: Rng
  counters: Counters
}

/** What peers are told: one choice of records for each address scope, kept for a day. */
export class Answers {
  readonly #kept = new Map<AddressScope, Promise<Kept>>()

  constructor(private readonly init: AnswersInit) {}

  /** Records for a peer of that scope: never its own, never more than it wants. */
  async for(asker: PeerId, scope: AddressScope, want: number): Promise<Uint8Array[]> {
    const { source, rng } = this.init
    const kept = await this.#fresh(scope)
    const own = recordKey(asker)
    const told = kept.records.filter(({ id, key }) => key !== own && source.isShareable?.(id) !== false)
    // a choice of a choice: the peers that come first in one answer don't come first in all of them
    return shuffled(rng, told)
      .slice(0, Math.min(want, MAX_RECORDS))
      .map(({ envelope }) => envelope)
  }

  async #fresh(scope: AddressScope): Promise<Kept> {
    const pending = this.#kept.get(scope)
    const kept = await pending
    if (kept != null && !this.#isStale(kept)) {
      return kept
    }
    const newer = this.#kept.get(scope)
    if (newer != null && newer !== pending) {
      return newer // somebody else has been faster
    }
    const made = this.#make(scope)
    this.#kept.set(scope, made)
    made.catch(() => {
      if (this.#kept.get(scope) === made) {
        this.#kept.delete(scope)
      }
    })
    return made
  }

  #isStale({ at, changes, size }: Kept): boolean {
    const { clock, source } = this.init
    return clock.monotonic() - at >= KEPT_FOR || source.changes() - changes >= Math.max(1, size * CHANGED_SHARE)
  }

  async #make(scope: AddressScope): Promise<Kept> {
    const { own, source, clock, counters } = this.init
    const at = clock.monotonic()
    const changes = source.changes()
    const size = await source.bookSize()
    const max = Math.min(MAX_RECORDS, Math.max(MIN_SHARED, Math.floor(size * MAX_SHARE)))
    const sample = await source.sampleForExchange({ scope, max, exclude: [own] })
    const records = new Map<string, SharedRecord & { key: string }>()
    let bytes = 0
    for (const { id, envelope } of sample.slice(0, max)) {
      const key = this.#keyIfFit(id, envelope, scope)
      bytes += bytesInAnswer(envelope)
      if (key == null || records.has(key) || bytes > MAX_PEX_BYTES) {
        counters.stats.leftOut++
        continue
      }
      records.set(key, { id, envelope, key })
    }
    counters.stats.answersMade++
    return { at, changes, size, records: [...records.values()] }
  }

  /** The record's name, if it is what it should be; a source may have kept what a stranger or an older version wrote. */
  #keyIfFit(id: PeerId, envelope: Uint8Array, scope: AddressScope): string | undefined {
    try {
      const record = readRecord(envelope)
      const isFit =
        typeof record !== 'string' &&
        record.key === recordKey(id) &&
        !id.equals(this.init.own) &&
        typeof addressesFor(record, id, scope) !== 'string'
      return isFit ? record.key : undefined
    } catch {
      return undefined
    }
  }
}
