import { bootstrap } from '@libp2p/bootstrap'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p'
import { idOf, leavePeer, ReadyPeers, type ContenderNode } from './contender.js'
import type { DialTimes, Setup } from './protocol.js'

/** Plain libp2p with the transports of ours; what its defaults would refuse in a bench, they don't. */
export async function createContender(setup: Setup): Promise<ContenderNode> {
  return new Theirs(await createLibp2p(optionsOf(setup)))
}

function optionsOf(setup: Setup): Libp2pOptions {
  const { networkId, listen = true, pings = true, maxConnections } = setup
  return {
    addresses: { listen: listen ? ['/ip4/127.0.0.1/tcp/0'] : [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: {
      // All peers of a bench share one address, and come at once.
      inboundConnectionThreshold: Infinity,
      maxIncomingPendingConnections: 256,
      ...(maxConnections === undefined ? {} : { maxConnections })
    },
    connectionMonitor: { enabled: pings },
    services: { identify: identify(), ping: ping(), ...(setup.dht === true ? privateDht(networkId) : {}) },
    // It waits a second by default, for mDNS to be faster: that would be most of what is measured.
    ...(setup.bootstrap === undefined ? {} : { peerDiscovery: [bootstrap({ list: [setup.bootstrap], timeout: 0 })] })
  }
}

/** By default it is a client that drops private addresses, and finds nobody on one machine. */
function privateDht(networkId: string): Record<string, ReturnType<typeof kadDHT>> {
  const protocol = `/${networkId}/lan/kad/1.0.0`
  return { dht: kadDHT({ protocol, peerInfoMapper: passthroughMapper, clientMode: false }) }
}

class Theirs implements ContenderNode {
  readonly ready = new ReadyPeers()
  readonly #node: Libp2p

  constructor(node: Libp2p) {
    this.#node = node
    node.addEventListener('peer:identify', ({ detail }) => {
      this.ready.add(detail.peerId.toString())
    })
    node.addEventListener('peer:disconnect', ({ detail }) => {
      this.ready.delete(detail.toString())
    })
  }

  get address(): string {
    return this.#node.getMultiaddrs()[0]?.toString() ?? ''
  }

  async dial(address: string): Promise<DialTimes | undefined> {
    const target = [multiaddr(address)]
    if (this.#node.getConnections().length > 0) return undefined
    const from = performance.now()
    await this.#node.dial(target)
    const open = performance.now() - from
    await this.ready.untilThere(idOf(address))
    return { open, ready: performance.now() - from }
  }

  async leave(address: string): Promise<void> {
    await leavePeer(this.#node, address)
  }

  async stop(): Promise<void> {
    await this.#node.stop()
  }
}
