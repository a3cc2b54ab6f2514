import { Cluster, until, type NodeProcess } from '@penin/e2e'
import { expect, it } from 'vitest'

/** Nothing that could tell a node of others. */
const nothing = { mdns: false, dht: false, pex: false, bootstrap: false }

const isOutbound = ({ direction }: { direction?: string }): boolean => direction === 'outbound'

/** Starts nodes again that from now on can know others only from their address books. */
async function restartFromBooks(nodes: readonly NodeProcess[]): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      node.config = { ...node.config, bootstrap: [], discovery: nothing }
      await node.start()
    })
  )
}

it('all nodes restarted with the bootstrap node gone are one network again, from their address books alone', async () => {
  await using cluster = new Cluster()
  const discovery = { mdns: false, dht: false, pex: true }
  const bootstrap = await cluster.start('bootstrap', { profile: 'bridge', discovery, connections: { target: 0 } })
  const nodes = await cluster.startMany(8, 'node', {
    bootstrap: [bootstrap.address],
    discovery,
    connections: { target: 4, max: 16 }
  })
  await cluster.formed({ ms: 60_000, nodes, minimum: 4 })

  await bootstrap.kill()
  await Promise.all(nodes.map(async (node) => node.stop()))
  await restartFromBooks(nodes)
  await cluster.formed({ ms: 20_000, nodes, minimum: 1 })

  for (const node of nodes) {
    const { book, counters } = await node.request('stats', undefined)
    expect(book.size).toBeGreaterThan(0)
    expect(counters.discovered).not.toHaveProperty('pex')
    const peers = await node.request('peers', { connected: true })
    expect(
      peers.filter(({ direction }) => direction === 'outbound').every((peer) => peer.sources.includes('store'))
    ).toBe(true)
  }
  // Whoever had dialled somebody before has anchors, and they were dialled.
  const reasons = await Promise.all(
    nodes.map(async (node) => (await node.request('stats', undefined)).counters.dials.byReason)
  )
  expect(reasons.filter(({ anchor = 0 }) => anchor > 0).length).toBeGreaterThanOrEqual(4)

  // One that wants a single peer, and dials one at a time, dials an anchor, whoever else is in its book.
  const lists = await Promise.all(nodes.map(async (node) => node.request('peers', { connected: true })))
  const one = nodes[lists.findIndex((peers) => peers.some(isOutbound))] as NodeProcess
  await one.stop()
  // it doesn't listen, for an anchor that dials it first would not be dialled
  one.config = { ...one.config, listen: [], connections: { target: 1, minOutbound: 1, parallelDials: 1 } }
  await one.start()
  await until(async () => (await one.request('peers', { connected: true })).some(isOutbound), {
    ms: 20_000,
    what: 'the restarted node dials nobody'
  })
  const { book, counters } = await one.request('stats', undefined)
  expect(book.size).toBeGreaterThan(2)
  expect(counters.dials.byReason).toEqual({ anchor: 1 })
  expect(cluster.unhandled).toEqual([])
})

it('a seed is asked for peers and then let go, and a bootstrap peer is kept', async () => {
  await using cluster = new Cluster()
  const discovery = { mdns: false, dht: false, pex: true }
  const seed = await cluster.start('seed', { profile: 'bridge', discovery, connections: { target: 0 } })
  const settled = await cluster.startMany(3, 'settled', { bootstrap: [seed.address], discovery })
  await cluster.formed({ ms: 60_000 })

  const node = await cluster.start('newcomer', { seeds: [seed.address], discovery, connections: { target: 3 } })
  await node.event('peer:disconnected', ({ detail }) => detail['id'] === seed.id)
  await cluster.formed({ ms: 60_000, nodes: [node, ...settled], minimum: 3 })
  const { counters } = await node.request('stats', undefined)
  expect(counters.dials.byReason.seed).toBe(1)
  expect(await node.connected()).not.toContain(seed.id)
  expect(await settled[0]?.connected()).toContain(seed.id)
  expect(cluster.unhandled).toEqual([])
})
