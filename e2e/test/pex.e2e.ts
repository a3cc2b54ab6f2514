import { Cluster, until } from '@penin/e2e'
import { expect, it } from 'vitest'

/** Peer exchange and nothing else. */
const discovery = { mdns: false, dht: false, pex: true }
const TARGET = 8

it('30 nodes that know only one bootstrap node reach their target by peer exchange alone', async () => {
  await using cluster = new Cluster()
  const bootstrap = await cluster.start('bootstrap', { profile: 'bridge', discovery, connections: { target: 0 } })
  const config = { bootstrap: [bootstrap.address], discovery, connections: { target: TARGET, max: 32 } }
  const nodes = []
  for (let batch = 0; batch < 6; batch++) {
    nodes.push(...(await cluster.startMany(5, `node-${batch}`, config)))
  }
  await cluster.formed({ ms: 30_000, nodes, minimum: TARGET })
  const views = await Promise.all(nodes.map(async (node) => node.request('peers', { connected: true })))
  expect(views.flat().some((peer) => peer.sources.includes('pex'))).toBe(true)
  const ids = new Set(nodes.map((node) => node.id))
  // Links go both ways, so whoever has a node among its peers is one of those the node has among its own.
  const inDegrees = views.map((view) => view.filter(({ id }) => ids.has(id)).length)
  expect(spread(inDegrees)).toBeLessThanOrEqual(2 * randomSpread(inDegrees))
  expect(cluster.unhandled).toEqual([])
})

/** The standard deviation. */
function spread(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

/** The standard deviation of the degrees in a random graph with as many nodes and edges: that of a binomial distribution. */
function randomSpread(degrees: readonly number[]): number {
  const mean = degrees.reduce((sum, value) => sum + value, 0) / degrees.length
  return Math.sqrt(mean * (1 - mean / (degrees.length - 1)))
}

it('a peer that is told of by others is dialled, greeted and told of in turn', async () => {
  await using cluster = new Cluster()
  const hub = await cluster.start('hub', { discovery })
  const a = await cluster.start('a', { discovery, bootstrap: [hub.address] })
  await a.event('peer:connected')
  const b = await cluster.start('b', { discovery, bootstrap: [hub.address] })
  await until(async () => (await b.connected()).includes(a.id), { ms: 60_000, what: 'b has not heard of a' })
  // whichever of the two has heard of the other first has dialled it; or both have
  const views = [
    (await b.request('peers', { connected: true })).find((peer) => peer.id === a.id),
    (await a.request('peers', { connected: true })).find((peer) => peer.id === b.id)
  ]
  const told = views.filter((peer) => peer?.sources.includes('pex'))
  expect(told).not.toEqual([])
  expect(told.flatMap((peer) => peer?.addresses ?? []).every((address) => address.certified)).toBe(true)
  expect(cluster.unhandled).toEqual([])
})
