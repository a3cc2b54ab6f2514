import type { PeerInfo } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { nextEvent, until } from '@penin/testing'
import { createLibp2p, type Libp2p } from 'libp2p'
import { expect, it } from 'vitest'
import { udpBroadcast } from '../src/index.js'
import { freePort } from './support.js'

it('works in a plain libp2p node: two of them find and can dial each other', async () => {
  const port = await freePort()
  const make = async (): Promise<Libp2p> =>
    createLibp2p({
      start: false,
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
      peerDiscovery: [udpBroadcast({ port, interfaces: ['127.0.0.1'], interval: 1000 })]
    })
  const [a, b] = await Promise.all([make(), make()])
  try {
    const found = [a, b].map(async (node) => nextEvent<CustomEvent<PeerInfo>>(node, 'peer:discovery'))
    await a.start()
    await b.start()
    const [ofA, ofB] = await Promise.all(found)
    expect(ofA?.detail.id.equals(b.peerId)).toBe(true)
    expect(ofB?.detail.id.equals(a.peerId)).toBe(true)
    // libp2p puts what it has discovered into its peer store by itself
    await until(async () => (await a.peerStore.get(b.peerId)).addresses.length > 0)
    expect((await a.dial(b.peerId)).remotePeer.equals(b.peerId)).toBe(true)
  } finally {
    await Promise.all([a.stop(), b.stop()])
  }
})
