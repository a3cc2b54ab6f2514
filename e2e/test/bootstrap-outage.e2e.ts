import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Cluster, until, type NodeProcess } from '@penin/e2e'

it('a bootstrap node that is down at the start and comes up 10 s later is found within 15 s', async () => {
  await using cluster = new Cluster()
  const bootstrap = await cluster.start('bootstrap', { profile: 'bridge' })
  await bootstrap.stop()
  const nodes = await cluster.startMany(5, 'node', { bootstrap: [bootstrap.address] })
  await pause(10_000) // the scenario: so long nobody is there
  await bootstrap.start()

  await eachConnectedTo(nodes, bootstrap.id, 15_000)
  expect(cluster.unhandled).toEqual([])
})

it('after a restart of the bootstrap node everybody is back within 15 s', async () => {
  await using cluster = new Cluster()
  const bootstrap = await cluster.start('bootstrap', { profile: 'bridge' })
  const nodes = await cluster.startMany(5, 'node', { bootstrap: [bootstrap.address] })
  await eachConnectedTo(nodes, bootstrap.id, 15_000)

  await bootstrap.kill()
  await until(
    async () => (await Promise.all(nodes.map(async (n) => n.connected()))).every((p) => !p.includes(bootstrap.id)),
    {
      ms: 10_000,
      what: 'the loss was not noticed'
    }
  )
  const addressBefore = bootstrap.address
  await bootstrap.start()
  expect(bootstrap.address).toBe(addressBefore) // the port is kept over restarts, or nobody could find it

  await eachConnectedTo(nodes, bootstrap.id, 15_000)
  expect(cluster.unhandled).toEqual([])
})

it('the network outlives its bootstrap node, also when each node in turn restarts from its database', async () => {
  await using cluster = new Cluster()
  const discovery = { mdns: false, dht: true }
  const bootstrap = await cluster.start('bootstrap', { profile: 'bridge', discovery })
  const nodes = await cluster.startMany(5, 'node', { bootstrap: [bootstrap.address], discovery })
  await cluster.formed({ ms: 30_000, minimum: 4 })

  await bootstrap.kill() // for good
  await cluster.formed({ ms: 15_000, nodes, minimum: 3 })
  for (const node of nodes) {
    await node.stop()
    await node.start()
    await cluster.formed({ ms: 20_000, nodes })
    const back = await node.request('peers', { connected: true })
    expect(back.some((peer) => peer.sources.includes('store'))).toBe(true)
  }
  expect(cluster.unhandled).toEqual([])
})

it('a network whose nodes all restart at once without the bootstrap node finds itself again', async () => {
  await using cluster = new Cluster()
  const discovery = { mdns: false, dht: true }
  const bootstrap = await cluster.start('bootstrap', { profile: 'bridge', discovery })
  const nodes = await cluster.startMany(5, 'node', { bootstrap: [bootstrap.address], discovery })
  await cluster.formed({ ms: 30_000, minimum: 4 })

  await bootstrap.kill()
  await Promise.all(nodes.map(async (node) => node.kill()))
  await Promise.all(nodes.map(async (node) => node.start()))
  await cluster.formed({ ms: 20_000, nodes })
  expect(cluster.unhandled).toEqual([])
})

async function eachConnectedTo(nodes: NodeProcess[], id: string, ms: number): Promise<void> {
  let missing: string[] = []
  await until(
    async () => {
      const states = await Promise.all(nodes.map(async (node) => ({ node, peers: await node.connected() })))
      missing = states.filter(({ peers }) => !peers.includes(id)).map(({ node }) => node.name)
      return missing.length === 0
    },
    { ms, what: () => `not connected to the bootstrap node: ${missing.join(', ')}` }
  )
}
