import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { AddressManager } from '@libp2p/interface-internal'
import { dns as createDns, RecordType } from '@multiformats/dns'
import { hello } from '@penin/hello'
import { until } from '@penin/testing'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createNode, type NodeOptions, type PeninNode } from '../src/index.js'
import { named } from './view-support.js'

const quiet: NodeOptions = {
  env: {},
  listen: ['/ip4/127.0.0.1/tcp/0'],
  discovery: { mdns: false, dht: false }
}

const nodes: PeninNode[] = []
const folders: string[] = []

async function start(options: NodeOptions = {}): Promise<PeninNode> {
  const node = await createNode({ ...quiet, ...options })
  nodes.push(node)
  return node
}

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'penin-node-'))
  folders.push(dir)
  return dir
}

function portOf(node: PeninNode): string | undefined {
  return /\/tcp\/(\d+)/.exec(node.addresses[0]?.toString() ?? '')?.[1]
}

afterEach(async () => {
  await Promise.all(nodes.splice(0).map(async (node) => node.stop()))
  await Promise.all(folders.splice(0).map(async (dir) => rm(dir, { recursive: true, force: true })))
})

describe('life', () => {
  it('stopping twice, and at once, is one stop; afterwards nothing can be asked of the node', async () => {
    const node = await start()
    await Promise.all([node.stop(), node.stop()])
    await node.stop()
    expect(node.isRunning).toBe(false)
    await expect(node.peers.add('127.0.0.1:1')).rejects.toMatchObject({ name: 'NotRunningError' })
  })

  it('a start that is aborted leaves nothing open', async () => {
    const dataDir = await folder()
    for (const delay of [0, 1, 5, 20]) {
      const controller = new AbortController()
      const starting = createNode({ ...quiet, dataDir, signal: controller.signal })
      const aborting = new Promise<void>((resolve) => {
        setTimeout(() => {
          controller.abort()
          resolve()
        }, delay)
      })
      const [outcome] = await Promise.allSettled([starting, aborting])
      if (outcome.status === 'fulfilled') {
        await outcome.value.stop() // it was quicker
      }
      await (await start({ dataDir })).stop() // neither the lock nor the port is held any more
    }
  })

  it('a program that stops its node, or leaves its block, exits by itself', async () => {
    const entry = new URL('../dist/index.js', import.meta.url).href
    const program = `
      import { createNode } from '${entry}'
      const quiet = { env: {}, listen: ['/ip4/127.0.0.1/tcp/0'], discovery: { mdns: { interfaces: ['127.0.0.1'] } } }
      const other = await createNode(quiet)
      {
        await using node = await createNode(quiet)
        await node.peers.add(other.addresses[0].toString())
      }
      await other.stop()
      console.log('done')`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 30_000
    })
    expect(stdout).toContain('done')
  })
})

