import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { messaging, MessageType } from '@penin/messaging'
import { until } from '@penin/testing'
import type { Datastore } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { createNode, type NodeOptions, type PeninNode } from '../src/index.js'

const quiet: NodeOptions = {
  env: {},
  listen: ['/ip4/127.0.0.1/tcp/0'],
  discovery: { mdns: false, dht: false, pex: false }
}

const nodes: PeninNode[] = []
const folders: string[] = []

async function start(options: NodeOptions = {}): Promise<PeninNode> {
  const node = await createNode({ ...quiet, ...options })
  nodes.push(node)
  return node
}

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'penin-messages-'))
  folders.push(dir)
  return dir
}

async function connectedPair(options: NodeOptions = {}): Promise<[PeninNode, PeninNode]> {
  const [a, b] = [await start(options), await start(options)]
  await a.peers.add(addressOf(b))
  return [a, b]
}

function addressOf(node: PeninNode): string {
  return node.addresses[0]?.toString() ?? ''
}

/** Collects the texts of the messages of one type. */
function collect(node: PeninNode, type: MessageType | string = 'greeting'): string[] {
  const heard: string[] = []
  node.messages.handle(type, (message) => {
    heard.push(`${message.from.toString()} ${message.text()}`)
  })
  return heard
}

async function storedMessages(node: PeninNode): Promise<number> {
  const { components } = node.libp2p as unknown as { components: { datastore: Datastore } }
  let count = 0
  for await (const _ of components.datastore.queryKeys({ prefix: '/penin/messages/out' })) {
    count++
  }
  return count
}

afterEach(async () => {
  await Promise.all(nodes.splice(0).map(async (node) => node.stop()))
  await Promise.all(folders.splice(0).map(async (dir) => rm(dir, { recursive: true, force: true })))
})

describe('messages of two nodes', () => {
  it('reach the handler, are answered, streamed and counted; ids may be text', async () => {
    const [a, b] = await connectedPair()
    const heard = collect(b)
    b.messages.handle('add', (message) => (message.json() as number[]).reduce((sum, n) => sum + n, 0))
    collect(a, MessageType.DATA)

    await a.messages.send(b.id, 'greeting', 'hi')
    await a.messages.send(b.id.toString(), 'greeting', 'again')
    expect((await a.messages.request(b.id, 'add', [1, 2, 3])).json()).toBe(6)
    expect(await a.messages.sendAll(b.id, 'greeting', ['one', 'two'])).toBe(2)
    await b.messages.send(a.id, MessageType.DATA, 'back')

    expect(heard).toEqual(['hi', 'again', 'one', 'two'].map((text) => `${a.id.toString()} ${text}`))
    const { messages } = a.stats()
    // the answer to the request came as a message, too
    expect(messages).toMatchObject({ delivered: 5, sent: 5, taken: 2, broadcast: { total: { published: 0 } } })
    expect(messages.rtt.p99).toBeGreaterThan(0)
    expect(Object.keys(a.messages.stats().peers)).toEqual([b.id.toString()])
    JSON.parse(JSON.stringify(a.stats()))
  })

  it('find a peer that only the address book knows, and wait for one that comes later', async () => {
    const [a, b] = await connectedPair()
    const heard = collect(b)
    await a.libp2p.hangUp(b.id)
    await a.messages.send(b.id, 'greeting', 'dialled')
    expect(heard).toHaveLength(1)

    const c = await start()
    const late = collect(c)
    const sent = a.messages.send(c.id, 'greeting', 'late')
    await until(() => a.stats().messages.queued === 1, { message: 'it does not wait' })
    await c.peers.add(addressOf(a))
    await sent
    expect(late).toEqual([`${a.id.toString()} late`])
  })

  it('that nobody takes fail with a typed error, or the event message:undelivered', async () => {
    const [a, b] = await connectedPair({ messaging: { timeout: 1_500 } })
    await expect(a.messages.send('nonsense', 'x')).rejects.toMatchObject({ name: 'UnknownPeerError' })
    await expect(a.messages.send(b.id, 'nobody-handles')).rejects.toMatchObject({
      name: 'MessageRefusedError',
      reason: 'unknown-type'
    })
    const stranger = await start()
    await stranger.stop()
    await expect(a.messages.send(stranger.id, 'x')).rejects.toMatchObject({
      name: 'PeerUnreachableError',
      cause: { name: 'NoAddressesError' }
    })
    const lost: unknown[] = []
    a.addEventListener('message:undelivered', ({ detail }) => lost.push(detail))
    a.messages.notify(b.id, 'nobody-handles')
    await until(() => lost.length > 0, { message: 'no event' })
    expect(lost).toEqual([{ id: b.id, type: 'nobody-handles', error: expect.objectContaining({}) as unknown }])
  })

  it('longer than maxSize are refused here and there', async () => {
    const [a, b] = [await start({ messaging: { maxSize: 1_000 } }), await start({ messaging: { maxSize: 100 } })]
    await a.peers.add(addressOf(b))
    collect(b)
    await a.messages.send(b.id, 'greeting', 'x'.repeat(100))
    for (const size of [101, 1_001]) {
      const error = { name: 'MessageTooLongError', max: size === 101 ? 100 : 1_000 }
      await expect(a.messages.send(b.id, 'greeting', 'x'.repeat(size))).rejects.toMatchObject(error)
    }
  })

  it('count for the reputation of whoever sends them, when he goes at the latest', async () => {
    const [a, b] = await connectedPair()
    collect(b)
    for (let i = 0; i < 50; i++) {
      await a.messages.send(b.id, 'greeting', String(i))
    }
    const before = b.peers.get(a.id).reputation
    await a.stop()
    await until(() => b.peers.list({ connected: true }).length === 0, { message: 'still connected' })
    expect(b.peers.get(a.id).reputation).toBeGreaterThan(before)
  })
})

