/** A set from which a random member can be picked at once. */
export class IndexedSet<T> {
  readonly #items: T[] = []
  readonly #index = new Map<T, number>()

  get size(): number {
    return this.#items.length
  }

  has(item: T): boolean {
    return this.#index.has(item)
  }

  add(item: T): void {
    if (!this.#index.has(item)) {
      this.#index.set(item, this.#items.push(item) - 1)
    }
  }

  delete(item: T): void {
    const at = this.#index.get(item)
    if (at == null) {
      return
    }
    const last = this.#items.pop() as T
    if (last !== item) {
      this.#items[at] = last
      this.#index.set(last, at)
    }
    this.#index.delete(item)
  }

  /** @param random in [0, 1) */
  pick(random: number): T | undefined {
    return this.#items[Math.floor(random * this.#items.length)]
  }
}