describe('configured peers', () => {
  it('one bad bootstrap entry is a warning with key, value and reason, and does not stop the start', async () => {
    const friend = await start()
    const node = await start({ bootstrap: ['not an address', friend.addresses[0]?.toString() ?? ''] })
    expect(node.warnings).toEqual([
      expect.stringMatching(/^bootstrap\.0: "not an address" is no peer address .*the entry is ignored$/)
    ])
    await until(() => node.peers.list({ connected: true }).length === 1, { message: 'not connected' })
  })

  it('an unresolvable name and a closed port are warnings, once each, and the node goes on', async () => {
    const node = await start({
      bootstrap: ['no-such-host.invalid:4001', '127.0.0.1:9'],
      connections: { dialTimeout: 3000 }
    })
    await until(() => node.warnings.length >= 2, { timeoutMs: 15_000, message: 'no two warnings' })
    expect(node.warnings.some((text) => /bootstrap peer .*no-such-host\.invalid.* out of reach/.test(text))).toBe(true)
    expect(node.warnings.some((text) => /bootstrap peer .*127\.0\.0\.1\/tcp\/9 .*ECONNREFUSED/.test(text))).toBe(true)
    await until(() => node.stats().counters.dials.failed >= 4, { timeoutMs: 15_000, message: 'not tried again' })
    expect(node.warnings).toHaveLength(2)
  })

  it('bootstrap entries may be host:port, ID@host:port, or a dnsaddr name', async () => {
    const friend = await start()
    const port = portOf(friend) ?? ''
    const resolver = async (name: string): Promise<never> =>
      ({
        Status: 0,
        TC: false,
        RD: true,
        RA: true,
        AD: false,
        CD: false,
        Question: [],
        Answer: [{ name, type: RecordType.TXT, TTL: 60, data: `dnsaddr=${friend.addresses[0]?.toString() ?? ''}` }]
      }) as never
    const dns = createDns({ resolvers: { '.': resolver } })
    for (const entry of [
      `127.0.0.1:${port}`,
      `${friend.id.toString()}@127.0.0.1:${port}`,
      '/dnsaddr/boot.penin.test'
    ]) {
      const node = await start({ bootstrap: [entry], dns })
      await until(() => node.peers.list({ connected: true }).length === 1, {
        timeoutMs: 10_000,
        message: `${entry}: not connected`
      })
      expect(node.peers.get(friend.id)).toMatchObject({ persistence: 'bootstrap' })
      await node.stop()
    }
  })

  it('a new bootstrap list takes the place of the old one', async () => {
    const friend = await start()
    const node = await start()
    node.setBootstrap([friend.addresses[0]?.toString() ?? '', 'nonsense'])
    await until(() => node.peers.list({ connected: true }).length === 1, { message: 'not connected' })
    expect(node.warnings).toEqual([expect.stringContaining('bootstrap.1')])
    node.setBootstrap([])
    expect(node.peers.get(friend.id).persistence).toBeUndefined()
    expect(node.peers.get(friend.id).state).toBe('connected')
  })

  it('seeds are tried, with and without a name, and then are peers like any other', async () => {
    const [a, b] = [await start(), await start()]
    const node = await start({ seeds: [`127.0.0.1:${portOf(a) ?? ''}`, b.addresses[0]?.toString() ?? ''] })
    await until(() => node.peers.list({ connected: true }).length === 2, { message: 'not connected' })
    expect(node.peers.list().map((peer) => peer.persistence)).toEqual([undefined, undefined])
    expect(node.peers.list({ source: 'seed' })).toHaveLength(2)
  })
})

