import { ID_SPAN } from './limits.js'
import type { Outgoing } from './outgoing.js'

/** The messages of one lane that have been written and not acknowledged, in the order of their ids. */
export class Flight {
  /** The first id that has never been written. */
  next = 0
  #lowest = 0
  readonly #entries = new Map<number, Outgoing>()

  get size(): number {
    return this.#entries.size
  }

  /** No id below this one is under way. */
  get lowest(): number {
    if (this.#entries.size === 0) {
      return (this.#lowest = this.next)
    }
    const first = this.#entries.keys().next().value
    return (this.#lowest = first ?? this.next)
  }

  /** Whether the receiver still remembers the oldest id when another one comes. */
  get hasRoom(): boolean {
    return this.next - this.#lowest < ID_SPAN || this.next - this.lowest < ID_SPAN
  }

  /** Takes a message in; one without an id gets the next. */
  add(entry: Outgoing): void {
    if (entry.id < 0) {
      entry.id = this.next
    }
    this.next = Math.max(this.next, entry.id + 1)
    this.#entries.set(entry.id, entry)
  }

  remove(id: number): Outgoing | undefined {
    const entry = this.#entries.get(id)
    if (entry !== undefined) {
      this.#entries.delete(id)
    }
    return entry
  }

  /** The stream is lost: what nobody waits for is forgotten, the rest is to be written again. */
  afterLoss(): Outgoing[] {
    for (const [id, { state }] of this.#entries) {
      if (state !== 'flying') {
        this.#entries.delete(id)
      }
    }
    return [...this.#entries.values()]
  }

  [Symbol.iterator](): IterableIterator<Outgoing> {
    return this.#entries.values()
  }
}

/** The lowest id of a durable message that may yet be written: on its way, waiting, or not yet taken. */
export function lowestDurable(flight: Flight, waiting: Iterable<Outgoing>, next: number): number {
  let lowest = flight.size > 0 ? flight.lowest : next
  for (const { isDurable, id } of waiting) {
    if (isDurable && id >= 0) {
      lowest = Math.min(lowest, id)
    }
  }
  return lowest
}
