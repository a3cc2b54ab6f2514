import type { Connection, Libp2pEvents, Stream } from '@libp2p/interface'
import { FakeClock, lifecycleCompliance, until } from '@penin/testing'
import type { Libp2p } from 'libp2p'
import { TypedEventEmitter } from 'main-event'
import { describe, expect, it } from 'vitest'
import { hello, HELLO_PROTOCOL, MAX_CAPABILITIES, type HelloComponents } from '../src/index.js'
import { dial, greeter, plainNode, type Greeter } from './support.js'

lifecycleCompliance(
  'hello',
  (clock) => {
    const events = new TypedEventEmitter<Libp2pEvents>()
    let handlers = 0
    const components: HelloComponents = {
      events,
      connectionManager: { getConnections: () => [] },
      registrar: { handle: async () => void handlers++, unhandle: async () => void handlers-- }
    }
    const names = ['connection:open', 'peer:identify', 'peer:disconnect']
    return {
      service: hello({ networkId: 'n', clock })(components),
      held: () => handlers + names.reduce((sum, name) => sum + events.listenerCount(name), 0)
    }
  },
  { describe, it }
)

const states = (end: Greeter): string[] =>
  end.node.getConnections().map((connection) => end.service.acquaintance(connection).state)

async function untilGreeted(...ends: Greeter[]): Promise<void> {
  await until(() => ends.every((end) => end.greeted.length > 0), {
    message: () => JSON.stringify(ends.map(states))
  })
}