describe('what is kept and queued', () => {
  it('of more than a hundred warnings the latest hundred are kept, those of the start as well', async () => {
    const bad = (name: string): string[] => Array.from({ length: 150 }, (_, i) => `${name} ${i}`)
    const node = await start({ bootstrap: bad('first') })
    expect([node.warnings.length, node.warnings[0]]).toEqual([100, expect.stringContaining('"first 50"')])
    node.setBootstrap(bad('second'))
    expect([node.warnings.length, node.warnings.at(-1)]).toEqual([100, expect.stringContaining('"second 149"')])
    expect(() => {
      node.setBootstrap(Array<string>(257).fill('127.0.0.1:1'))
    }).toThrow(expect.objectContaining({ name: 'ConfigError', key: 'bootstrap' }) as Error)
  })

  it('a dial beyond 500, twice as many under way as may be planned, is refused at once, and stop() ends the others', async () => {
    let accepted = 0
    const silent = createServer(() => accepted++).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const node = await start({ connections: { parallelDials: 2, dialTimeout: 120_000 } })
    const refused: Error[] = []
    const dials = Array.from({ length: 503 }, async (_, i) =>
      node.peers
        .add(`/ip4/127.0.0.1/tcp/${(silent.address() as AddressInfo).port}/p2p/${named(String(i)).toString()}`)
        .catch((error: Error) => refused.push(error))
    )
    await until(() => refused.length >= 3 && accepted >= 4, { message: () => `${refused.length} ${accepted}` })
    expect([accepted, refused.map(({ name }) => name)]).toEqual([4, Array(3).fill('DialFailedError')])
    await node.stop()
    await Promise.all(dials)
    silent.close()
    expect(accepted).toBe(4)
    expect(refused.slice(3).map(({ name }) => name)).toEqual(Array(500).fill('NotRunningError'))
  })

  it('of the addresses at which peers say they see this host the latest 1024 are remembered', async () => {
    const node = await start()
    const { components } = node.libp2p as unknown as {
      components: { addressManager: AddressManager & { observedAddressFilter: { size: number } } }
    }
    const { addressManager } = components
    for (let i = 0; i < 3_000; i++) {
      addressManager.addObservedAddr(multiaddr(`/ip4/5.9.${i >> 8}.${i & 255}/udp/4001/quic-v1`))
    }
    expect([addressManager.observedAddressFilter.size, addressManager.getObservedAddrs().length]).toEqual([1024, 10])
  })

  it('what libp2p has stored of a peer it leaves out after 30 days in which nobody has confirmed it', async () => {
    const node = await start()
    const peer = named('somebody')
    const { peerStore } = node.libp2p
    const known = async (): Promise<boolean> => (await peerStore.all()).some(({ id }) => id.equals(peer))
    const from = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: from })
    try {
      await peerStore.merge(peer, { multiaddrs: [multiaddr('/ip4/203.0.113.7/tcp/4001')] })
      vi.setSystemTime(from + 30 * 86_400_000 - 1)
      expect([(await peerStore.get(peer)).addresses.length, await known()]).toEqual([1, true])
      vi.setSystemTime(from + 30 * 86_400_000 + 1)
      expect(await known()).toBe(false)
      await expect(peerStore.get(peer)).rejects.toMatchObject({ name: 'NotFoundError' })
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('ports', () => {
  it('a taken port is one line that names the key, the address and the way out', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      const dataDir = await folder()
      await expect(start({ dataDir, listen: [`/ip4/127.0.0.1/tcp/${port}`] })).rejects.toMatchObject({
        name: 'ListenError',
        message: expect.stringMatching(
          new RegExp(`^listen: cannot listen on /ip4/127.0.0.1/tcp/${port}: the port is taken[^\\n]*$`)
        ) as string
      })
      await (await start({ dataDir })).stop() // the failed start has let go of the database
    } finally {
      server.close()
    }
  })

  it('of several entries each keeps its own port', async () => {
    const options = {
      dataDir: await folder(),
      listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.2/tcp/0']
    }
    const first = await start(options)
    const addresses = first.addresses.map(String)
    expect(new Set(addresses).size).toBe(3)
    await first.stop()
    expect((await start(options)).addresses.map(String)).toEqual(addresses)
  })

  it('port 0 keeps its port over restarts, unless somebody else has it now', async () => {
    const dataDir = await folder()
    const first = await start({ dataDir })
    const port = portOf(first)
    await first.stop()
    const second = await start({ dataDir })
    expect(portOf(second)).toBe(port)
    await second.stop()

    const server = createServer().listen(Number(port), '127.0.0.1')
    await once(server, 'listening')
    const third = await start({ dataDir })
    expect(portOf(third)).not.toBe(port)
    server.close()
  })
})

describe('what a program hands in', () => {
  it('a key of another kind than Ed25519 is refused at once: no peer would take it', async () => {
    const privateKey = await generateKeyPair('secp256k1')
    await expect(start({ privateKey })).rejects.toMatchObject({ name: 'InvalidArgumentError', argument: 'privateKey' })
    await expect(start({ privateKey: 'x' as never })).rejects.toMatchObject({ name: 'InvalidArgumentError' })
  })

  it('a data directory that can not be made is an error, not a wait', async () => {
    await expect(start({ dataDir: '/proc/penin/deep' })).rejects.toMatchObject({
      name: expect.stringMatching(/^Datastore/) as string
    })
  })

  it('capabilities of the wrong shape are refused by name, and change nothing', async () => {
    const node = await start({ capabilities: { tools: ['search'] } })
    for (const bad of [{ tools: 'abc' }, { tools: [1] }, { foo: ['x'] }]) {
      expect(() => {
        node.setCapabilities(bad as never)
      }).toThrow(expect.objectContaining({ name: 'HelloInvalidError' }) as Error)
    }
    node.setCapabilities({ tools: undefined, agents: ['a'] })
    expect(node.libp2p.services.hello.own).toMatchObject({ tools: ['search'], agents: ['a'] })
  })

  it('a configured address without id gets through on a node that is full', async () => {
    const [stranger, friend] = [await start(), await start()]
    const full = await start({ connections: { max: 1, target: 1, minOutbound: 0, overflow: 0 } })
    await stranger.peers.add(full.addresses[0]?.toString() ?? '')
    await until(() => full.stats().peers.connected === 1, { message: 'not full' })
    full.setBootstrap([`127.0.0.1:${portOf(friend) ?? ''}`])
    await until(() => full.peers.list({ connected: true }).length === 2, { message: 'it was not let in' })
  })

  it('whom a full node has no room for is told so, and explains it; the node is remembered, and is not asked all the time', async () => {
    const limits = { max: 2, target: 1, maxInbound: 1, minOutbound: 1, overflow: 8 }
    const [full, first, late] = [await start({ connections: limits }), await start(), await start()]
    const address = full.addresses[0]?.toString() ?? ''
    await first.peers.add(address)
    await expect(late.peers.add(address)).rejects.toMatchObject({ name: 'NoRoomError', limit: 'too-many-inbound' })
    expect(late.peers.explain(full.id).reasons.join(' ')).toContain('has no room for this node')
    await until(() => late.libp2p.getConnections(full.id).length === 0, { message: 'it has not left' })
    expect(late.peers.explain(full.id).reasons[0]).toMatch(
      /^Its last connection is over; next dial in \d+ s or later\.$/
    )
  })

  it('whom it had no room for is a peer as soon as a place is free, and told so', async () => {
    const limits = { max: 2, target: 1, maxInbound: 1, minOutbound: 1, overflow: 8 }
    const [full, first] = [
      await start({ connections: limits, networkId: 'places' }),
      await start({ networkId: 'places' })
    ]
    await first.peers.add(full.addresses[0]?.toString() ?? '')
    const guest = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), hello: hello({ networkId: 'places' }) } // it stays, whatever it is told
    })
    try {
      await guest.dial(full.addresses)
      await until(() => guest.services.hello.get(full.id)?.surplus === 'too-many-inbound', { message: 'not told' })
      expect(full.peers.get(guest.peerId).state).toBe('greeting')
      await first.stop()
      await until(() => full.peers.get(guest.peerId).state === 'connected', { message: 'not taken' })
      await until(() => guest.services.hello.get(full.id)?.surplus == null, { message: 'not told that it was' })
      expect(full.peers.list({ connected: true })).toHaveLength(1)
      expect(guest.getConnections()).toHaveLength(1)
    } finally {
      await guest.stop()
    }
  })

  it('a manual dial gets through on a node that is full', async () => {
    const [a, b, full] = [await start(), await start(), await start({ connections: { max: 1 } })]
    await full.peers.add(a.addresses[0]?.toString() ?? '')
    expect((await full.peers.add(b.addresses[0]?.toString() ?? '')).state).toBe('connected')
    expect(full.peers.list({ connected: true })).toHaveLength(2)
  })
})

