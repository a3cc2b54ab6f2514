import type { Entry } from './entry.js'

/**
 * Buckets with fixed places. Beside the places it keeps which are filled, so that a random filled place is found at
 * once, however empty the table is.
 */
export class BucketTable {
  /** Filled places. */
  count = 0
  readonly places: Array<Entry | undefined>
  /** For each bucket its filled places. */
  readonly #filled: number[][]
  /** For each filled place where it stands in its bucket's list. */
  readonly #index: Int32Array
  /** Buckets that are not empty. */
  readonly #used: number[] = []
  readonly #usedIndex: Int32Array

  constructor(
    readonly buckets: number,
    readonly bucketSize: number
  ) {
    this.places = Array<Entry | undefined>(buckets * bucketSize).fill(undefined)
    this.#filled = Array.from({ length: buckets }, () => [])
    this.#index = new Int32Array(buckets * bucketSize).fill(-1)
    this.#usedIndex = new Int32Array(buckets).fill(-1)
  }

  at(place: number): Entry | undefined {
    return this.places[place]
  }

  /** How many places of a bucket are filled. */
  fill(bucket: number): number {
    return this.#filled[bucket]?.length ?? 0
  }

  /** Fills an empty place. */
  put(place: number, entry: Entry): void {
    const bucket = Math.floor(place / this.bucketSize)
    const filled = this.#filled[bucket] as number[]
    if (filled.length === 0) {
      this.#usedIndex[bucket] = this.#used.push(bucket) - 1
    }
    this.places[place] = entry
    this.#index[place] = filled.push(place) - 1
    this.count++
  }

  /** Empties a filled place. */
  clear(place: number): void {
    const bucket = Math.floor(place / this.bucketSize)
    const filled = this.#filled[bucket] as number[]
    remove(filled, this.#index, place)
    if (filled.length === 0) {
      remove(this.#used, this.#usedIndex, bucket)
    }
    this.places[place] = undefined
    this.count--
  }

  /**
   * A filled place: first a bucket that is not empty, then a place in it, each evenly. So a flood that fills the buckets
   * of one group is picked no more often than the few entries in the others.
   *
   * @param random in [0, 1)
   */
  pick(random: number): Entry | undefined {
    const scaled = random * this.#used.length
    const bucket = Math.floor(scaled)
    const filled = this.#filled[this.#used[bucket] ?? -1]
    // What is left of the random number after choosing the bucket has more than enough bits to choose a place.
    return filled == null ? undefined : this.places[filled[Math.floor((scaled - bucket) * filled.length)] as number]
  }

  /** What is wrong with the lists beside the places; for {@link checkInvariants}. */
  problems(): string[] {
    const problems: string[] = []
    let count = 0
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      const first = bucket * this.bucketSize
      const filled = this.places.slice(first, first + this.bucketSize).flatMap((e, i) => (e == null ? [] : [first + i]))
      const listed = this.#filled[bucket] ?? []
      count += filled.length
      if (listed.length !== filled.length || filled.some((place) => listed[this.#index[place] as number] !== place)) {
        problems.push(`bucket ${bucket} lists ${listed.join()} but holds ${filled.join()}`)
      }
      if (filled.length > 0 !== (this.#used[this.#usedIndex[bucket] as number] === bucket)) {
        problems.push(`bucket ${bucket} is wrongly listed as used or not`)
      }
    }
    return count === this.count ? problems : [...problems, `counts ${this.count} places, ${count} are filled`]
  }
}

/** Takes `item` out of a list in constant time: the last one takes its place. */
function remove(list: number[], index: Int32Array, item: number): void {
  const at = index[item] as number
  const last = list.pop() as number
  if (last !== item) {
    list[at] = last
    index[last] = at
  }
  index[item] = -1
}
