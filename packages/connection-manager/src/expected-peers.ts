import type { PeerId } from '@libp2p/interface'

/** Whom somebody waits for: peers by name, or whoever answers at an address. */
export class ExpectedPeers {
  readonly #expected: Array<PeerId | undefined> = []

  /** The peer is expected, or without an id anybody, until what is returned is called. */
  expect(id: PeerId | undefined): () => void {
    this.#expected.push(id)
    return () => {
      this.#expected.splice(this.#expected.indexOf(id), 1)
    }
  }

  has(id: PeerId): boolean {
    return this.#expected.some((other) => other == null || other.equals(id))
  }
}