describe('wishes', () => {
  it('a node keeps the peer that has what it wants, finds it when it has gone, and dials it again', async () => {
    const connections = { target: 0 }
    const [node, able, other] = await Promise.all([
      start({ connections: { target: 0, max: 4, wishes: ['tools:search'] } }),
      start({ connections, capabilities: { tools: ['search'] } }),
      start({ connections, capabilities: { tools: ['paint'] } })
    ])
    const isThere = (peer: PeninNode): boolean =>
      node.peers.list({ connected: true }).some(({ id }) => id.equals(peer.id))
    const reasons: string[] = []
    node.addEventListener('dialling', ({ detail }) => reasons.push(detail.reason))
    await Promise.all([able, other].map(async ({ addresses }) => node.peers.add(String(addresses[0]))))
    const { keeper } = node.libp2p.services
    expect([able, other].map(({ id }) => keeper.isWished(id))).toEqual([true, false])

    await Promise.all([able, other].map(async (peer) => peer.libp2p.hangUp(node.id)))
    await until(() => !isThere(able) && !isThere(other), { message: 'still there' })
    const found = node.peers.list({ capability: { kind: 'tools', name: 'search' } })
    expect(found.map(({ id, state }) => [id.toString(), state])).toEqual([[able.id.toString(), 'known']])
    await until(() => isThere(able), { timeoutMs: 30_000, message: 'not dialled again' })
    expect(reasons).toEqual(['manual', 'manual', 'capability'])
    expect(isThere(other)).toBe(false)
  })
})

