import { createNode, type NodeOptions, type PeninNode } from '@penin/node'

/** A node on loopback that looks for nobody. */
export async function quietNode(options: NodeOptions = {}): Promise<PeninNode> {
  return createNode({
    env: {},
    listen: ['/ip4/127.0.0.1/tcp/0'],
    discovery: { mdns: false, dht: false, pex: false },
    ...options
  })
}
