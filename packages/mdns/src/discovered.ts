import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P } from '@multiformats/multiaddr'
import { readAddress } from './addresses.js'
import { MAX_ADDRESSES } from './messages.js'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { AddressDrop, Origin } from './addresses.js'
import type { RawSighting } from './messages.js'

/**
 * Why a peer in an answer is not reported.
 *
 * - `no-addresses`: no TXT record, or none of its addresses is usable
 * - `bad-peer-id`: the id in the addresses can't be read
 * - `mixed-ids`: the addresses of one name belong to different peers
 * - `key-type`: the id isn't that of an Ed25519 key
 */
export type SightingDrop = 'no-addresses' | 'bad-peer-id' | 'mixed-ids' | 'key-type'

/** A peer, or why not; and in both cases which of its addresses were dropped. */
export interface ReadSighting {
  peer?: PeerInfo
  drop?: SightingDrop
  addressDrops: AddressDrop[]
}

/** Turns what stands in an answer into a peer that may be reported. Throws nothing. */
export function readSighting(sighting: RawSighting, origin: Origin): ReadSighting {
  const addressDrops: AddressDrop[] = []
  const ids = new Set<string>()
  const multiaddrs = new Map<string, Multiaddr>()
  for (const text of sighting.addresses) {
    const { peer, address, drop } = readAddress(text, origin)
    // an address that isn't used still says whose it is: a name that speaks for two peers is not believed at all
    if (peer !== undefined) ids.add(peer)
    if (drop !== undefined) addressDrops.push(drop)
    if (address === undefined || multiaddrs.size === MAX_ADDRESSES) continue
    const bare = address.decapsulateCode(CODE_P2P)
    multiaddrs.set(bare.toString(), bare)
  }
  if (ids.size > 1) return { drop: 'mixed-ids', addressDrops }
  if (multiaddrs.size === 0) return { drop: 'no-addresses', addressDrops }
  const [text] = ids
  const id = readPeerId(text)
  if (id === undefined) return { drop: 'bad-peer-id', addressDrops }
  if (id.type !== 'Ed25519') return { drop: 'key-type', addressDrops }
  return { peer: { id, multiaddrs: [...multiaddrs.values()] }, addressDrops }
}

function readPeerId(text: string | undefined): PeerId | undefined {
  try {
    return text === undefined ? undefined : peerIdFromString(text)
  } catch {
    return undefined
  }
}