describe('refused bootstrap nodes', () => {
  it('one of another network is a warning, and is not dialled again within the hour, after a new list either', async () => {
    const other = await start({ networkId: 'other' })
    const list = [`127.0.0.1:${portOf(other) ?? ''}`]
    const node = await start({ bootstrap: list })
    await until(() => node.warnings.some((text) => /bootstrap peer .* was refused: .*"other"/.test(text)), {
      message: 'no warning'
    })
    const { dials } = node.stats().counters
    node.setBootstrap(list)
    node.libp2p.services.keeper.wake()
    await new Promise((resolve) => setTimeout(resolve, 1_500)) // more than a look
    expect(node.stats().counters.dials).toEqual(dials)
  })

  it('a node of another network leaves nothing behind that a restart would dial', async () => {
    const dataDir = await folder()
    const other = await start({ networkId: 'other' })
    const node = await start({ dataDir })
    await expect(node.peers.add(other.addresses[0]?.toString() ?? '')).rejects.toMatchObject({
      name: 'WrongNetworkError'
    })
    await until(() => node.libp2p.getConnections().length === 0, { message: 'still connected' })
    await node.stop()
    const again = await start({ dataDir })
    expect(again.peers.list()).toEqual([])
  })
})

describe('damage', () => {
  it('a corrupt database is moved aside; the node starts with its identity, says so, and forms anew', async () => {
    const dataDir = await folder()
    const friend = await start()
    const first = await start({ dataDir })
    const { id } = first
    await first.stop()
    await writeFile(join(dataDir, 'db', 'CURRENT'), 'rubbish\n')

    const second = await start({ dataDir, bootstrap: [friend.addresses[0]?.toString() ?? ''] })
    expect(second.id.toString()).toBe(id.toString())
    expect(second.warnings.join()).toMatch(/database .* was corrupt .* moved to/)
    expect((await readdir(dataDir)).some((name) => name.startsWith('db.corrupt-'))).toBe(true)
    await until(() => second.peers.list({ connected: true }).length === 1, { message: 'not connected' })
  })

  it('a malformed identity stops the start with its path, and is not overwritten', async () => {
    const dataDir = await folder()
    await writeFile(join(dataDir, 'identity.key'), 'rubbish', { mode: 0o600 })
    await expect(start({ dataDir })).rejects.toMatchObject({
      name: 'IdentityMalformedError',
      message: expect.stringContaining('identity.key') as string
    })
  })
})

describe('explain', () => {
  it('tells of unknown, refused, unreachable and connected peers why', async () => {
    const friend = await start()
    const other = await start({ networkId: 'other' })
    const node = await start()
    await node.peers.add(friend.addresses[0]?.toString() ?? '')
    expect(node.peers.explain(friend.id).reasons[0]).toMatch(/^Connected for \d+ s: this node dialled it\.$/)
    expect(node.peers.explain(other.id)).toMatchObject({ state: 'unknown' })
    await expect(node.peers.add(other.addresses[0]?.toString() ?? '')).rejects.toMatchObject({
      name: 'WrongNetworkError'
    })
    await until(() => node.libp2p.getConnections(other.id).length === 0, { message: 'still connected' })
    expect(node.peers.explain(other.id).state).toBe('unknown') // nothing of it is kept but that it is unwanted
    expect(node.peers.explain(node.id).reasons).toEqual(['This is this node itself.'])
    expect(node.peers.explain(other.id).reasons.join(' ')).toMatch(/Not dialled for another 60 min: .*"other"/)
    expect(() => node.peers.explain('nobody')).toThrow(/is not known/)
  })

  it('a refused dial says which stage failed for which address', async () => {
    const node = await start()
    await expect(node.peers.add('127.0.0.1:9')).rejects.toMatchObject({
      name: 'DialFailedError',
      attempts: [{ stage: 'connect', reason: expect.stringContaining('ECONNREFUSED') as string }]
    })
    expect(node.peers.list()).toEqual([])
  })
})