describe('broadcast of two nodes', () => {
  it('reaches whoever has subscribed; what the validator rejects is reported', async () => {
    const [a, b] = await connectedPair()
    const heard: string[] = []
    const validate = ({ text }: { text(): string }): boolean => text() !== 'bad'
    b.messages.subscribe('news', (message) => heard.push(message.text()), { validate })
    await until(() => a.messages.subscribers('news').length === 1, { message: 'nobody has subscribed' })

    expect(await a.messages.publish('news', 'good')).toEqual({ recipients: 1 })
    await a.messages.publish('news', 'bad')
    await until(() => b.stats().messages.broadcast.total.dropped.invalid === 1, { message: 'it was not stopped' })
    expect(heard).toEqual(['good'])
    expect(b.stats().reputation.reports).toEqual({ 'broadcast-invalid': 1 })
    await expect(a.messages.publish('nobody', 'x')).rejects.toMatchObject({ name: 'NoSubscribersError' })
  })
})

describe('broadcast', () => {
  const spoken = ({ libp2p }: PeninNode): string[] =>
    libp2p.getProtocols().filter((name) => name.startsWith('/meshsub/'))
  const streams = ({ libp2p }: PeninNode): number =>
    libp2p
      .getConnections()
      .flatMap(({ streams }) => streams)
      .filter(({ protocol }) => protocol.startsWith('/meshsub/')).length

  it('does not run, and costs no connection anything, on nodes that do not use it, whatever their peers do', async () => {
    const [a, b] = await connectedPair()
    collect(b)
    await a.messages.send(b.id, 'greeting', 'direct')
    const [early, late] = [await start(), await start()]
    early.messages.subscribe('news', () => undefined)
    for (const speaker of [early, late]) {
      await speaker.peers.add(addressOf(a))
      await b.peers.add(addressOf(speaker))
    }
    // It asks each of them, and waits for what they say.
    await expect(late.messages.publish('news', 'x')).rejects.toMatchObject({ name: 'NoSubscribersError' })
    for (const node of [a, b]) {
      expect(spoken(node)).toEqual([])
      expect(streams(node)).toBe(0)
      expect(node.stats().messages.broadcast).toMatchObject({ running: false, peers: 0 })
    }
    for (const speaker of [early, late]) {
      expect([streams(speaker), speaker.stats().messages.broadcast.running]).toEqual([0, true])
    }
  })

  it('reaches everybody connected with the very first message, whoever of them came to it first, each once', async () => {
    const hub = await start()
    const others = await Promise.all([start(), start(), start()])
    for (const other of others) {
      await other.peers.add(addressOf(hub))
    }
    const heard = new Map<PeninNode, string[]>()
    const listen = (node: PeninNode): void => {
      const texts: string[] = []
      heard.set(node, texts)
      node.messages.subscribe('news', (message) => texts.push(message.text()), { validate: () => true })
    }
    others.forEach(listen)
    // libp2p of each is done with telling its peers what it speaks now
    await until(() => others.every((node) => spoken(node).length === 3))
    expect(await hub.messages.publish('news', 'first')).toEqual({ recipients: 3 })

    listen(hub) // late, to peers that run
    await until(() => others.every(({ messages }) => messages.subscribers('news').length === 1))
    const newcomer = await start()
    await newcomer.peers.add(addressOf(hub))
    expect(await newcomer.messages.publish('news', 'second')).toEqual({ recipients: 1 })
    await until(() => heard.get(hub)?.length === 1 && others.every((node) => heard.get(node)?.length === 2))
    expect(others.map((node) => heard.get(node))).toEqual(others.map(() => ['first', 'second']))
    expect(heard.get(hub)).toEqual(['second'])
  })

  it('counts for the reputation of whoever brought a good message first', async () => {
    const [a, b] = await connectedPair()
    const heard: string[] = []
    b.messages.subscribe('news', (message) => heard.push(message.text()), { validate: ({ text }) => text() !== 'bad' })
    await until(() => a.messages.subscribers('news').length === 1)
    const before = b.peers.get(a.id).reputation
    for (let i = 0; i < 30; i++) {
      await a.messages.publish('news', String(i))
    }
    await until(() => heard.length === 30)
    await a.stop()
    await until(() => b.peers.list({ connected: true }).length === 0, { message: 'still connected' })
    expect(b.peers.get(a.id).reputation).toBeGreaterThan(before)
  })

  it('that is being started does not hold up a stop', async () => {
    const [a, b] = await connectedPair()
    b.messages.subscribe('news', () => undefined)
    const outcome = a.messages.publish('news', 'x').then(
      () => 'sent',
      ({ name }: Error) => name
    )
    await a.stop()
    expect(await outcome).toMatch(/^(sent|NotRunningError|NoSubscribersError)$/)
  })
})

