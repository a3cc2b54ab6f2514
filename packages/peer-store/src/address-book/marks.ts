import { MAX_MARKS } from './parameters.js'
import type { PeerMarks } from './entry.js'

/** What the program wants of certain peers; kept apart from the entries, since a peer may be marked before it is known. */
export class Marks {
  readonly #marks = new Map<string, PeerMarks>()

  get size(): number {
    return this.#marks.size
  }

  get(id: string): PeerMarks | undefined {
    return this.#marks.get(id)
  }

  /** Whether the peer's entry must never be displaced. */
  isPinned(id: string): boolean {
    const marks = this.#marks.get(id)
    return marks?.persistent === true || marks?.unconditional === true
  }

  /** Sets what is given and leaves the rest; false when there are too many. */
  set(id: string, change: PeerMarks): boolean {
    const merged = { ...this.#marks.get(id), ...change }
    const marks: PeerMarks = {
      ...(merged.persistent === true ? { persistent: true } : {}),
      ...(merged.private === true ? { private: true } : {}),
      ...(merged.unconditional === true ? { unconditional: true } : {})
    }
    if (Object.keys(marks).length === 0) {
      this.#marks.delete(id)
      return true
    }
    if (this.#marks.size >= MAX_MARKS && !this.#marks.has(id)) {
      return false
    }
    this.#marks.set(id, marks)
    return true
  }

  all(): Array<{ id: string; marks: PeerMarks }> {
    return Array.from(this.#marks, ([id, marks]) => ({ id, marks: { ...marks } }))
  }
}
