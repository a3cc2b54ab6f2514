import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@penin/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { createNode, type NodeEvents, type NodeOptions, type PeninNode } from '../src/index.js'

const undo: Array<() => Promise<unknown>> = []

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) {
    await step()
  }
})

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'penin-legacy-'))
  undo.push(async () => rm(dir, { recursive: true, force: true }))
  return dir
}

async function bound(port = 0): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(port, '0.0.0.0')
  await once(socket, 'listening')
  undo.push(async () => new Promise<void>((resolve) => socket.close(() => resolve())).catch(() => undefined))
  return socket
}

/** A port that nobody else uses. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

async function start(port: number, options: NodeOptions = {}): Promise<PeninNode> {
  const node = await createNode({
    env: {},
    listen: ['/ip4/127.0.0.1/tcp/0'],
    ...options,
    discovery: { mdns: false, dht: false, pex: false, udpBroadcast: { enabled: true, interfaces: ['127.0.0.1'], port } }
  })
  undo.push(async () => node.stop())
  return node
}

/** What a Python node sends. */
async function beacon(port: number, id: string): Promise<void> {
  const socket = await bound()
  const message = JSON.stringify({ id, port, timestamp: 1_795_204_786.388 })
  await new Promise<void>((resolve, reject) => {
    socket.send(message, port, '127.0.0.1', (error) => {
      if (error == null) resolve()
      else reject(error)
    })
  })
}

function collect<N extends keyof NodeEvents>(node: PeninNode, name: N): Array<NodeEvents[N]['detail']> {
  const details: Array<NodeEvents[N]['detail']> = []
  node.addEventListener(name, (event: CustomEvent<NodeEvents[N]['detail']>) => details.push(event.detail))
  return details
}

describe('beacons of a node', () => {
  it('two nodes find each other by them alone, and say so', async () => {
    const port = await freePort()
    const a = await start(port)
    const b = await start(port)
    for (const [one, other] of [
      [a, b],
      [b, a]
    ] as const) {
      await until(() => one.peers.list({ connected: true }).some((peer) => peer.id.equals(other.id)))
      await until(() => one.peers.get(other.id).sources.includes('udp'))
    }
    expect(a.stats().udp).toMatchObject({ interfaces: ['lo'], legacy: 0 })
    expect(a.stats().legacy).toBeUndefined()
    expect(a.legacy.peers()).toEqual([])
  })

  it('a node of another network is heard and not taken', async () => {
    const port = await freePort()
    const a = await start(port)
    await start(port, { networkId: 'another' })
    await until(() => (a.stats().udp?.dropped['other-network'] ?? 0) > 0)
    expect(a.peers.list()).toEqual([])
  })

  it('a port that somebody holds alone is a warning, and the node goes on and is found', async () => {
    const socket = await bound()
    const { port } = socket.address()
    const node = await start(port)
    expect(node.warnings).toContainEqual(expect.stringContaining(`UDP port ${port} (IPv4) is taken`))
    expect(node.isRunning).toBe(true)
    const [datagram] = (await once(socket, 'message')) as [Buffer] // the holder hears us
    expect(JSON.parse(datagram.toString())).toMatchObject({ id: node.id.toString(), port, net: 'penin' })
    const other = await createNode({
      env: {},
      listen: ['/ip4/127.0.0.1/tcp/0'],
      discovery: { mdns: false, dht: false },
      bootstrap: [String(node.addresses[0])]
    })
    undo.push(async () => other.stop())
    await until(() => node.peers.list({ connected: true }).length === 1)
  })
})

