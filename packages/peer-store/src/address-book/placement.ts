import {
  BUCKET_SIZE,
  NEW_BUCKETS,
  NEW_BUCKETS_PER_SOURCE,
  NEW_CHOICES,
  TRIED_BUCKETS,
  TRIED_BUCKETS_PER_GROUP
} from './parameters.js'
import { sipHash, sipHashKey } from './siphash.js'

const encoder = new TextEncoder()

/** Bytes of a text that count. */
const MAX_TEXT = 512

/** Room for a tag, a number and the texts; longer texts are cut, which only makes more of them equal. */
const scratch = new Uint8Array(4 + 2 * MAX_TEXT)

/**
 * Where entries stand. Every place is a keyed hash of group and id, so without the key nobody can aim at a place, and
 * with the key kept on disk an entry stands at the same place after a restart.
 */
export class Placement {
  /** Tells key and size of the buckets from others: a place is only good for the ones it was made with. */
  readonly fingerprint: number
  readonly #key: Int32Array

  /**
   * @param secret 16 random bytes
   * @param bucketSize places in a bucket
   */
  constructor(
    secret: Uint8Array,
    readonly bucketSize: number = BUCKET_SIZE
  ) {
    this.#key = sipHashKey(secret)
    this.fingerprint = this.#hash(7, this.bucketSize, '')
  }

  /**
   * The places among the new for an entry of `group` that somebody of `sourceGroup` has named, the first one first. There
   * are {@link NEW_CHOICES}, for books that are nearly empty: with one, a network that lives in one /16 and has its peers named by one bootstrap node would
   * have one bucket, and of 10 peers one would be lost in every other book. Whatever group the peers have, the source group
   * reaches no more buckets than before.
   */
  *newPlaces(group: string, sourceGroup: string, id: string): IterableIterator<number> {
    const first = this.#hash(1, 0, group, sourceGroup)
    for (let i = 0; i < NEW_CHOICES; i++) {
      const within = (first + i) % NEW_BUCKETS_PER_SOURCE
      const bucket = this.#hash(2, within, sourceGroup) % NEW_BUCKETS
      yield bucket * this.bucketSize + (this.#hash(3, bucket, id) % this.bucketSize)
    }
  }

  /** The place among the tried for an entry of `group`. */
  triedPlace(group: string, id: string): number {
    const within = this.#hash(4, 0, id) % TRIED_BUCKETS_PER_GROUP
    const bucket = this.#hash(5, within, group) % TRIED_BUCKETS
    return bucket * this.bucketSize + (this.#hash(6, bucket, id) % this.bucketSize)
  }

  #hash(tag: number, number: number, first: string, second = ''): number {
    scratch[0] = tag
    scratch[1] = number
    let length = write(first, 4)
    scratch[2] = length & 255
    scratch[3] = length >> 8
    length = second === '' ? length : write(second, length)
    return sipHash(this.#key, scratch, length)[0]
  }
}

/** Writes a text into the scratch bytes and returns where it ends. Nearly all texts are short and ASCII. */
function write(text: string, at: number): number {
  let end = at
  for (let i = 0; i < text.length && end < MAX_TEXT + at; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) {
      return at + encoder.encodeInto(text, scratch.subarray(at, at + MAX_TEXT)).written
    }
    scratch[end++] = code
  }
  return end
}
