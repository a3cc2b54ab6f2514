import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { ipOf } from '@penin/interface'
import type { DialTarget } from './dialler.js'
import type { Links } from './links.js'

interface Expected {
  id: PeerId | undefined
  /** What is dialled, if nobody is named. */
  addresses: readonly Multiaddr[]
  /** Monotonic. */
  since: number
}

/** Whom somebody waits for: peers by name, or whoever answers at an address. */
export class ExpectedPeers {
  readonly #expected = new Set<Expected>()

  constructor(private readonly links: Links) {}

  /** The peer is dialled from `since` on, monotonic, until what is returned is called. */
  expect({ id, addresses = [] }: DialTarget, since: number): () => void {
    const expected = { id, addresses, since }
    this.#expected.add(expected)
    return () => {
      this.#expected.delete(expected)
    }
  }

  /**
   * Whether the peer is dialled, or may be the one who answers at an address without a name: that is nobody who was connected
   * before, unless from there.
   */
  has(id: PeerId): boolean {
    return [...this.#expected].some((expected) => {
      if (expected.id != null) {
        return expected.id.equals(id)
      }
      const link = this.links.get(id.toString())
      return (
        link == null ||
        link.connectedAt >= expected.since ||
        (link.ip != null && expected.addresses.some((address) => ipOf(address)?.ip === link.ip))
      )
    })
  }
}
