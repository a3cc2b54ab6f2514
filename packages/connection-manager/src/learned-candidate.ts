import type { Connection, IdentifyResult, PeerId, PeerStore } from '@libp2p/interface'
import { addressScope, fitsScope, observedScope, type Candidate, type PeerSource } from '@penin/interface'
import type { PeerBook } from './peer-book.js'

/**
 * What a connected peer says of where it is, as far as it may be believed: no private address of a peer that is connected
 * from a public one, for dialling it would lead to somebody else. Its signed record is kept only if all of it fits, for a
 * record can't be shown in part.
 *
 * @param envelope the signed record that identify has checked, if there is one
 */
export function learnedCandidate(
  { remotePeer, remoteAddr }: Connection,
  { signedPeerRecord, listenAddrs }: Pick<IdentifyResult, 'signedPeerRecord' | 'listenAddrs'>,
  source: PeerSource,
  envelope?: Uint8Array
): Candidate {
  const scope = observedScope(remoteAddr)
  const told = signedPeerRecord?.addresses ?? listenAddrs
  const multiaddrs = told.filter((address) => fitsScope(addressScope(address), scope))
  const isWhole = signedPeerRecord != null && envelope != null && multiaddrs.length === told.length
  return {
    id: remotePeer,
    multiaddrs,
    source,
    observed: remoteAddr,
    ...(isWhole ? { record: { envelope, seq: signedPeerRecord.seq } } : {})
  }
}

/** What a {@link Learner} works with. */
export interface LearnerParts {
  peerStore: Pick<PeerStore, 'get'>
  book: PeerBook
  /** Whether the peer is one of us: nothing is learned from strangers. */
  isPeer: (id: PeerId) => boolean
  addCandidate: (candidate: Candidate) => void
}

/** Takes over into the book what connected peers say of where they are. */
export class Learner {
  /** What was said before it was known whether the peer is one of us. */
  readonly #identified = new WeakMap<Connection, IdentifyResult>()

  constructor(private readonly parts: LearnerParts) {}

  /** A peer that we have reached is known, at least at the address where it answered. */
  noteReached({ remotePeer: id, remoteAddr }: Connection, source: PeerSource): void {
    if (this.parts.book.get(id) == null) {
      this.parts.addCandidate({ id, multiaddrs: [remoteAddr], source, observed: remoteAddr })
    }
  }

  /** libp2p's identify has run, or the peer has changed its addresses. */
  readonly onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    this.#identified.set(detail.connection, detail)
    void this.learn(detail.connection)
  }

  /** Once it is known that the peer is one of us, and each time it says something new. */
  async learn(connection: Connection): Promise<void> {
    const { peerStore, book, isPeer, addCandidate } = this.parts
    const { remotePeer: id, direction } = connection
    const told = this.#identified.get(connection)
    if (told == null || !isPeer(id)) {
      return // identify or hello is not through yet, and will call again
    }
    const stored = await peerStore.get(id).catch(() => undefined)
    const source = direction === 'inbound' ? 'inbound' : (book.get(id)?.source ?? 'manual')
    if (isPeer(id)) {
      addCandidate(learnedCandidate(connection, told, source, stored?.peerRecordEnvelope))
      book.seen(id)
    }
  }
}
