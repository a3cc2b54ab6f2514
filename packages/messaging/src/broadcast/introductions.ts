import type { Clock, Timer } from '@penin/interface'
import { raceSignal } from 'race-signal'

/**
 * Milliseconds for peers that are connected when broadcast starts to say what they have subscribed to: a stream each way
 * and a frame are three round trips, of at most 600 ms over a satellite, and a busy peer takes its time.
 */
const PATIENCE = 3_000

/** The peers that were there when broadcast started, until each of them has said what it has subscribed to. */
export class Introductions {
  readonly #awaited = new Set<string>()
  #over: PromiseWithResolvers<void> | undefined
  #timer: Timer | undefined

  constructor(private readonly clock: Clock) {}

  /** Whether some of them are still awaited. */
  get isWaiting(): boolean {
    return this.#over !== undefined
  }

  begin(peers: Iterable<string>): void {
    this.end()
    for (const peer of peers) {
      this.#awaited.add(peer)
    }
    if (this.#awaited.size > 0) {
      this.#over = Promise.withResolvers()
      this.#timer = this.clock.setTimeout(() => {
        this.end()
      }, PATIENCE)
    }
  }

  /** A peer has said what it had to say, or will not. */
  done(peer: string): void {
    if (this.#awaited.delete(peer) && this.#awaited.size === 0) {
      this.end()
    }
  }

  /** Nobody is awaited any more. */
  end(): void {
    this.#awaited.clear()
    this.#timer?.clear()
    this.#timer = undefined
    this.#over?.resolve()
    this.#over = undefined
  }

  /** Resolves when nobody is awaited any more. @throws the signal's reason */
  async over(signal?: AbortSignal): Promise<void> {
    if (this.#over !== undefined) {
      await raceSignal(this.#over.promise, signal)
    }
  }
}
