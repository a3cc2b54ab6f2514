import type { Stream } from '@libp2p/interface'
import type { Clock, Timer } from '@penin/interface'
import { FrameSplitter } from '../direct/wire/frame-splitter.js'

/** What a frame costs of the bytes a second beside its own: tiny ones must not be cheaper than the work they make. */
const FRAME_COST = 256

/** Frames of one peer that may be worked on at once; validators can take their time. */
const MAX_IN_FLIGHT = 64

export interface InboundInit {
  maxFrame: number
  bytesPerSecond: number
  clock: Clock
  /** Given each frame; the bytes are only lent until it returns, but for what it has copied. */
  onFrame: (bytes: Uint8Array) => Promise<void>
  /** The frames can't be told apart any more, or one is too long: the stream is aborted. */
  onBroken: (error: Error) => void
  /** Nothing more will come. */
  onEnd: () => void
}

/**
 * Reads a peer's frames no faster than it may send them. A peer that is too fast is not dropped or reported but read later:
 * its stream is paused, and libp2p's flow control holds it up.
 */
export class InboundReader implements AsyncIterable<never> {
  readonly #ended = Promise.withResolvers<void>()
  readonly #splitter: FrameSplitter
  #tokens: number
  #at: number
  #inFlight = 0
  #timer: Timer | undefined
  #isPaused = false

  constructor(
    private readonly stream: Stream,
    private readonly init: InboundInit
  ) {
    this.#tokens = this.#burst
    this.#at = init.clock.monotonic()
    this.#splitter = new FrameSplitter(init.maxFrame, (bytes, from, to) => {
      this.#onFrame(bytes.subarray(from, to))
    })
    this.#ended.promise.catch(() => {
      // Whoever iterates is told.
    })
    stream.addEventListener('close', this.#onClose)
    stream.addEventListener('remoteCloseWrite', this.#onEnd)
    stream.addEventListener('message', this.#onMessage)
    if (stream.readStatus === 'paused') {
      stream.resume()
    }
  }

  /** Yields nothing; ends with the stream, or throws what it broke of. */
  [Symbol.asyncIterator](): AsyncIterator<never> {
    return {
      next: async () => {
        await this.#ended.promise
        return { done: true, value: undefined }
      }
    }
  }

  async close(): Promise<void> {
    await this.stream.close()
  }

  abort(error: Error): void {
    this.stream.abort(error)
  }

  get #burst(): number {
    return 2 * this.init.bytesPerSecond
  }

  readonly #onMessage: Parameters<typeof this.stream.addEventListener<'message'>>[1] = ({ data }) => {
    this.#pay(data.byteLength)
    try {
      this.#splitter.push(data)
    } catch (error) {
      this.init.onBroken(error as Error)
      this.stream.abort(error as Error)
    }
    this.#balance()
  }

  #onFrame(bytes: Uint8Array): void {
    this.#pay(FRAME_COST)
    this.#inFlight++
    void this.init.onFrame(bytes).finally(() => {
      this.#inFlight--
      this.#balance()
    })
  }

  #pay(cost: number): void {
    const now = this.init.clock.monotonic()
    const earned = (Math.max(0, now - this.#at) / 1000) * this.init.bytesPerSecond
    this.#tokens = Math.min(this.#burst, this.#tokens + earned) - cost
    this.#at = now
  }

  /** Pauses or resumes the stream as it has to be. */
  #balance(): void {
    if (this.#tokens < 0 && this.#timer === undefined) {
      const wait = Math.ceil((-this.#tokens / this.init.bytesPerSecond) * 1000)
      this.#timer = this.init.clock.setTimeout(() => {
        this.#timer = undefined
        this.#pay(0)
        this.#balance()
      }, wait)
    }
    const mustPause = this.#timer !== undefined || this.#inFlight >= MAX_IN_FLIGHT
    if (this.stream.status !== 'open' || mustPause === this.#isPaused) {
      return
    }
    this.#isPaused = mustPause
    try {
      if (mustPause) {
        this.stream.pause()
      } else {
        this.stream.resume()
      }
    } catch {
      // It was closed meanwhile.
    }
  }

  readonly #onEnd = (): void => {
    this.#finish()
    this.#ended.resolve()
  }

  readonly #onClose = ({ error }: { error?: Error }): void => {
    this.#finish()
    if (error === undefined) {
      this.#ended.resolve()
    } else {
      this.#ended.reject(error)
    }
  }

  #finish(): void {
    this.#timer?.clear()
    this.#timer = undefined
    this.stream.removeEventListener('message', this.#onMessage)
    this.stream.removeEventListener('close', this.#onClose)
    this.stream.removeEventListener('remoteCloseWrite', this.#onEnd)
    this.init.onEnd()
  }
}
