/** Buckets of the round trips: 8 to each doubling, from 1 µs to about 4 days. */
const RTT_BUCKETS = 8 * 38

/** Round-trip times in bounded memory, to within about 9 %. */
export class RttHistogram {
  readonly #counts = new Uint32Array(RTT_BUCKETS)
  #total = 0

  add(ms: number): void {
    const bucket = Math.floor(Math.log2(Math.max(ms * 1000, 1)) * 8)
    this.#counts[Math.min(bucket, RTT_BUCKETS - 1)]! += 1
    this.#total++
  }

  /** Milliseconds that the given share of round trips did not exceed; undefined without any. */
  quantile(share: number): number | undefined {
    if (this.#total === 0) {
      return undefined
    }
    let left = Math.ceil(share * this.#total)
    for (let bucket = 0; bucket < RTT_BUCKETS; bucket++) {
      left -= this.#counts[bucket] as number
      if (left <= 0) {
        return Math.round(2 ** ((bucket + 1) / 8)) / 1000
      }
    }
    return undefined
  }
}

/** What happened with the messages of one peer, or of all, since the service was made. */
export interface MessageCounts {
  /** Messages that their receiver's handler took. */
  delivered: number
  /** Messages written to a stream for the first time. */
  sent: number
  /** Their bytes, before compression. */
  sentBytes: number
  /** Bytes written to streams: frames, acknowledgements and everything sent again. */
  wireBytesOut: number
  /** Messages that came for the first time. */
  received: number
  /** Their bytes, before compression. */
  receivedBytes: number
  /** Bytes read from streams. */
  wireBytesIn: number
  /** Messages that our handlers took. */
  taken: number
  /** Messages that came again, and were not handed over again. */
  duplicates: number
  /** Messages written once more after the loss of a stream. */
  retried: number
  /** Messages whose time was over before they were taken. */
  expired: number
  /** Messages that receivers refused. */
  refused: number
  /** Messages that we refused, by reason. */
  refusals: Record<string, number>
  /** Messages that failed for any other reason: no room, aborted, stopped, unsupported. */
  failed: number
  /** Bytes of the messages that were sent compressed, before … */
  compressedFrom: number
  /** … and after. */
  compressedTo: number
  /** Records of taken durable messages that could not be written. */
  storeErrors: number
  /** Streams opened to peers. */
  streams: number
}

/** {@link MessageCounts} and what is derived from them. */
export interface MessageStats extends MessageCounts {
  /** Messages that wait for a stream, or on it for its window. */
  queued: number
  /** Messages that have been sent and not acknowledged. */
  inFlight: number
  /** Bytes that queued and unacknowledged messages cost. */
  outboxBytes: number
  /** Bytes after compression for each byte before, of what was compressed; undefined if nothing was. */
  compressionRatio: number | undefined
  /** Milliseconds from the write of a message to its acknowledgement, its handler's time included. */
  rtt: { p50: number | undefined; p99: number | undefined }
}

/** Counters with all zeros. */
export function noCounts(): MessageCounts {
  return {
    delivered: 0,
    sent: 0,
    sentBytes: 0,
    wireBytesOut: 0,
    received: 0,
    receivedBytes: 0,
    wireBytesIn: 0,
    taken: 0,
    duplicates: 0,
    retried: 0,
    expired: 0,
    refused: 0,
    refusals: {},
    failed: 0,
    compressedFrom: 0,
    compressedTo: 0,
    storeErrors: 0,
    streams: 0
  }
}

/** The counters of one peer, which count in total, too. */
export class Statistics {
  readonly counts = noCounts()
  readonly rtt = new RttHistogram()

  constructor(private readonly total?: Statistics) {}

  add(name: Exclude<keyof MessageCounts, 'refusals'>, by = 1): void {
    this.counts[name] += by
    if (this.total !== undefined) {
      this.total.counts[name] += by
    }
  }

  addRefusal(reason: string): void {
    this.counts.refusals[reason] = (this.counts.refusals[reason] ?? 0) + 1
    this.total?.addRefusal(reason)
  }

  addRtt(ms: number): void {
    this.rtt.add(ms)
    this.total?.rtt.add(ms)
  }

  snapshot(outbox: { queued: number; inFlight: number; outboxBytes: number }): MessageStats {
    const { counts, rtt } = this
    return {
      ...counts,
      refusals: { ...counts.refusals },
      ...outbox,
      compressionRatio: counts.compressedFrom === 0 ? undefined : counts.compressedTo / counts.compressedFrom,
      rtt: { p50: rtt.quantile(0.5), p99: rtt.quantile(0.99) }
    }
  }
}
