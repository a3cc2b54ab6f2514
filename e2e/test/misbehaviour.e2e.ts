import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { Cluster, until, type NodeProcess } from '@penin/e2e'
import { HELLO_PROTOCOL } from '@penin/hello'
import { createLibp2p, type Libp2p } from 'libp2p'
import { expect, it } from 'vitest'

type Connection = Awaited<ReturnType<Libp2p['dial']>>

/** Reports of tolerance `mid` that lead to a ban. */
const REPORTS = 10

const FIRST_BAN = 3_600_000

/** A frame that announces more bytes than any that is taken, in as many bytes as a length may have at most. */
const TOO_LONG = Uint8Array.of(0xff, 0xff, 0xff, 0x7f)

/** A frame of three bytes that are neither protobuf nor JSON. */
const GARBAGE = Uint8Array.of(3, 0xff, 0xff, 0xff)

/** What nobody but a broken or hostile program sends, by protocol. */
const MALFORMED: Record<string, Uint8Array[]> = {
  '/penin/hello/1.0.0': [TOO_LONG, GARBAGE],
  '/penin/pex/1.0.0': [TOO_LONG, GARBAGE],
  '/penin/1.0.0': [TOO_LONG, GARBAGE],
  '/penin/msg/1.0.0': [TOO_LONG, GARBAGE]
}

/** Field 1, the network; field 2, version 1; field 3, the profile. */
const HELLO = framed([0x0a, 5, ...Buffer.from('penin'), 0x10, 1, 0x1a, 8, ...Buffer.from('standard')])

function framed(bytes: number[]): Uint8Array {
  return Uint8Array.of(bytes.length, ...bytes)
}

/** A plain libp2p node that says a valid hello, and then whatever it is told to. */
class Misbehaver implements AsyncDisposable {
  private constructor(
    readonly libp2p: Libp2p,
    private readonly target: NodeProcess
  ) {}

  static async make(target: NodeProcess): Promise<Misbehaver> {
    const libp2p = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() }
    })
    await libp2p.handle(HELLO_PROTOCOL, async (stream) => stream.close()) // who does not offer it is a foreigner
    return new Misbehaver(libp2p, target)
  }

  get id(): string {
    return this.libp2p.peerId.toString()
  }

  get isConnected(): boolean {
    return this.libp2p.getConnections().length > 0
  }

  /** Connects, says hello, and waits until the node takes it for a peer. */
  async introduce(): Promise<Connection> {
    const connection = this.libp2p.getConnections()[0] ?? (await this.libp2p.dial(multiaddr(this.target.address)))
    if (!(await this.target.connected()).includes(this.id)) {
      await this.send(connection, HELLO_PROTOCOL, HELLO)
      await until(async () => !this.isConnected || (await this.target.connected()).includes(this.id), {
        ms: 20_000,
        what: 'not greeted'
      })
    }
    return connection
  }

  /** Sends bytes on a stream of their own, and reads until the other end has had enough. */
  async send(connection: Connection, protocol: string, bytes: Uint8Array): Promise<void> {
    try {
      const stream = await connection.newStream(protocol, { signal: AbortSignal.timeout(20_000) })
      stream.send(bytes)
      void stream.close().catch(() => undefined)
      for await (const _ of stream) {
        // an answer, or nothing
      }
    } catch {
      // cut off, which is what it came for
    }
  }

  /** Whether it gets in: the node closes the connection of who is refused. */
  async returns(): Promise<boolean> {
    try {
      await this.introduce()
      return (await this.target.connected()).includes(this.id)
    } catch {
      return false
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.libp2p.stop()
  }
}

/** The protocols of ours that a node offers; libp2p's DHT under our name is not ours to judge. */
async function ownProtocols(target: NodeProcess): Promise<string[]> {
  await using observer = await Misbehaver.make(target)
  const { promise, resolve } = Promise.withResolvers<string[]>()
  observer.libp2p.addEventListener('peer:identify', ({ detail }) => {
    resolve(detail.protocols)
  })
  await observer.introduce()
  return (await promise).filter((protocol) => protocol.startsWith('/penin/') && !protocol.includes('/kad/'))
}

async function reportsOf(node: NodeProcess): Promise<number> {
  const { reputation } = await node.request('stats', undefined)
  return Object.values(reputation.reports).reduce((sum, count) => sum + count, 0)
}

it('who sends malformed frames on any of our protocols is banned by the tenth, cut off, refused on return, and let in after an hour', async () => {
  await using cluster = new Cluster()
  await using stack = new AsyncDisposableStack()
  const connections = { target: 0 }
  const node = await cluster.start('node', {
    discovery: { mdns: false, dht: true, pex: true },
    legacyMessages: true,
    connections
  })
  const honest = await cluster.start('honest', { connections })
  await honest.request('add', { address: node.address })

  const offered = await ownProtocols(node)
  expect(offered).toEqual(expect.arrayContaining(['/penin/hello/1.0.0', '/penin/pex/1.0.0', '/penin/1.0.0']))
  const banned: Misbehaver[] = []
  for (const protocol of offered) {
    const [first, second] = MALFORMED[protocol] ?? []
    expect(first, `no malformed frames for ${protocol}`).toBeDefined()
    const peer = stack.use(await Misbehaver.make(node))
    const before = await reportsOf(node)
    for (let count = 1; count <= REPORTS; count++) {
      const connection = await peer.introduce() // so nine of them have not banned it
      await peer.send(connection, protocol, (count % 2 === 0 ? second : first) ?? GARBAGE)
      await until(async () => (await reportsOf(node)) === before + count, {
        ms: 20_000,
        what: `${protocol}: not reported for frame ${count}`
      })
      const ban = (await node.request('bans', undefined)).find(({ key }) => key === peer.id)
      expect(ban == null, `${protocol}: banned after ${count}`).toBe(count < REPORTS)
      if (protocol === HELLO_PROTOCOL) {
        await until(() => !peer.isConnected, { ms: 20_000, what: 'a malformed hello does not end the connection' })
      }
    }
    await until(() => !peer.isConnected, { ms: 10_000, what: `${protocol}: still connected` })
    const ids = (await node.request('connections', undefined)).map((connection) => connection.peer)
    expect(ids).not.toContain(peer.id)

    const refused = async (): Promise<number> => (await node.request('stats', undefined)).connections.refused.banned
    const refusedBefore = await refused()
    expect(await peer.returns()).toBe(false)
    expect(await refused()).toBeGreaterThan(refusedBefore)
    const { reasons } = await node.request('explain', peer.id)
    expect(reasons.join(' ')).toMatch(/ban/i)
    banned.push(peer)
  }
  expect((await node.request('bans', undefined)).map(({ kind }) => kind)).toEqual(banned.map(() => 'peer'))
  expect(await node.connected()).toContain(honest.id)

  await node.request('jumpClock', FIRST_BAN / 2)
  expect(await banned[0]?.returns()).toBe(false)
  await node.request('jumpClock', FIRST_BAN / 2)
  for (const peer of banned) {
    expect(await peer.returns(), `${peer.id} is not let in again`).toBe(true)
  }
  expect(await node.request('bans', undefined)).toEqual([])
  expect(cluster.unhandled).toEqual([])
})
