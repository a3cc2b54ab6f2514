import type { Libp2pEvents, Peer, PeerId, PeerStore, TypedEventTarget } from '@libp2p/interface'
import { fitsScope, addressScope, shuffled, type Candidate, type Rng } from '@penin/interface'
import type { PexSink, PexSource, SampleOptions, SharedRecord } from './contracts.js'

export interface PeerStoreBookComponents {
  peerStore: PeerStore
  events: TypedEventTarget<Libp2pEvents>
}

/**
 * The address book of a plain libp2p node: its peer store. Peers that were told of become known to it, and
 * libp2p says so with a `peer:discovery` event; nothing bounds it but the rate at which news is taken.
 */
export class PeerStoreBook implements PexSource, PexSink {
  #changes = 0

  constructor(
    private readonly components: PeerStoreBookComponents,
    private readonly rng: Rng
  ) {}

  start(): void {
    this.components.events.addEventListener('peer:identify', this.#onIdentify)
  }

  stop(): void {
    this.components.events.removeEventListener('peer:identify', this.#onIdentify)
  }

  async sampleForExchange({ scope, max, exclude }: SampleOptions): Promise<SharedRecord[]> {
    const fits = ({ id, addresses }: Peer): boolean =>
      !exclude.some((other) => other.equals(id)) &&
      addresses.every(({ multiaddr }) => fitsScope(addressScope(multiaddr), scope))
    const peers = (await this.#shareable()).filter(fits)
    return shuffled(this.rng, peers)
      .slice(0, max)
      .flatMap(({ id, peerRecordEnvelope }) =>
        peerRecordEnvelope == null ? [] : [{ id, envelope: peerRecordEnvelope }]
      )
  }

  async bookSize(): Promise<number> {
    return (await this.#shareable()).length
  }

  changes(): number {
    return this.#changes
  }

  addCandidate({ id, record }: Candidate): void {
    if (record != null) {
      void this.#add(id, record.envelope)
    }
  }

  async #add(id: PeerId, envelope: Uint8Array): Promise<void> {
    try {
      if (await this.components.peerStore.consumePeerRecord(envelope, { expectedPeer: id })) {
        this.#changes++
      }
    } catch {
      // the database is being closed, or is full: the peer will be told of again
    }
  }

  readonly #onIdentify = (): void => {
    this.#changes++
  }

  async #shareable(): Promise<Peer[]> {
    return this.components.peerStore.all({ filters: [({ peerRecordEnvelope }) => peerRecordEnvelope != null] })
  }
}
