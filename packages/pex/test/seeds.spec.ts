import type { PeerId } from '@libp2p/interface'
import { nextEvent, until } from '@penin/testing'
import type { Libp2p } from 'libp2p'
import { describe, expect, it } from 'vitest'
import { pex, PEX_PROTOCOL, type AskResult } from '../src/index.js'
import { crowd, dial, exchanger, passUntil, plainNode, shared, type Exchanger } from './support.js'

/** Asks an address for peers and lets it go: all that a crawler does. */
async function crawl(
  { node, service }: Exchanger,
  seed: Libp2p,
  signal = new AbortController().signal
): Promise<AskResult> {
  const connection = await node.dial(seed.getMultiaddrs(), { signal })
  try {
    return await service.ask(connection.remotePeer, { signal })
  } finally {
    await connection.close()
  }
}

const local = { addresses: ['/ip4/127.0.0.1/tcp/1'] }
const errorOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error
  )

describe('a seed', () => {
  it('is asked on a connection that has just been opened, though nobody is wanted, and then let go', async () => {
    const [a, seed] = await Promise.all([exchanger({ wants: () => 0 }), exchanger()])
    seed.source.records = await shared(await crowd(7), local)
    expect(await crawl(a, seed.node)).toEqual({ received: 7, taken: 7 })
    expect(a.sink.candidates).toHaveLength(7) // there already, not some time later
    await until(() => seed.node.getConnections().length === 0)
    expect(a.node.getConnections()).toEqual([])
    await until(() => seed.sink.candidates.length === 1)
    expect(seed.sink.candidates[0]?.id.equals(a.node.peerId)).toBe(true)
    expect(seed.service.stats()).toMatchObject({ answered: 1, told: 7, refused: { failed: 0 } })
    expect([...a.reporter.reports, ...seed.reporter.reports]).toEqual([])
  })

  it('does not use up the turns in which a node asks its peers by itself', async () => {
    const a = await exchanger({ wants: () => 5 })
    const seeds = await Promise.all(Array.from({ length: 4 }, async () => exchanger()))
    for (const { node } of seeds) {
      await crawl(a, node)
    }
    const peer = await exchanger()
    peer.source.records = await shared(await crowd(1), local)
    await dial(a.node, peer.node)
    expect(await passUntil(a.clock, () => a.sink.candidates.length === 1)).toBeLessThanOrEqual(5_000)
  })

  it('is waited for while it is being introduced', async () => {
    const hello = Promise.withResolvers<boolean>()
    const [a, seed] = await Promise.all([exchanger({ isPeer: async () => hello.promise }), exchanger()])
    seed.source.records = await shared(await crowd(2), local)
    const outcome = crawl(a, seed.node)
    await until(() => a.node.getConnections().length === 1)
    expect(a.service.stats().asked).toBe(0)
    hello.resolve(true)
    expect(await outcome).toMatchObject({ taken: 2 })
  })

  it('that was asked ten minutes ago or less is not asked again, so that no seed ever has to complain', async () => {
    const [a, seed] = await Promise.all([exchanger(), exchanger()])
    await crawl(a, seed.node)
    for (let i = 0; i < 2; i++) {
      expect(await errorOf(crawl(a, seed.node))).toMatchObject({ name: 'PexAskedLatelyError' })
    }
    a.clock.tick(600_000)
    expect(await crawl(a, seed.node)).toEqual({ received: 0, taken: 0 })
    expect(seed.service.stats()).toMatchObject({ answered: 2, refused: { 'too-soon': 0, flood: 0 } })
    expect(seed.reporter.reports).toEqual([])
  })

  it('that the node is just asking by itself is not asked twice: both get the one answer, each with its own signal', async () => {
    const [a, seed] = [await exchanger({ wants: () => 5 }), await plainNode({})]
    const answer = Promise.withResolvers<undefined>()
    let questions = 0
    await seed.handle(PEX_PROTOCOL, async (stream) => {
      questions++
      await answer.promise
      stream.send(Uint8Array.of(0))
      await stream.close()
    })
    await dial(a.node, seed)
    await passUntil(a.clock, () => questions === 1)
    const controller = new AbortController()
    const impatient = errorOf(a.service.ask(seed.peerId, { signal: controller.signal }))
    const patient = a.service.ask(seed.peerId)
    controller.abort(new RangeError('changed my mind'))
    expect(await impatient).toMatchObject({ message: 'changed my mind' })
    answer.resolve(undefined)
    expect(await patient).toEqual({ received: 0, taken: 0 })
    expect([questions, a.service.stats().asked]).toEqual([1, 1])
  })

  it.each<[string, (a: Exchanger, seed: PeerId) => Promise<void>]>([
    ['hello', async () => {}],
    ['its answer', async (a) => void (await until(() => a.service.stats().asked === 1))]
  ])('can be given up while %s is waited for, and nothing is left of it', async (what, moment) => {
    const a = await exchanger(what === 'hello' ? { isPeer: async () => new Promise<boolean>(() => {}) } : {})
    const silent = await plainNode({})
    await silent.handle(PEX_PROTOCOL, () => {})
    const idle = a.clock.pending()
    const controller = new AbortController()
    const outcome = errorOf(crawl(a, silent, controller.signal))
    await until(() => a.clock.pending() > idle)
    await moment(a, silent.peerId)
    controller.abort(new RangeError('enough'))
    expect(await outcome).toMatchObject({ message: 'enough' })
    await until(() => a.node.getConnections().length === 0 && a.clock.pending() === idle)
    expect([a.service.stats().askFailures.failed, a.reporter.reports]).toEqual([0, []])
  })
})

