import { sipHash, sipHashKey, SIPHASH_KEY_BYTES } from './siphash.js'
import type { Rng } from '@penin/interface'

/**
 * Numbers that nobody can predict, ten times as fast as asking the system for each: SipHash of a counter under a key of
 * its own. One choice from a book may take a hundred numbers.
 */
export class KeyedRandom implements Rng {
  readonly #source: Rng
  readonly #key: Int32Array
  readonly #counter = new Float64Array(1)
  readonly #bytes = new Uint8Array(this.#counter.buffer)

  /** @param source gives the key, and the bytes */
  constructor(source: Rng) {
    this.#source = source
    this.#key = sipHashKey(source.bytes(SIPHASH_KEY_BYTES))
  }

  float(): number {
    this.#counter[0] = (this.#counter[0] as number) + 1
    const [low, high] = sipHash(this.#key, this.#bytes)
    // 53 bits, as many as a double holds
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53
  }

  bytes(length: number): Uint8Array {
    return this.#source.bytes(length)
  }
}
