/** Counts who holds a place in which groups. It keeps nothing of those who hold none. */
export class GroupCounts {
  readonly #counts = new Map<string, number>()
  readonly #held = new Map<string, readonly string[]>()

  /** How many hold a place in the group. */
  of(group: string): number {
    return this.#counts.get(group) ?? 0
  }

  /** Takes a place in each of the groups; another word for the same key replaces the first. */
  hold(key: string, groups: readonly string[]): void {
    this.release(key)
    if (groups.length === 0) {
      return
    }
    this.#held.set(key, groups)
    for (const group of groups) {
      this.#counts.set(group, this.of(group) + 1)
    }
  }

  /** Gives the places back; what nobody holds is no matter. */
  release(key: string): void {
    for (const group of this.#held.get(key) ?? []) {
      const left = this.of(group) - 1
      if (left === 0) {
        this.#counts.delete(group)
      } else {
        this.#counts.set(group, left)
      }
    }
    this.#held.delete(key)
  }

  /** Keys that hold a place. */
  get size(): number {
    return this.#held.size
  }
}
