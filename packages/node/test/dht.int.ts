import { identify } from '@libp2p/identify'
import type { PeerId } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { BookEntry } from '@penin/peer-store'
import { until } from '@penin/testing'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { profileDefaults } from '../src/config/defaults.js'
import { dhtServices } from '../src/dht.js'

const running: Libp2p[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (node) => node.stop()))
})

type Entry = Pick<BookEntry, 'addresses'>

/** A node with the tables of the LAN profile and a book of its own. */
async function tableNode(book = new Map<string, Entry>()): Promise<{
  node: Libp2p
  add: (id: PeerId) => Promise<void>
  lookups: PeerId[]
}> {
  const config = profileDefaults()
  config.discovery.dht.profile = 'lan'
  const get = (id: PeerId | string): BookEntry | undefined => book.get(id.toString()) as BookEntry | undefined
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping(), ...dhtServices(config, { get }) }
  })
  running.push(node)
  const lookups: PeerId[] = []
  const findPeer = node.peerRouting.findPeer.bind(node.peerRouting)
  node.peerRouting.findPeer = async (id, options) => {
    lookups.push(id)
    return findPeer(id, options)
  }
  const { dhtLan } = node.services as unknown as { dhtLan: { routingTable: { add(id: PeerId): Promise<void> } } }
  return { node, add: async (id) => dhtLan.routingTable.add(id), lookups }
}

describe('a table of the DHT', () => {
  it('starts no lookup for a peer without a known address, which would keep other dials to it waiting', async () => {
    const [a, b, c] = await Promise.all([tableNode(), tableNode(), tableNode()])
    await a.node.dial(c.node.getMultiaddrs()) // somebody who could be asked
    await a.add(b.node.peerId)
    expect(a.lookups).toEqual([])
    expect(a.node.getDialQueue()).toEqual([])
    const { remotePeer } = await a.node.dial(b.node.getMultiaddrs())
    expect(remotePeer.toString()).toBe(b.node.peerId.toString())
  })

  it('reaches a peer at the address in the book', async () => {
    const book = new Map<string, Entry>()
    const [a, b] = await Promise.all([tableNode(book), tableNode()])
    const [address] = b.node.getMultiaddrs()
    const addresses = [{ text: address?.toString() ?? '', scope: 'loopback' }] as unknown as BookEntry['addresses']
    book.set(b.node.peerId.toString(), { addresses })
    await a.add(b.node.peerId)
    await until(() => a.node.getPeers().some((id) => id.equals(b.node.peerId)))
    expect(a.lookups).toEqual([])
  })
})
