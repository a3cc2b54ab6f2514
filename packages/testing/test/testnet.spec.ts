import { PeninNode } from '@penin/node'
import { expect, it, vi } from 'vitest'
import { createTestnet } from '../src/index.js'

it('connects every node to the bootstrap node, and one more that comes later', async () => {
  await using net = await createTestnet(3)
  expect(net.nodes).toHaveLength(3)
  expect(net.bootstrap).toBe(net.nodes[0])
  const late = await net.add()
  expect(net.bootstrap.peers.list({ connected: true })).toHaveLength(3)
  expect(late.isRunning).toBe(true)
  await net.stop()
  expect(net.nodes.map((node) => node.isRunning)).toEqual([false, false, false, false])
})

it('connects everybody to everybody in a mesh', async () => {
  await using net = await createTestnet(4, { mesh: true })
  expect(net.nodes.map((node) => node.peers.list({ connected: true }).length)).toEqual([3, 3, 3, 3])
})

it('lets nodes find each other by mDNS on loopback alone, if asked to', async () => {
  await using net = await createTestnet(2, { mdns: true, node: { bootstrap: [] } })
  expect(net.nodes.flatMap((node) => node.peers.list({ connected: true })[0]?.sources)).toContain('mdns')
})

it('does not read the environment of the process', async () => {
  vi.stubEnv('PENIN_NETWORK_ID', 'not this one')
  vi.stubEnv('PENIN_BOOTSTRAP', '/ip4/127.0.0.1/tcp/1')
  try {
    await using net = await createTestnet(1)
    expect(net.bootstrap.config.networkId).toMatch(/^testnet-/)
    expect(net.bootstrap.config.bootstrap).toEqual([])
  } finally {
    vi.unstubAllEnvs()
  }
})

it('stops whatever has started when a later node fails', async () => {
  const stop = vi.spyOn(PeninNode.prototype, 'stop')
  try {
    // no machine has this address, which is kept for documentation
    const failing = createTestnet(3, { node: (index) => (index === 2 ? { listen: ['/ip4/192.0.2.1/tcp/0'] } : {}) })
    await expect(failing).rejects.toMatchObject({ name: 'ListenError' })
    expect(new Set(stop.mock.contexts).size).toBe(3)
    await Promise.all(stop.mock.results.map(async ({ value }) => value as Promise<void>))
    expect(stop.mock.contexts.map((node) => (node as PeninNode).isRunning)).not.toContain(true)
  } finally {
    stop.mockRestore()
  }
})
