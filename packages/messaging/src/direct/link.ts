import type { PeerId, Stream } from '@libp2p/interface'
import { deadline, type Timer } from '@penin/interface'
import { MESSAGES_PROTOCOL } from '../protocol.js'
import type { Surroundings } from './surroundings.js'

/** Milliseconds for the dial, the stream and the welcome together: a dial over a relay may take 20 s. */
const OPEN_TIMEOUT = 30_000

/** Milliseconds before the first tries after a failure; a connection that is being replaced is back at once. */
const FIRST_DELAY = 50
const FIRST_DELAYS = [FIRST_DELAY, 1_000]

/** Milliseconds between two streams that a peer has opened and lost without any use: it is there, after all. */
const LONGEST_LOSS_DELAY = 1_000

/** Milliseconds between two attempts for messages that may wait for days, in the end. */
const LONGEST_DELAY = 600_000

/** What a link needs of the outlet it belongs to. */
export interface LinkOwner {
  /** Whether anything waits that needs a stream, and whether that is durable only. */
  wants(): 'nothing' | 'soon' | 'some-day'
  /** Takes a new stream; resolves when it is ready for messages. */
  attach(stream: Stream, signal: AbortSignal): Promise<void>
  /** An attempt failed, before the next one is planned. */
  onFailure(error: Error): void
}

/** Keeps trying to have a stream to one peer as long as there is something to send. */
export class Link {
  /** Attempts that failed since the peer was last reached. */
  attempts = 0
  error: Error | undefined
  #losses = 0
  #isOpening = false
  #isUp = false
  #timer: Timer | undefined
  readonly #stopping = new AbortController()

  constructor(
    private readonly peer: PeerId,
    private readonly around: Surroundings,
    private readonly owner: LinkOwner
  ) {}

  get isUp(): boolean {
    return this.#isUp
  }

  /** Something is to be sent. */
  wake(): void {
    if (!this.#isUp && !this.#isOpening && this.#timer === undefined && !this.#stopping.signal.aborted) {
      void this.#open()
    }
  }

  /** The peer has come by itself: no more waiting. */
  onPresence(): void {
    this.#timer?.clear()
    this.#timer = undefined
    if (this.owner.wants() !== 'nothing') {
      this.wake()
    }
  }

  /** The stream is gone; `hasProgress` if it was of any use. */
  onLost(error: Error | undefined, hasProgress: boolean): void {
    this.#isUp = false
    this.error = error
    if (this.#isOpening) {
      return // the attempt under way ends and plans the next
    }
    if (hasProgress) {
      this.#losses = 0
      if (this.owner.wants() !== 'nothing') {
        this.wake()
      }
    } else {
      this.#plan(Math.min(LONGEST_LOSS_DELAY, FIRST_DELAY * 2 ** Math.min(20, this.#losses++)))
    }
  }

  stop(): void {
    this.#timer?.clear()
    this.#timer = undefined
    this.#stopping.abort()
    this.#isUp = false
  }

  async #open(): Promise<void> {
    this.#isOpening = true
    const limit = deadline(this.around.clock, OPEN_TIMEOUT, this.#stopping.signal)
    try {
      const connection = await this.around.connect(this.peer, limit.signal)
      const stream = await connection.newStream(MESSAGES_PROTOCOL, {
        signal: limit.signal,
        runOnLimitedConnection: true
      })
      this.#isUp = true
      await this.owner.attach(stream, limit.signal)
      this.#isOpening = false
      this.attempts = 0
    } catch (error) {
      this.#isUp = false
      this.#isOpening = false
      this.attempts++
      this.error = error as Error
      if (!this.#stopping.signal.aborted) {
        this.owner.onFailure(error as Error)
        this.#plan()
      }
    } finally {
      limit.clear()
    }
  }

  #plan(after?: number): void {
    const wants = this.owner.wants()
    if (wants === 'nothing' || this.#timer !== undefined || this.#stopping.signal.aborted) {
      return
    }
    const { clock, rng, retry } = this.around
    const usual = retry.within / retry.attempts
    const n = Math.max(0, this.attempts - 1)
    const late = wants === 'soon' ? usual : Math.min(LONGEST_DELAY, usual * 2 ** Math.min(20, n - 1))
    const delay = after ?? Math.min(FIRST_DELAYS[n] ?? late, late)
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined
        if (this.owner.wants() !== 'nothing') {
          this.wake()
        }
      },
      delay * (0.9 + 0.2 * rng.float())
    )
  }
}