describe('hello between two plain libp2p nodes', () => {
  it('tells both ends who the other is, once, and that it is gone', async () => {
    const capabilities = { agents: ['a1'], tools: ['t1', 't2'] }
    const [a, b] = await Promise.all([greeter({ capabilities, profile: 'bridge' }), greeter({ agentVersion: 'b/1' })])
    await dial(a.node, b.node)
    await untilGreeted(a, b)
    expect([a.greeted.length, b.greeted.length, states(a), states(b)]).toEqual([1, 1, ['greeted'], ['greeted']])
    expect(b.service.get(a.node.peerId)).toEqual(a.service.own)
    expect(b.service.get(a.node.peerId)).toMatchObject({ ...capabilities, profile: 'bridge', resources: [] })
    expect(a.service.get(b.node.peerId)).toMatchObject({ agentVersion: 'b/1', networkId: 'test' })
    expect(a.greeted[0]?.changed).toBe(false)
    await a.node.hangUp(b.node.peerId)
    await until(() => b.service.get(a.node.peerId) == null && a.service.get(b.node.peerId) == null)
    expect([...a.reporter.reports, ...b.reporter.reports]).toEqual([])
    expect([a.clock.pending(), b.clock.pending()]).toEqual([0, 0])
  })

  it('tells a peer that there is no lasting place for it, and why; the connection stays for now', async () => {
    const [full, guest] = await Promise.all([greeter({ surplusOf: () => 'too-many-connections' }), greeter()])
    await dial(guest.node, full.node)
    await untilGreeted(full, guest)
    expect(guest.service.get(full.node.peerId)?.surplus).toBe('too-many-connections')
    expect(full.service.get(guest.node.peerId)?.surplus).toBeUndefined()
    expect([states(full), states(guest)]).toEqual([['greeted'], ['greeted']])
  })

  it('says hello anew to a peer that has found a place meanwhile', async () => {
    let surplus: string | undefined = 'too-many-connections'
    const [full, guest] = await Promise.all([greeter({ surplusOf: () => surplus }), greeter()])
    await dial(guest.node, full.node)
    await untilGreeted(full, guest)
    surplus = undefined
    const [connection] = full.node.getConnections()
    await full.service.renew(connection as Connection)
    await until(() => guest.greeted.length === 2)
    expect(guest.greeted[1]).toMatchObject({ changed: false })
    expect(guest.service.get(full.node.peerId)).not.toHaveProperty('surplus')
    expect([states(full), states(guest)]).toEqual([['greeted'], ['greeted']])
    await full.service.stop()
    await full.service.renew(connection as Connection)
    expect(guest.greeted).toHaveLength(2)
  })

  it('parts peers of different networks, and tells each the names of both', async () => {
    for (let round = 0; round < 10; round++) {
      const [a, b] = await Promise.all([greeter({ networkId: 'one' }), greeter({ networkId: 'two' })])
      await dial(a.node, b.node)
      await until(() => a.refused.length > 0 && b.refused.length > 0, {
        message: () => `round ${round}: ${a.refused.length} ${b.refused.length}`
      })
      const name = 'WrongNetworkError'
      expect(a.refused).toMatchObject([
        { reason: { name, ours: 'one', theirs: 'two', peer: b.node.peerId.toString() } }
      ])
      expect(b.refused).toMatchObject([
        { reason: { name, ours: 'two', theirs: 'one', peer: a.node.peerId.toString() } }
      ])
      await until(() => a.node.getConnections().length + b.node.getConnections().length === 0)
      expect([...a.greeted, ...b.greeted, ...a.reporter.reports, ...b.reporter.reports]).toEqual([])
      await Promise.all([a.node.stop(), b.node.stop()])
    }
  })

  it('lets peers stay that do not speak it', async () => {
    const [a, stranger] = await Promise.all([greeter(), plainNode({})])
    await dial(stranger, a.node)
    await until(() => a.foreign.length === 1)
    expect(a.foreign[0]?.protocols).toContain('/ipfs/id/1.0.0')
    a.clock.tick(60_000)
    expect([states(a), a.refused]).toEqual([['foreign'], []])
  })

  it('lets them go if the node does not want them, by what they speak', async () => {
    const a = await greeter({ allowForeign: (protocols) => protocols.includes('/wanted/1') })
    const [wanted, unwanted] = await Promise.all([plainNode({}), plainNode({})])
    await wanted.handle('/wanted/1', () => {})
    await dial(a.node, wanted)
    await dial(a.node, unwanted)
    await until(() => a.refused.length === 1 && a.foreign.length === 1)
    expect(a.refused[0]?.reason).toMatchObject({ name: 'ForeignPeerError', peer: unwanted.peerId.toString() })
    await until(() => unwanted.getConnections().length === 0)
    expect(wanted.getConnections()).toHaveLength(1)
    expect(a.reporter.reports).toEqual([])
  })

  it('pushes changed capabilities, at most once in ten seconds, the last state always', async () => {
    const [a, b] = await Promise.all([greeter(), greeter()])
    await dial(a.node, b.node)
    await untilGreeted(a, b)
    const tools = (): string[] | undefined => a.service.get(b.node.peerId)?.tools
    b.service.setCapabilities({ tools: ['1'] })
    await b.clock.tickAsync(1)
    await until(() => tools()?.join() === '1')
    expect(a.greeted.at(-1)?.changed).toBe(true)
    for (let i = 2; i <= 50; i++) {
      b.service.setCapabilities({ tools: [String(i)] })
    }
    await b.clock.tickAsync(9_999)
    expect(tools()).toEqual(['1'])
    expect(b.clock.pending()).toBe(1)
    await b.clock.tickAsync(1)
    await until(() => tools()?.join() === '50')
    expect(a.greeted).toHaveLength(3)
    expect([...a.reporter.reports, ...b.reporter.reports]).toEqual([])
  })

  it('sees a change that only moves the border between two entries', async () => {
    const [a, b] = await Promise.all([greeter(), greeter({ capabilities: { tools: ['x\ny'] } })])
    await dial(a.node, b.node)
    await untilGreeted(a, b)
    b.service.setCapabilities({ tools: ['x', 'y'] })
    await b.clock.tickAsync(1)
    await until(() => a.greeted.length === 2)
    expect(a.greeted[1]?.changed).toBe(true)
  })

  it('refuses capabilities beyond the limits at once, and keeps the old ones', async () => {
    const tools = Array.from({ length: MAX_CAPABILITIES + 1 }, () => 'x')
    const broken = expect.objectContaining({ name: 'HelloInvalidError', field: 'tools' })
    await expect(greeter({ capabilities: { tools } })).rejects.toEqual(broken)
    const a = await greeter({ capabilities: { tools: ['ok'] } })
    expect(() => {
      a.service.setCapabilities({ tools })
    }).toThrow(broken)
    expect(a.service.own.tools).toEqual(['ok'])
    expect(a.clock.pending()).toBe(0)
  })

  it('stays quiet when it is stopped in the midst of waiting', async () => {
    const [a, silent, shy] = await Promise.all([greeter(), plainNode({}), plainNode({})])
    for (const node of [silent, shy]) {
      await node.handle(HELLO_PROTOCOL, () => {})
    }
    await Promise.all([dial(a.node, silent), dial(shy, a.node)])
    await until(() => a.clock.pending() === 3) // one for each connection, and one for the exchange with the first
    await a.service.stop()
    await until(() => a.clock.pending() === 0)
    await a.clock.tickAsync(60_000)
    expect([a.refused, a.reporter.reports]).toEqual([[], []])
  })
})

