import type { Clock, Timer } from '@penin/interface'

/** A limit of bytes and messages; what is absent is not limited. */
export interface Bandwidth {
  bytesPerSecond?: number
  messagesPerSecond?: number
  /** Seconds' worth that may go at once. @default 1 */
  burstSeconds?: number
}

/** Limits each way; by the peer and for all of them together. The predecessors' was `{ bytesPerSecond: 1_048_576 }`. */
export interface BandwidthLimit {
  perPeer?: Bandwidth
  total?: Bandwidth
}

/** A token bucket that may be overdrawn by its last customer, so that a message larger than the bucket gets through. */
class Bucket {
  #tokens: number
  #at: number

  constructor(
    private readonly perSecond: number,
    private readonly size: number,
    private readonly clock: Clock
  ) {
    this.#tokens = size
    this.#at = clock.monotonic()
  }

  take(n: number): void {
    this.#refill()
    this.#tokens -= n
  }

  /** Milliseconds until something may be taken; 0 for now. */
  delay(): number {
    this.#refill()
    return this.#tokens > 0 ? 0 : Math.ceil((1000 * -this.#tokens) / this.perSecond) + 1
  }

  #refill(): void {
    const at = this.clock.monotonic()
    this.#tokens = Math.min(this.size, this.#tokens + (Math.max(0, at - this.#at) / 1000) * this.perSecond)
    this.#at = at
  }
}

/** The buckets of one {@link Bandwidth}; one peer's with the total's behind it. */
export class Meter {
  readonly #bytes: Bucket | undefined
  readonly #messages: Bucket | undefined

  constructor(
    limit: Bandwidth | undefined,
    clock: Clock,
    private readonly total?: Meter
  ) {
    const { bytesPerSecond, messagesPerSecond, burstSeconds = 1 } = limit ?? {}
    const bucket = (perSecond: number | undefined): Bucket | undefined =>
      perSecond == null ? undefined : new Bucket(perSecond, perSecond * burstSeconds, clock)
    this.#bytes = bucket(bytesPerSecond)
    this.#messages = bucket(messagesPerSecond)
  }

  get isLimited(): boolean {
    return this.#bytes !== undefined || this.#messages !== undefined || this.total?.isLimited === true
  }

  take(bytes: number, messages: number): void {
    this.#bytes?.take(bytes)
    this.#messages?.take(messages)
    this.total?.take(bytes, messages)
  }

  /** Milliseconds until the next message may go. */
  delay(): number {
    return Math.max(this.#bytes?.delay() ?? 0, this.#messages?.delay() ?? 0, this.total?.delay() ?? 0)
  }
}

/** A meter in front of a sender: closed while it is over a limit, and telling when that is over. */
export class Throttle {
  #timer: Timer | undefined

  constructor(
    private readonly meter: Meter,
    private readonly clock: Clock,
    private readonly onOpen: () => void
  ) {}

  take(bytes: number): void {
    this.meter.take(bytes, 1)
  }

  isClosed(): boolean {
    const delay = this.meter.isLimited ? this.meter.delay() : 0
    if (delay > 0) {
      this.#timer ??= this.clock.setTimeout(() => {
        this.#timer = undefined
        this.onOpen()
      }, delay)
    }
    return delay > 0
  }

  stop(): void {
    this.#timer?.clear()
    this.#timer = undefined
  }
}
