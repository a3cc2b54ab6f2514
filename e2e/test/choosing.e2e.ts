import { Cluster, until } from '@penin/e2e'
import { expect, it } from 'vitest'

/** Nobody finds anybody but by what is configured. */
const discovery = { mdns: false, dht: false, pex: false }

it('of five that try to connect to a node for two exactly two stay, and the other three are told why', async () => {
  await using cluster = new Cluster()
  const hub = await cluster.start('hub', { discovery, connections: { max: 2, target: 0 } })
  const others = await cluster.startMany(5, 'node', { discovery, connections: { target: 0 } })
  await Promise.allSettled(others.map(async (other) => other.request('add', { address: hub.address })))

  await until(async () => (await hub.request('connections', undefined)).length === 2, { ms: 30_000, what: 'not two' })
  const connected = await hub.connected()
  expect(connected).toHaveLength(2)
  for (const other of others.filter(({ id }) => !connected.includes(id))) {
    await other.event('peer:refused', ({ detail }) => detail['name'] === 'NoRoomError' && detail['id'] === hub.id)
    const { reasons } = await other.request('explain', hub.id)
    expect(reasons.join(' ')).toMatch(/has no room for this node: too-many-(inbound|connections)/)
  }
  expect(cluster.unhandled).toEqual([])
})

it('a peer that is killed is replaced within 10 s', async () => {
  await using cluster = new Cluster()
  const found = { ...discovery, pex: true }
  const hub = await cluster.start('hub', { profile: 'bridge', discovery: found, connections: { target: 0 } })
  const config = { bootstrap: [hub.address], discovery: found, connections: { target: 4, max: 16 } }
  const nodes = await cluster.startMany(7, 'node', config)
  await cluster.formed({ ms: 60_000, nodes, minimum: 4 })

  const [victim, ...others] = nodes
  await victim?.kill()
  await until(
    async () =>
      (await Promise.all(others.map(async (node) => node.connected()))).every(
        (peers) => peers.length >= 4 && !peers.includes(victim?.id ?? '')
      ),
    { ms: 10_000, what: 'not everybody has four living peers' }
  )
  expect(cluster.unhandled).toEqual([])
})

it('when strangers have taken all inbound places, outbound, persistent and unconditional peers still get in', async () => {
  await using cluster = new Cluster()
  const [friend, mate, server] = await Promise.all([
    cluster.make('friend', { discovery, connections: { target: 0 } }),
    cluster.make('mate', { discovery, connections: { target: 0 } }),
    cluster.start('server', { discovery, connections: { target: 0 } })
  ])
  await Promise.all([friend.start(), mate.start()])
  const hub = await cluster.start('hub', {
    discovery,
    connections: { max: 4, maxInbound: 3, minOutbound: 1, target: 1 },
    unconditionalPeers: [friend.id],
    persistentPeers: [mate.address]
  })
  const strangers = await cluster.startMany(6, 'stranger', { discovery, connections: { target: 0 } })
  await Promise.allSettled(strangers.map(async (stranger) => stranger.request('add', { address: hub.address })))
  await until(async () => (await hub.connected()).length >= 3, { ms: 30_000, what: 'no three strangers' })

  await friend.request('add', { address: hub.address })
  await hub.request('add', { address: server.address })
  await until(
    async () => {
      const connected = await hub.connected()
      return [friend, mate, server].every(({ id }) => connected.includes(id))
    },
    { ms: 30_000, what: 'friend, mate and server are not all there' }
  )
  const peers = await hub.request('peers', { connected: true })
  const ids = strangers.map(({ id }) => id)
  expect(peers.filter(({ id, direction }) => ids.includes(id) && direction === 'inbound').length).toBeLessThanOrEqual(3)
  expect(cluster.unhandled).toEqual([])
})
