import type { Hello } from '@penin/hello'

/** Peers whose hello is remembered, at most: 512 of at most 8 KiB on the wire each. */
export const MAX_REMEMBERED = 512

/** What a peer has said of itself, and when this node was last in touch with it, wall clock. */
export interface Acquainted {
  hello: Hello
  at: number
}

/** The hellos of the latest peers, connected or gone; the one that was in touch longest ago is forgotten first. */
export class HelloMemory {
  readonly #peers = new Map<string, Acquainted>()

  get size(): number {
    return this.#peers.size
  }

  get(id: string): Acquainted | undefined {
    return this.#peers.get(id)
  }

  /** All of them; the one that was in touch last comes last. */
  entries(): IterableIterator<[string, Acquainted]> {
    return this.#peers.entries()
  }

  note(id: string, hello: Hello, at: number): void {
    this.#peers.delete(id) // re-inserted at the end: the map is in the order of contact
    if (this.#peers.size >= MAX_REMEMBERED) {
      this.#peers.delete(this.#peers.keys().next().value as string)
    }
    this.#peers.set(id, { hello, at })
  }

  /** The peer was connected until now. */
  touch(id: string, at: number): void {
    const known = this.#peers.get(id)
    if (known != null) {
      this.note(id, known.hello, at)
    }
  }

  delete(id: string): void {
    this.#peers.delete(id)
  }
}
