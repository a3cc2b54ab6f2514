import { MESSAGE_OVERHEAD } from './limits.js'

/** The longest payload that is put together where the next one will be, too. */
const SCRATCH_BYTES = 131_072

let scratch: Uint8Array = new Uint8Array(0)

/** A payload as it has arrived: part of a chunk, or in parts of several that are put together when it is needed. */
export class ReceivedPayload {
  readonly length: number
  #bytes: Uint8Array
  #rest: readonly Uint8Array[] | undefined

  constructor(first: Uint8Array, rest?: readonly Uint8Array[]) {
    this.#bytes = first
    this.#rest = rest
    let { length } = first
    for (const part of rest ?? []) {
      length += part.length
    }
    this.length = length
  }

  /** All of it, to be kept. */
  bytes(): Uint8Array {
    if (this.#rest !== undefined) {
      this.#bytes = this.#gather(Buffer.allocUnsafeSlow(this.length), this.#rest)
      this.#rest = undefined
    }
    return this.#bytes
  }

  /** All of it, to be read before this is called for any other: memory that is used again is fast and no garbage. */
  lend(): Uint8Array {
    if (this.#rest === undefined || this.length > SCRATCH_BYTES) {
      return this.bytes()
    }
    if (scratch.length === 0) {
      scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    }
    return this.#gather(scratch.subarray(0, this.length), this.#rest)
  }

  /** Lets go of chunks much larger than itself. */
  detach(): void {
    const bytes = this.bytes()
    if (bytes.buffer.byteLength > bytes.length * 2 + MESSAGE_OVERHEAD) {
      this.#bytes = bytes.slice()
    }
  }

  #gather(into: Uint8Array, rest: readonly Uint8Array[]): Uint8Array {
    into.set(this.#bytes)
    let at = this.#bytes.length
    for (const part of rest) {
      into.set(part, at)
      at += part.length
    }
    return into
  }
}
