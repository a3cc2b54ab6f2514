import { expect, it } from 'vitest'
import { Cluster, until, type ConnectionJson, type NodeProcess } from '@penin/e2e'

it('20 nodes started at once against one bootstrap node are all connected, and none is refused', async () => {
  await using cluster = new Cluster()
  const bootstrap = await cluster.start('bootstrap', { profile: 'bridge' })
  const nodes = await cluster.startMany(20, 'node', { bootstrap: [bootstrap.address] })

  await cluster.formed({ ms: 30_000 })
  for (const node of nodes) {
    await node.event('peer:connected', ({ detail }) => detail['id'] === bootstrap.id)
  }
  const { connections } = await bootstrap.request('stats', undefined)
  expect(Object.values(connections.refused).every((count) => count === 0)).toBe(true)
  expect(cluster.nodes.flatMap((node) => node.events.filter((event) => event.name === 'connection:refused'))).toEqual(
    []
  )
  expect(cluster.unhandled).toEqual([])
})

it('nodes that know only a bootstrap node find each other through the DHT', async () => {
  await using cluster = new Cluster()
  const discovery = { mdns: false, pex: false, dht: true }
  const bootstrap = await cluster.start('bootstrap', { profile: 'bridge', discovery })
  const nodes = await cluster.startMany(6, 'node', { bootstrap: [bootstrap.address], discovery })

  await cluster.formed({ ms: 30_000, minimum: 6 })
  const sources = await Promise.all(nodes.map(async (node) => node.request('peers', { connected: true })))
  expect(sources.flat().some((peer) => peer.sources.includes('dht'))).toBe(true)
  expect(cluster.unhandled).toEqual([])
})

it('nodes without any configuration find each other by mDNS, here on loopback', async () => {
  await using cluster = new Cluster()
  const nodes = await cluster.startMany(4, 'node', {
    discovery: { mdns: { interfaces: ['127.0.0.1'] }, dht: false, pex: false }
  })

  await cluster.formed({ ms: 20_000, minimum: 3 })
  const peers = (await Promise.all(nodes.map(async (node) => node.request('peers', { connected: true })))).flat()
  expect(peers.every((peer) => peer.sources.includes('mdns') || peer.direction === 'inbound')).toBe(true)
  expect(cluster.unhandled).toEqual([])
})

it('two nodes that dial each other at the same moment end with one connection, the same at both ends', async () => {
  await using cluster = new Cluster()
  const a = await cluster.start('a')
  const b = await cluster.start('b')
  for (let round = 0; round < 10; round++) {
    await Promise.allSettled([a.request('add', { address: b.address }), b.request('add', { address: a.address })])
    const [ofA, ofB] = await until(() => oneEach(a, b), {
      ms: 20_000,
      what: `round ${round}: not one connection at each end`
    })
    expect([ofA.direction, ofB.direction].sort()).toEqual(['inbound', 'outbound'])
    await Promise.all([a.request('remove', b.id), b.request('remove', a.id)])
    await until(async () => (await a.request('connections', undefined)).length === 0, {
      ms: 10_000,
      what: 'still connected'
    })
  }
  expect(cluster.unhandled).toEqual([])
})

async function oneEach(a: NodeProcess, b: NodeProcess): Promise<[ConnectionJson, ConnectionJson] | undefined> {
  const [ofA, ofB] = await Promise.all([a.request('connections', undefined), b.request('connections', undefined)])
  return ofA[0] != null && ofB[0] != null && ofA.length === 1 && ofB.length === 1 ? [ofA[0], ofB[0]] : undefined
}
