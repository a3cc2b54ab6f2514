/** The wait for a welcome; it ends with the signal, too. */
export class Handshake {
  readonly #resolvers = Promise.withResolvers<void>()

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  get promise(): Promise<void> {
    return this.#resolvers.promise
  }

  resolve(): void {
    this.#resolvers.resolve()
  }

  reject(error: Error): void {
    this.#resolvers.reject(error)
  }

  /** Lets go of the signal. */
  end(): void {
    this.signal.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    this.#resolvers.reject(this.signal.reason as Error)
  }
}