describe('Python nodes around a node', () => {
  it('are shown, told of and kept in the state file, and never dialled', async () => {
    const port = await freePort()
    const path = join(await folder(), 'state.json')
    const before = `{"knowledge_base": {"big": 1${'0'.repeat(30)}}, "known_peers": ["10.0.0.9:51515"], "later": 1e-07}`
    await writeFile(path, before)
    const node = await start(port, { legacyState: path })
    const [discovered, dials, found] = [
      collect(node, 'legacy:discovered'),
      collect(node, 'dialling'),
      collect(node, 'peer:discovered')
    ]
    const called: string[] = []
    const end = node.legacy.onPeer(({ id, address, port: at }) => called.push(`${id} ${address ?? ''}:${at}`))
    await beacon(port, 'node-alpha')
    await until(() => called.length > 0)
    expect(called).toEqual([`node-alpha 127.0.0.1:${port}`])
    expect(discovered).toMatchObject([{ id: 'node-alpha', address: '127.0.0.1', port, timestamp: 1_795_204_786.388 }])
    expect(node.legacy.peers()).toMatchObject([{ id: 'node-alpha' }])

    const late: string[] = []
    node.legacy.onPeer(({ id }) => late.push(id))
    expect(late).toEqual(['node-alpha'])
    end()
    await beacon(port, 'node-beta')
    await until(() => late.length === 2)
    expect(called).toHaveLength(1)

    expect(node.stats()).toMatchObject({ udp: { legacy: 2 }, legacy: { knownPeers: 2, messages: { sent: 0 } } })
    expect([...(node.legacy.state?.knownPeers ?? [])]).toEqual(['10.0.0.9:51515', `127.0.0.1:${port}`])
    expect([dials, found, node.peers.list()]).toEqual([[], [], []])
    await node.stop()
    const list = /\["10\.0\.0\.9:51515",\s*"127\.0\.0\.1:\d+"\]/
    const after = await readFile(path, 'utf8')
    expect(after).toMatch(list)
    expect(after.replace(list, '["10.0.0.9:51515"]')).toBe(before)
  })

  it('a callback that throws is a warning and keeps nobody else from hearing', async () => {
    const port = await freePort()
    const node = await start(port)
    const heard: string[] = []
    node.legacy.onPeer(() => {
      throw new TypeError('mine\u001b[2J')
    })
    node.legacy.onPeer(({ id }) => heard.push(id))
    await beacon(port, 'node-alpha')
    await until(() => heard.length > 0)
    expect(node.warnings).toEqual([expect.stringContaining('TypeError: mine\\u{1b}[2J')])
  })

  it('a state file that can no longer be written is one warning, and the node stops in time', async () => {
    const port = await freePort()
    const dir = join(await folder(), 'inner')
    await mkdir(dir)
    const node = await start(port, { legacyState: join(dir, 'state.json') })
    await beacon(port, 'node-alpha')
    await until(() => node.stats().legacy?.knownPeers === 1)
    await rm(dir, { recursive: true })
    await node.stop()
    expect(node.warnings).toEqual([expect.stringMatching(/^legacy state: .*state\.json can't be written/)])
  })

  it.for([
    ['LegacyStateMalformedError', '{"known_peers": [}'],
    ['LegacyStateUnreadableError', undefined]
  ] as const)('a start with a bad state file fails with %s, and holds nothing', async ([name, content]) => {
    const dir = await folder()
    const path = join(dir, 'state.json')
    await (content == null ? mkdir(path) : writeFile(path, content))
    const dataDir = join(dir, 'data')
    await expect(start(await freePort(), { legacyState: path, dataDir })).rejects.toMatchObject({ name, path })
    if (content != null) {
      expect(await readFile(path, 'utf8')).toBe(content)
    }
    await start(await freePort(), { dataDir })
  })

  it('nodes that share a state file talk in the old messages', async () => {
    const dir = await folder()
    const port = await freePort()
    const a = await start(port, { legacyState: join(dir, 'a.json') })
    const b = await start(port, { legacyMessages: true })
    await until(() => a.peers.list({ connected: true }).length === 1)
    const answer = await a.legacy.messages?.heartbeat(b.id)
    expect(answer).toMatchObject({ sender_id: b.id.toString(), payload: { status: 'healthy' } })
    expect(a.stats().legacy?.messages).toMatchObject({ sent: 1, received: 1 })
  })
})
