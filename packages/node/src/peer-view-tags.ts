import { InvalidArgumentError, printable } from '@penin/interface'

/** Tags that the node gives itself. */
const OWN_TAGS = ['bootstrap', 'persistent', 'private', 'unconditional', 'trusted'] as const

/** Peers with tags, at most. */
export const MAX_TAGGED_PEERS = 1024

/** Tags of one peer, at most. */
export const MAX_TAGS = 16

/** Characters of one tag, at most. */
export const MAX_TAG_LENGTH = 64

const NONE: readonly string[] = []

/** What a program calls certain peers. In memory, for this run, and kept whether the peer is known or not. */
export class PeerTags {
  readonly #tags = new Map<string, readonly string[]>()

  /** Peers that have tags. */
  get size(): number {
    return this.#tags.size
  }

  get(id: string): readonly string[] {
    return this.#tags.get(id) ?? NONE
  }

  /**
   * @returns whether it is new
   * @throws InvalidArgumentError for a tag that is empty, too long or the node's own, and beyond the limits
   */
  add(id: string, tag: string): boolean {
    const tags = this.get(id)
    if (tags.includes(tag)) {
      return false
    }
    if (typeof tag !== 'string' || tag.trim() === '' || tag.length > MAX_TAG_LENGTH) {
      throw new InvalidArgumentError('tag', printable(String(tag), 80), `1 to ${MAX_TAG_LENGTH} characters`)
    }
    if ((OWN_TAGS as readonly string[]).includes(tag)) {
      throw new InvalidArgumentError('tag', tag, `another one than the node's own: ${OWN_TAGS.join(', ')}`)
    }
    if (tags.length >= MAX_TAGS) {
      throw new InvalidArgumentError('tag', printable(tag), `at most ${MAX_TAGS} tags of a peer`)
    }
    if (tags.length === 0 && this.#tags.size >= MAX_TAGGED_PEERS) {
      throw new InvalidArgumentError('tag', printable(tag), `at most ${MAX_TAGGED_PEERS} peers with tags`)
    }
    this.#tags.set(id, [...tags, tag])
    return true
  }

  /** @returns whether it was there */
  delete(id: string, tag: string): boolean {
    const left = this.get(id).filter((other) => other !== tag)
    const was = left.length < this.get(id).length
    if (left.length === 0) {
      this.#tags.delete(id)
    } else {
      this.#tags.set(id, left)
    }
    return was
  }
}
