import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { RateLimiter, type AddressScope, type Candidate, type Clock, type RateLimit } from '@penin/interface'
import type { PexSink } from './contracts.js'
import type { Counters, RecordDrop } from './counters.js'
import { PexMalformedError } from './errors.js'
import { INTAKE_LIMIT } from './limits.js'
import {
  addressesFor,
  peerOf,
  readRecord,
  recordKey,
  verifyRecord,
  type ReadRecord,
  type Unfit
} from './signed-record.js'

/** Who tells us: observed, not what it says of itself. */
export interface Teller {
  peer: PeerId
  scope: AddressScope
  observed: Multiaddr
  sourceGroup: string
}

export interface IntakeInit {
  own: PeerId
  sink: PexSink
  clock: Clock
  counters: Counters
  limit?: RateLimit
}

/** Whether the source group of an answer has told of as much as it may: then no further addresses are read. */
interface News {
  isOver: boolean
}

/** A record that is worth checking its signature. */
interface Promising {
  record: ReadRecord
  candidate: Omit<Candidate, 'record'>
}

/**
 * What is taken of that which peers tell, cheapest check first: signatures are only checked of records that would be
 * handed on if they were right, and of at most as many as one answer holds.
 */
export class Intake {
  readonly #news: RateLimiter
  readonly #ownKey: string | undefined

  constructor(private readonly init: IntakeInit) {
    this.#news = new RateLimiter(init.limit ?? INTAKE_LIMIT, init.clock)
    this.#ownKey = recordKey(init.own)
  }

  /** Source groups that are told apart. */
  get size(): number {
    return this.#news.size
  }

  /**
   * Takes an answer: all of it is in order, or nothing of it is used.
   *
   * @returns how many records went to the sink
   * @throws PexMalformedError for an answer with a record that is malformed, forged, or the second of its peer
   */
  async takeAnswer(records: readonly Uint8Array[], teller: Teller, signal?: AbortSignal): Promise<number> {
    const read = records.map(readRecord)
    refuseRepeated(read)
    const dropped: RecordDrop[] = []
    const promising: Promising[] = []
    const news: News = { isOver: false }
    for (const record of read) {
      const judged = typeof record === 'string' ? record : this.#judge(record, teller, news)
      if (typeof judged === 'string') {
        dropped.push(judged)
      } else {
        promising.push(judged)
      }
    }
    const candidates = await this.#verify(promising, signal)
    this.init.counters.stats.received += records.length
    this.#deliver(candidates, dropped)
    return candidates.length
  }

  /**
   * Takes an asker's own record.
   *
   * @throws PexMalformedError for a record that is malformed, forged, or about somebody else
   */
  async takeOwn(bytes: Uint8Array, teller: Teller, signal?: AbortSignal): Promise<void> {
    const record = readRecord(bytes)
    if (typeof record !== 'string' && record.key !== recordKey(teller.peer)) {
      throw new PexMalformedError('forged', 'an asker’s record that is somebody else’s')
    }
    const judged = typeof record === 'string' ? record : this.#judge(record, teller)
    if (typeof judged === 'string') {
      this.#deliver([], [judged])
    } else {
      this.#deliver(await this.#verify([judged], signal), [])
    }
  }

  #judge(
    record: ReadRecord,
    { scope, sourceGroup, observed }: Teller,
    news: News = { isOver: false }
  ): Promising | RecordDrop {
    if (record.key === this.#ownKey) {
      return 'own'
    }
    const known = this.init.sink.knownSeq?.(record.key)
    if (known != null && record.seq < known) {
      return 'old'
    }
    // A record that is known already is no news: it only says that one more source knows of the peer.
    const isNews = record.seq !== known
    if (isNews && news.isOver) {
      return 'rate-limited'
    }
    const id = peerOf(record)
    const multiaddrs = addressesFor(record, id, scope)
    if (typeof multiaddrs === 'string') {
      return multiaddrs
    }
    if (isNews && !this.#news.take(sourceGroup)) {
      news.isOver = true
      return 'rate-limited'
    }
    return { record, candidate: { id, multiaddrs, source: 'pex', observed } }
  }

  async #verify(promising: readonly Promising[], signal?: AbortSignal): Promise<Candidate[]> {
    const candidates: Candidate[] = []
    for (const { record, candidate } of promising) {
      signal?.throwIfAborted()
      const envelope = await verifyRecord(record, signal == null ? {} : { signal })
      candidates.push({ ...candidate, record: { envelope, seq: record.seq } })
    }
    return candidates
  }

  #deliver(candidates: readonly Candidate[], dropped: readonly RecordDrop[]): void {
    const { sink, counters } = this.init
    for (const reason of dropped) {
      counters.stats.dropped[reason]++
    }
    for (const candidate of candidates) {
      counters.stats.taken++
      sink.addCandidate(candidate)
    }
  }
}

/** @throws PexMalformedError */
function refuseRepeated(records: readonly (ReadRecord | Unfit)[]): void {
  const peers = new Set<string>()
  let count = 0
  for (const record of records) {
    if (typeof record !== 'string') {
      peers.add(record.key)
      count++
    }
  }
  if (peers.size < count) {
    throw new PexMalformedError('repeated', 'two records of one peer')
  }
}