describe('nothing is taken from, or sent to,', () => {
  it('a libp2p peer that has not said hello, though it may stay', async () => {
    const node = await start({ foreignPeers: 'allow', messaging: { timeout: 1_500 } })
    const heard = collect(node)
    const foreign = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), messages: messaging({ retry: { within: 1_500 } }) }
    })
    try {
      foreign.services.messages.handle('greeting', () => undefined)
      await foreign.dial(node.addresses)
      await expect(foreign.services.messages.send(node.id, 'greeting', 'let me in')).rejects.toMatchObject({
        name: 'PeerUnreachableError'
      })
      await expect(node.messages.send(foreign.peerId, 'greeting', 'who are you')).rejects.toMatchObject({
        name: 'PeerUnreachableError',
        cause: { name: 'NotAPeerError' }
      })
      expect(node.stats().messages.received).toBe(0)
      expect(heard).toEqual([])
    } finally {
      await foreign.stop()
    }
  })

  it('a peer of another network', async () => {
    const [a, b] = [
      await start({ networkId: 'ours', messaging: { timeout: 1_500 } }),
      await start({ networkId: 'theirs' })
    ]
    const heard = collect(b)
    await expect(a.peers.add(addressOf(b))).rejects.toMatchObject({ name: 'WrongNetworkError' })
    await expect(a.messages.send(b.id, 'greeting', 'hi')).rejects.toMatchObject({ name: 'PeerUnreachableError' })
    expect(heard).toEqual([])
  })

  it('a banned peer, from the moment of the ban', async () => {
    const [a, b] = await connectedPair({ messaging: { timeout: 1_500 } })
    const heard = collect(b)
    collect(a)
    await a.messages.send(b.id, 'greeting', 'before')
    b.peers.ban(a.id, { reason: 'test' })
    await expect(b.messages.send(a.id, 'greeting')).rejects.toMatchObject({ name: 'PeerBannedError' })
    expect(() => {
      b.messages.notify(a.id, 'greeting')
    }).toThrow('test')
    await expect(a.messages.send(b.id, 'greeting', 'after')).rejects.toMatchObject({
      name: expect.stringMatching(/^(PeerUnreachable|MessageExpired)Error$/) as string
    })
    expect(heard).toHaveLength(1)
  })

  it('a peer that is only told of others, because there is no room for it', async () => {
    const hub = await start({ connections: { max: 1, target: 0 }, messaging: { timeout: 1_500 } })
    const friend = await start({ connections: { target: 0 } })
    await friend.peers.add(addressOf(hub))
    const heard = collect(hub)
    await friend.messages.send(hub.id, 'greeting', 'in')
    const late = await start({ connections: { target: 0 }, messaging: { timeout: 1_500 } })
    await late.peers.add(addressOf(hub)).catch(() => undefined) // told so, or let go before it was
    await expect(late.messages.send(hub.id, 'greeting', 'out')).rejects.toMatchObject({ name: 'PeerUnreachableError' })
    expect(heard).toEqual([`${friend.id.toString()} in`])
  })
})

describe('a stop', () => {
  it('takes less than 5 s with a thousand messages waiting, each of which fails; durable ones go out after a restart', async () => {
    const dataDir = await folder()
    const friend = await start()
    const heard = collect(friend, 'durable')
    const node = await start({ dataDir })
    await node.peers.add(addressOf(friend))
    const away = await start()
    await away.stop()
    friend.messages.handle('never', async () => new Promise(() => undefined))

    const waiting = Array.from({ length: 500 }, (_, i) => [
      node.messages.send(away.id, 'x', String(i)),
      node.messages.send(friend.id, 'never', String(i))
    ])
    const outcomes = Promise.allSettled(waiting.flat())
    friend.peers.ban(node.id)
    const durable = Promise.allSettled([node.messages.send(friend.id, 'durable', 'kept', { durable: true })])
    await until(async () => (await storedMessages(node)) === 1, { message: 'it is not stored' })
    const begin = performance.now()
    await node.stop()
    expect(performance.now() - begin).toBeLessThan(5_000)
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'NotRunningError' } })
    }
    await durable

    friend.peers.unban(node.id)
    const again = await start({ dataDir })
    await until(() => heard.length > 0, { timeoutMs: 20_000, message: 'the durable message is lost' })
    expect(heard).toEqual([`${again.id.toString()} kept`])
  })
})
