import { TypedEventEmitter } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { persistentPeerStore } from '@libp2p/peer-store'
import { BaseDatastore } from 'datastore-core'
import { InvalidArgumentError } from '@penin/interface'
import type { Libp2pEvents, Logger } from '@libp2p/interface'
import type { Key, Pair, Query, QueryFilter } from 'interface-datastore'

/** The prefix of libp2p's peer records. */
export const PEER_PREFIX = '/peers/'

/** Says whether libp2p can decode a peer record, its key included. It never throws. */
export type PeerRecordCheck = (key: Key, value: Uint8Array) => boolean

/** Any well-formed id: the peer store that lends us its decoder needs to be somebody's. */
const NOBODY = '12D3KooWHJyHZFrc7YLUHT4NJgW3LF4y2RPaAPiUnWqrKrnPN91w'

/** Takes the filters of the first query it gets, and has no records. */
class QueryCatcher extends BaseDatastore {
  filters: QueryFilter[] = []

  override query(q: Query): Generator<Pair> {
    this.filters = q.filters ?? []
    return (function* () {})()
  }
}

/**
 * Makes a check out of libp2p's own decoder.
 *
 * `@libp2p/peer-store` does not export that decoder, but it decodes every record before it hands it to a filter of
 * `all()`. So a peer store over an empty datastore is asked for all peers that pass a filter, and what it gives the
 * datastore as a filter is the genuine decoder, as a synchronous function. Addresses of any age are decoded, which is
 * stricter than libp2p's default of an hour: a record does not become damaged or sound as time goes by.
 */
export async function createPeerRecordCheck(): Promise<PeerRecordCheck> {
  const catcher = new QueryCatcher()
  const peers = persistentPeerStore(
    {
      peerId: peerIdFromString(NOBODY),
      datastore: catcher,
      events: new TypedEventEmitter<Libp2pEvents>(),
      logger: { forComponent: () => silentLogger }
    },
    { maxAddressAge: Infinity, maxPeerAge: Infinity }
  )
  await peers.all({ filters: [() => true] })
  const decode = catcher.filters[0]
  if (decode === undefined) {
    throw new InvalidArgumentError('@libp2p/peer-store', 'no filter in its query', 'a filter that decodes the record')
  }
  return (key, value) => {
    try {
      return decode({ key, value }) === true
    } catch {
      return false
    }
  }
}

const silentLogger: Logger = Object.assign(() => {}, {
  enabled: false,
  error: () => {},
  trace: () => {},
  newScope: () => silentLogger
})
