import { setTimeout as pause } from 'node:timers/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { dhtProtocols } from '@penin/node'
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { expect, it } from 'vitest'
import { Cluster, until } from '@penin/e2e'

/** A plain libp2p node with Noise and Yamux under their old names, as it is out there. */
async function plainNode(services: Libp2pOptions['services'] = {}): Promise<Libp2p<Record<string, unknown>>> {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux() as never], // its types are older than libp2p's
    services: { identify: identify(), ping: ping(), ...services }
  })
}

interface PingService {
  ping(target: unknown): Promise<number>
}

it('a plain libp2p node with the old Noise and Yamux packages and ours connect both ways, ping and identify', async () => {
  await using cluster = new Cluster()
  const ours = await cluster.start('ours', { foreignPeers: 'allow' })
  const plain = await plainNode()
  try {
    const identified = Promise.withResolvers<string | undefined>()
    plain.addEventListener('peer:identify', ({ detail }) => {
      identified.resolve(detail.agentVersion)
    })
    expect(await (plain.services['ping'] as PingService).ping(multiaddr(ours.address))).toBeGreaterThanOrEqual(0)
    expect(await identified.promise).toMatch(/^penin\//)
    await until(async () => (await ours.request('peers', {})).some((peer) => peer.state === 'foreign'), {
      ms: 10_000,
      what: 'the plain node is not listed as foreign'
    })
    await plain.hangUp(plain.getPeers()[0] as never)
    await until(async () => (await ours.request('connections', undefined)).length === 0, {
      ms: 5_000,
      what: 'still connected'
    })

    const dialled = await ours.request('add', { address: plain.getMultiaddrs()[0]?.toString() ?? '' })
    expect(dialled).toMatchObject({ id: plain.peerId.toString(), state: 'foreign', direction: 'outbound' })
    expect(await ours.connected()).toEqual([]) // foreign peers never count
  } finally {
    await plain.stop()
  }
  expect(cluster.unhandled).toEqual([])
})

it('by default a foreign peer is let go, with the reason, unless it serves this network\u2019s DHT', async () => {
  await using cluster = new Cluster()
  const ours = await cluster.start('ours', { discovery: { mdns: false, dht: true } })
  const stranger = await plainNode()
  const server = await plainNode({
    dht: kadDHT({ protocol: dhtProtocols('penin').lan, clientMode: false, peerInfoMapper: passthroughMapper }) as never
  })
  try {
    await expect(ours.request('add', { address: stranger.getMultiaddrs()[0]?.toString() ?? '' })).rejects.toMatchObject(
      {
        name: 'ForeignPeerError'
      }
    )
    const kept = await ours.request('add', { address: server.getMultiaddrs()[0]?.toString() ?? '' })
    expect(kept.state).toBe('foreign')
    await until(async () => (await ours.request('stats', undefined)).dht['lan']?.peers === 1, {
      ms: 10_000,
      what: 'the foreign DHT server is not in the routing table'
    })
  } finally {
    await Promise.all([stranger.stop(), server.stop()])
  }
  expect(cluster.unhandled).toEqual([])
})

it('strangers can make the DHT store nothing: neither providers nor values', async () => {
  await using cluster = new Cluster()
  const ours = await cluster.start('ours', { discovery: { mdns: false, dht: true } })
  const server = await plainNode({
    dht: kadDHT({ protocol: dhtProtocols('penin').lan, clientMode: false, peerInfoMapper: passthroughMapper }) as never
  })
  try {
    await ours.request('add', { address: server.getMultiaddrs()[0]?.toString() ?? '' })
    const stats = async (): Promise<number> => (await ours.request('stats', undefined)).dht['lan']?.peers ?? 0
    await until(async () => (await stats()) === 1, { ms: 10_000, what: 'no routing table' })
    const before = await ours.request('keys', '/')
    for (let i = 0; i < 20; i++) {
      const cid = CID.createV1(raw.code, await sha256.digest(new Uint8Array([i])))
      await server.contentRouting.provide(cid, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
    }
    const { publicKey } = await generateKeyPair('Ed25519')
    const key = Buffer.concat([Buffer.from('/pk/'), publicKey.toMultihash().bytes])
    const value = publicKeyToProtobuf(publicKey)
    await server.contentRouting.put(key, value, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
    const after = await ours.request('keys', '/')
    // what the node itself notes of the peer is not what the stranger wanted stored
    const own = /^\/(peers|penin\/(book|reputation))\//
    expect(after.filter((name) => !before.includes(name) && !own.test(name))).toEqual([])
  } finally {
    await server.stop()
  }
  expect(cluster.unhandled).toEqual([])
})

it('a peer that is let go stays gone: nobody redials behind the dialler’s back', async () => {
  await using cluster = new Cluster()
  const discovery = { mdns: false, dht: true }
  const connections = { target: 0 }
  const a = await cluster.start('a', { discovery, connections })
  const b = await cluster.start('b', { discovery, connections })
  await a.request('add', { address: b.address })
  await until(async () => (await a.request('stats', undefined)).dht['lan']?.peers === 1, {
    ms: 10_000,
    what: 'no routing table'
  })
  await pause(6_000) // so long kad-dht takes to choose whom it would keep alive
  await a.request('remove', b.id)
  await pause(3_000) // so long libp2p takes to redial those
  expect(await a.request('connections', undefined)).toEqual([])
})
