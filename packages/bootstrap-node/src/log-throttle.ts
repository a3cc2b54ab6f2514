import type { Clock } from '@penin/interface'

/** Events that a stranger can cause as often as he likes. */
const THROTTLED: ReadonlySet<string> = new Set([
  'peer:discovered',
  'peer:updated',
  'peer:refused',
  'dial',
  'connection:refused',
  'connection:dead',
  'legacy:discovered',
  'legacy:lost'
])

/** Lines of one kind at once: the start of a node in a crowd is shown in full. */
const BURST = 200

/** Lines of one kind a second after that: 5 is more than anybody reads, and under 100 MB a day. */
const PER_SECOND = 5

interface Bucket {
  tokens: number
  at: number
  suppressed: number
}

/** Keeps strangers from filling the disk with log lines: one token bucket for each of a fixed set of events. */
export class LogThrottle {
  readonly #buckets = new Map<string, Bucket>()

  constructor(private readonly clock: Clock) {}

  /** Whether the line may be written, and how many of its kind were not since the last one that was. */
  take(event: string): { pass: boolean; suppressed: number } {
    if (!THROTTLED.has(event)) {
      return { pass: true, suppressed: 0 }
    }
    const at = this.clock.monotonic()
    const bucket = this.#buckets.get(event) ?? { tokens: BURST, at, suppressed: 0 }
    this.#buckets.set(event, bucket)
    bucket.tokens = Math.min(BURST, bucket.tokens + ((at - bucket.at) / 1000) * PER_SECOND)
    bucket.at = at
    if (bucket.tokens < 1) {
      bucket.suppressed++
      return { pass: false, suppressed: bucket.suppressed }
    }
    bucket.tokens--
    const { suppressed } = bucket
    bucket.suppressed = 0
    return { pass: true, suppressed }
  }
}
