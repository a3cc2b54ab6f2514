import type { Connection, IdentifyResult } from '@libp2p/interface'
import { addressScope, fitsScope, observedScope, type Candidate, type PeerSource } from '@penin/interface'

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
