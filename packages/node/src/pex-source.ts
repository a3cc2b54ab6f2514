import type { PeerId, PeerStore } from '@libp2p/interface'
import type { KnownPeer, PeerKeeper } from '@penin/connection-manager'
import { addressScope, fitsScope, shuffled, type Rng } from '@penin/interface'
import type { PexSource, SampleOptions, SharedRecord } from '@penin/pex'

/**
 * Of whom others are told: peers of this network that are connected now, or that this node has once dialled with success.
 * What it only heard of is not passed on: hearsay of hearsay is how address books fill with junk.
 */
export class KnownRecords implements PexSource {
  #changes = 0

  constructor(
    private readonly peerStore: PeerStore,
    private readonly keeper: PeerKeeper,
    private readonly rng: Rng
  ) {}

  /** A peer has come, gone or changed its record. */
  noteChange(): void {
    this.#changes++
  }

  changes(): number {
    return this.#changes
  }

  bookSize(): number {
    return this.#proven().length
  }

  isShareable(id: PeerId): boolean {
    const known = this.keeper.get(id)
    return known != null && this.#isProven(known)
  }

  async sampleForExchange({ scope, max, exclude }: SampleOptions): Promise<SharedRecord[]> {
    const proven = this.#proven().filter((peer) => !exclude.some((other) => other.equals(peer.id)))
    const found: SharedRecord[] = []
    for (const { id } of shuffled(this.rng, proven)) {
      const peer = await this.peerStore.get(id).catch(() => undefined)
      const fits = peer?.addresses.every(({ multiaddr }) => fitsScope(addressScope(multiaddr), scope))
      if (peer?.peerRecordEnvelope != null && fits === true) {
        found.push({ id, envelope: peer.peerRecordEnvelope })
      }
      if (found.length >= max) {
        break
      }
    }
    return found
  }

  #proven(): KnownPeer[] {
    return [...this.keeper.known.values()].filter((peer) => this.#isProven(peer))
  }

  #isProven(peer: KnownPeer): boolean {
    return peer.held == null && (this.keeper.isAccepted(peer.id) || peer.lastSuccess != null)
  }
}