describe('new addresses of a real node', () => {
  it('reach a peer that knows the old ones, in a record with a higher number', async () => {
    const [a, b] = await Promise.all([exchanger(), exchanger()])
    await dial(a.node, b.node)
    await a.service.ask(b.node.peerId)
    await until(() => b.sink.candidates.length === 1)
    const moved = nextEvent(a.events, 'self:peer:update')
    await a.listen('/ip4/127.0.0.1/tcp/0')
    await moved
    await passUntil(a.clock, () => b.sink.candidates.length === 2)
    const [before, after] = b.sink.candidates
    const bare = a.node.getMultiaddrs().map((address) => address.toString().replace(/\/p2p\/.*/, ''))
    expect(before?.multiaddrs.map(String)).toEqual([bare[0]])
    expect(after?.multiaddrs.map(String)).toEqual(bare)
    expect(bare).toHaveLength(2)
    expect((after?.record?.seq ?? 0n) > (before?.record?.seq ?? 0n)).toBe(true)
    expect([a.service.stats().pushed, a.reporter.reports, b.reporter.reports]).toEqual([1, [], []])
  })

  it('reach it as well when libp2p has not noticed that an interface has another address', async () => {
    const [a, b] = [await exchanger({}, { addresses: ['/ip4/127.0.0.1/tcp/1'] }), await exchanger()]
    await dial(a.node, b.node)
    await a.service.ask(b.node.peerId)
    await until(() => b.sink.candidates.length === 1)
    a.pretence.addresses = ['/ip4/127.0.0.1/tcp/2']
    expect(await passUntil(a.clock, () => b.sink.candidates.length === 2)).toBeLessThanOrEqual(40_000)
    expect(b.sink.candidates[1]?.multiaddrs.map(String)).toEqual(['/ip4/127.0.0.1/tcp/2'])
  })

  it('become known to a plain libp2p node that has no book but its peer store', async () => {
    const [a, b] = [await exchanger(), await plainNode({ pex: pex() })]
    await dial(a.node, b)
    await a.service.ask(b.peerId)
    const known = async (): Promise<number> => (await b.peerStore.get(a.node.peerId)).addresses.length
    await until(async () => (await known()) === 1)
    await a.listen('/ip4/127.0.0.1/tcp/0')
    await passUntil(a.clock, () => a.service.stats().pushed === 1)
    await until(async () => (await known()) === 2)
  })
})
