import type { Links } from './links.js'
import { DIALLED_SCOPES, type BookedPeer, type PeerBook } from './peer-book.js'
import type { CapabilityWish } from './selection/outbound-situation.js'
import { LOW_SCORE } from './selection/scores.js'

/** Peers with a capability are wanted. Its name is the caller's: only a {@link CapabilityLookup} has to understand it. */
export interface WantedCapability {
  capability: string
  /** So many of them. */
  peers: number
}

/** Who can do what, as far as peers have said so, now or earlier. */
export interface CapabilityLookup {
  offers(id: string, capability: string): boolean
  /** Peers that have said so, connected or not; the latest first. */
  offering(capability: string): Iterable<string>
}

/** Nobody is known to be able to do anything. */
export const NO_CAPABILITIES: CapabilityLookup = { offers: () => false, offering: () => [] }

/** Candidates looked up for one wish, at most. */
const MAX_CANDIDATES = 16

/** What {@link Wishes} work with. */
export interface WishesParts {
  wanted: () => readonly WantedCapability[]
  lookup: CapabilityLookup
  links: Links
  book: PeerBook
  /** Reputation of a peer, 0 to 100. */
  scoreOf: (id: string) => number
}

/**
 * Which wishes are open, who serves one, and who could. Whoever has lost its reputation serves none: what it says it can do
 * is only its word.
 */
export class Wishes {
  constructor(private readonly parts: WishesParts) {}

  /** The wanted ones of the capabilities that a peer has. */
  of(id: string): string[] {
    const { wanted, lookup } = this.parts
    return wanted().flatMap(({ capability }) => (lookup.offers(id, capability) ? [capability] : []))
  }

  /**
   * Whether a connected peer is one of those that a wish is fulfilled with. They are the outbound ones first, for an attacker
   * can't make itself one, and of those alike the ones connected longest: nobody takes that place by coming later.
   */
  isServing(id: string): boolean {
    return this.parts.wanted().some(({ capability, peers }) => {
      const serving = this.#able(capability)
      const own = serving.find((link) => link.id === id)
      return own != null && serving.filter((link) => isBefore(link, own)).length < peers
    })
  }

  /** What is missing, if all that are under way succeed. */
  missing(underWay: Iterable<string>): CapabilityWish[] {
    const wanted = this.parts.wanted()
    const dialled = wanted.length === 0 ? [] : [...underWay].filter((id) => !this.parts.links.has(id))
    return wanted.flatMap(({ capability, peers }) => {
      const coming = dialled.filter((id) => this.#isAble(id, capability)).length
      const missing = peers - this.#able(capability).length - coming
      return missing > 0 ? [{ capability, missing }] : []
    })
  }

  /** Peers of the book with a capability that is missing, which the book's own choice may have left out. */
  candidates(missing: readonly CapabilityWish[], isFree: (id: string) => boolean): BookedPeer[] {
    const found = new Map<string, BookedPeer>()
    for (const { capability } of missing) {
      let left = MAX_CANDIDATES
      for (const id of this.parts.lookup.offering(capability)) {
        const peer = left > 0 && isFree(id) ? this.#dialable(id) : undefined
        if (peer != null) {
          found.set(id, peer)
          left--
        }
      }
    }
    return [...found.values()]
  }

  #able(capability: string): ReturnType<Links['accepted']> {
    return this.parts.links.accepted().filter(({ id }) => this.#isAble(id, capability))
  }

  #isAble(id: string, capability: string): boolean {
    return this.parts.lookup.offers(id, capability) && this.parts.scoreOf(id) >= LOW_SCORE
  }

  #dialable(id: string): BookedPeer | undefined {
    const { book, scoreOf } = this.parts
    const peer = book.get(id)
    const scope = peer?.addresses[0]?.scope
    const isReachable = DIALLED_SCOPES.some((dialled) => dialled === scope)
    return isReachable && scoreOf(id) >= LOW_SCORE && book.bannedUntil(id) == null ? peer : undefined
  }
}

interface Ranked {
  id: string
  direction: 'inbound' | 'outbound'
  connectedAt: number
}

function isBefore(a: Ranked, b: Ranked): boolean {
  if (a.direction !== b.direction) {
    return a.direction === 'outbound'
  }
  return a.connectedAt < b.connectedAt || (a.connectedAt === b.connectedAt && a.id < b.id)
}