/** A node that does something else than hello on hello's protocol. */
async function attacker(behave: (stream: Stream) => void | Promise<void>): Promise<Libp2p> {
  const node = await plainNode({})
  await node.handle(HELLO_PROTOCOL, behave)
  return node
}

describe('hello against peers that misbehave', () => {
  it('lets a peer go that never says hello, when its time is over', async () => {
    const a = await greeter()
    const silent = await attacker(() => {})
    await dial(silent, a.node)
    await until(() => states(a).length === 1)
    a.clock.tick(14_999)
    expect([states(a), a.refused]).toEqual([['waiting'], []])
    a.clock.tick(1)
    expect(a.refused).toMatchObject([{ reason: { name: 'HelloFailedError', peer: silent.peerId.toString() } }])
    await until(() => silent.getConnections().length === 0)
    expect(a.clock.pending()).toBe(0)
  })

  it('lets a peer go that never answers, five seconds after it has been greeted', async () => {
    const a = await greeter()
    const silent = await attacker(() => {})
    await dial(a.node, silent)
    await until(() => a.clock.pending() === 2)
    await a.clock.tickAsync(4_999)
    expect(states(a)).toEqual(['waiting'])
    await a.clock.tickAsync(1)
    await until(() => a.refused.length === 1)
    expect(a.refused[0]?.reason).toMatchObject({ name: 'HelloFailedError' })
    await until(() => a.node.getConnections().length === 0)
  })

  const attacks: Array<[string, (stream: Stream) => void | Promise<void>]> = [
    ['a length just over the limit', (stream) => void stream.send(Uint8Array.of(0x81, 0x40))],
    ['an endless length prefix', (stream) => void stream.send(new Uint8Array(64).fill(0xff))],
    ['a length prefix of three bytes', (stream) => void stream.send(Uint8Array.of(0x80, 0x80, 0x00, 0x00))],
    ['garbage', (stream) => void stream.send(Uint8Array.of(4, 0xde, 0xad, 0xbe, 0xef))],
    ['nothing in a frame', (stream) => void stream.send(Uint8Array.of(0))],
    [
      'half a message and then the end',
      async (stream) => {
        stream.send(Uint8Array.of(100, 10, 4))
        await stream.close()
      }
    ]
  ]

  it.each(attacks)('lets a peer go and reports it that answers with %s', async (_what, attack) => {
    const a = await greeter()
    const peer = await attacker(attack)
    await dial(a.node, peer)
    await until(() => a.refused.length === 1)
    expect(a.refused[0]?.reason.name).toBe('HelloMalformedError')
    expect(a.reporter.reports).toMatchObject([{ reason: 'hello-malformed', tolerance: 'mid' }])
    expect(a.reporter.reasons(peer.peerId)).toHaveLength(1)
    await until(() => a.node.getConnections().length === 0)
  })

  it.each(attacks)('lets a peer go and reports it that opens with %s', async (_what, attack) => {
    const a = await greeter()
    const peer = await attacker(() => {})
    const connection = await dial(peer, a.node)
    await attack(await connection.newStream(HELLO_PROTOCOL))
    await until(() => a.refused.length === 1)
    expect(a.reporter.reasons(peer.peerId)).toEqual(['hello-malformed'])
    await until(() => a.node.getConnections().length === 0)
  })

  it('lets a peer go that sends a byte a second, when its time is over', async () => {
    const a = await greeter()
    const peer = await attacker(() => {})
    const stream = await (await dial(peer, a.node)).newStream(HELLO_PROTOCOL)
    stream.send(Uint8Array.of(100))
    await until(() => a.clock.pending() === 2)
    for (let second = 0; second < 5; second++) {
      expect(a.refused).toEqual([])
      stream.send(Uint8Array.of(0))
      await a.clock.tickAsync(1_000)
    }
    await until(() => a.refused.length === 1)
    expect(a.refused[0]?.reason.name).toBe('HelloFailedError')
  })

  it('reports a flood of hellos, and takes pushes again when it is over', async () => {
    const [a, b] = await Promise.all([greeter(), greeter()])
    const connection = await dial(b.node, a.node)
    await untilGreeted(a, b)
    const push = async (i: number): Promise<void> => {
      // around the limit that its own service keeps to
      await b.clock.tickAsync(10_000)
      b.service.setCapabilities({ tools: [String(i)] })
      await b.clock.tickAsync(1)
    }
    for (let i = 1; i <= 2; i++) {
      await push(i)
      await until(() => a.service.get(b.node.peerId)?.tools.join() === String(i))
    }
    expect(a.reporter.reports).toEqual([])
    await push(3)
    await until(() => a.reporter.reports.length === 1)
    expect(a.reporter.reports).toMatchObject([{ reason: 'hello-flood', tolerance: 'mid' }])
    expect([a.service.get(b.node.peerId)?.tools, connection.status]).toEqual([['2'], 'open'])
    a.clock.tick(10_001)
    await push(4)
    await until(() => a.service.get(b.node.peerId)?.tools.join() === '4')
    expect(a.reporter.reports).toHaveLength(1)
  })

  it('resets the fifth stream of a peer that says nothing on four', async () => {
    const [a, peer] = await Promise.all([greeter(), plainNode({})])
    const connection = await dial(peer, a.node)
    await until(() => a.foreign.length === 1)
    const open = (): number =>
      a.node.getConnections()[0]?.streams.filter(({ protocol }) => protocol === HELLO_PROTOCOL).length ?? 0
    const add = async (): Promise<Stream> => {
      const before = open()
      const stream = await connection.newStream(HELLO_PROTOCOL)
      await until(() => open() > before || stream.status !== 'open')
      return stream
    }
    // hellos are a flood beyond three in ten seconds
    a.clock.tick(10_000)
    const four = [await add(), await add(), await add()]
    a.clock.tick(1)
    four.push(await add())
    const fifth = await add()
    expect([fifth.status, open(), ...four.map(({ status }) => status)]).toEqual([
      'reset',
      4,
      ...Array<string>(4).fill('open')
    ])
    expect(a.reporter.reports).toEqual([])
  })

  it('bears a peer that hangs up in every moment of the exchange, without a report', async () => {
    const a = await greeter()
    const moments: Array<(connection: Connection) => void | Promise<void>> = [
      (connection) => {
        connection.abort(new RangeError('bye'))
      },
      async (connection) => connection.close(),
      async (connection) => {
        const stream = await connection.newStream(HELLO_PROTOCOL)
        stream.send(Uint8Array.of(50))
        connection.abort(new RangeError('bye'))
      },
      async (connection) => {
        await connection.newStream(HELLO_PROTOCOL)
        await connection.close()
      }
    ]
    for (const hangUp of moments) {
      const peer = await attacker(() => {})
      await hangUp(await dial(peer, a.node))
      await until(() => a.node.getConnections().length === 0)
    }
    await a.clock.tickAsync(60_000)
    expect([a.reporter.reports, a.greeted]).toEqual([[], []])
    expect(a.clock.pending()).toBe(0)
  })
})

it('a fake clock that nobody moves lets nobody wait: the whole exchange needs no time', async () => {
  const clock = new FakeClock()
  const [a, b] = await Promise.all([greeter({ clock }), greeter({ clock })])
  await dial(a.node, b.node)
  await untilGreeted(a, b)
  expect(clock.monotonic()).toBe(0)
})
