import { MessageStreamClosedError } from '../errors.js'
import type { Payload } from './handlers.js'
import type { Outbox } from './outbox.js'

/** Many messages to one peer, no faster than it takes them. */
export interface MessageSink {
  /** How many the receiver has taken. */
  readonly taken: number
  /**
   * Puts a message in line; resolves once there is room for the next one.
   *
   * @throws MessageStreamClosedError after the end; its cause is why an earlier message has failed
   */
  send(payload: Payload): Promise<void>
  /** No more messages; resolves once all were taken. @throws what the first one that failed has failed of */
  close(): Promise<void>
}

/** What a sink needs of the service. */
export interface SinkOwner {
  outbox(): Outbox
  submit(payload: Payload, succeed: () => void, fail: (error: Error) => void): void
  signal: AbortSignal | undefined
}

/** The sink's doing: nothing but counting, so that a message costs no promise of its own. */
export class Sink implements MessageSink {
  taken = 0
  #pending = 0
  #error: Error | undefined
  #isClosed = false
  #allDone: (() => void) | undefined

  constructor(private readonly owner: SinkOwner) {}

  async send(payload: Payload): Promise<void> {
    this.#check()
    this.#submit(payload)
    while (!this.owner.outbox().hasRoom(0) && this.#error === undefined) {
      await this.#room()
    }
    this.#check()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#pending > 0 && this.#error === undefined) {
      await new Promise<void>((resolve) => {
        this.#allDone = resolve
      })
    }
    if (this.#error !== undefined) {
      throw this.#error
    }
  }

  #check(): void {
    this.owner.signal?.throwIfAborted()
    if (this.#error !== undefined || this.#isClosed) {
      throw new MessageStreamClosedError(this.#error === undefined ? {} : { cause: this.#error })
    }
  }

  #submit(payload: Payload): void {
    this.owner.submit(payload, this.#onTaken, this.#onFailed)
    this.#pending++
  }

  async #room(): Promise<void> {
    const { signal } = this.owner
    const aborted = Promise.withResolvers<void>()
    const onAbort = (): void => {
      aborted.reject(signal?.reason as Error)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([this.owner.outbox().changed(), aborted.promise])
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  readonly #onTaken = (): void => {
    this.taken++
    this.#onDone()
  }

  readonly #onFailed = (error: Error): void => {
    this.#error ??= error
    this.#onDone()
  }

  #onDone(): void {
    this.#pending--
    if (this.#pending === 0 || this.#error !== undefined) {
      this.#allDone?.()
    }
  }
}
