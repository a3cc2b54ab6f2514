import { multiaddr } from '@multiformats/multiaddr'
import { createNode, type NodeOptions, type PeninNode } from '@penin/node'
import { idOf, leavePeer, ReadyPeers, type ContenderNode } from './contender.js'
import type { DialTimes, Setup } from './protocol.js'

/** A node with the defaults of this project, but for what would let a packet leave 127.0.0.1. */
export async function createContender(setup: Setup): Promise<ContenderNode> {
  return new Ours(await createNode(optionsOf(setup)))
}

function optionsOf(setup: Setup): NodeOptions {
  const {
    networkId,
    listen = true,
    bootstrap,
    mdns = false,
    dialsByItself = true,
    pings = true,
    ownDht = true,
    maxConnections
  } = setup
  const interfaces = { enabled: true, interfaces: ['127.0.0.1'], serviceTag: '_penin-bench._udp.local' }
  return {
    env: {},
    networkId,
    listen: listen ? ['/ip4/127.0.0.1/tcp/0'] : [],
    discovery: { mdns: mdns ? interfaces : false, ...(ownDht ? {} : { dht: false }) },
    ...(bootstrap === undefined ? {} : { bootstrap: [bootstrap] }),
    // The longest interval there is: no ping before a measurement is over.
    ...(pings ? {} : { heartbeat: { interval: 90_000 } }),
    connections: {
      ...(dialsByItself ? {} : { target: 0 }),
      ...(maxConnections === undefined ? {} : { max: maxConnections })
    }
  }
}

class Ours implements ContenderNode {
  readonly ready = new ReadyPeers()
  readonly #node: PeninNode

  constructor(node: PeninNode) {
    this.#node = node
    node.addEventListener('peer:connected', ({ detail }) => {
      this.ready.add(detail.id.toString())
    })
    node.addEventListener('peer:disconnected', ({ detail }) => {
      this.ready.delete(detail.id.toString())
    })
  }

  get address(): string {
    return this.#node.addresses[0]?.toString() ?? ''
  }

  /** The way of `node.peers.add()`, which waits for the hello as well, and so has only the second number. */
  async dial(address: string): Promise<DialTimes | undefined> {
    const target = { addresses: [multiaddr(address)] }
    if (this.#node.libp2p.getConnections().length > 0) return undefined
    const from = performance.now()
    await this.#node.libp2p.services.keeper.dial(target)
    const open = performance.now() - from
    await this.ready.untilThere(idOf(address))
    return { open, ready: performance.now() - from }
  }

  async leave(address: string): Promise<void> {
    await leavePeer(this.#node.libp2p, address)
  }

  async stop(): Promise<void> {
    await this.#node.stop()
  }
}
