import type { Connection } from '@libp2p/interface'
import { FakeClock, until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import type { BroadcastInit } from '../src/broadcast/index.js'
import { caster, link, subscribersKnown, TOPIC, type Caster } from './broadcast-support.js'
import { plainNode } from './support.js'

/** Two nodes that have dialled each other at once; no clock goes on, so that nothing is repaired by the upkeep. */
async function doubled(init: Partial<BroadcastInit> = {}): Promise<[Caster, Caster]> {
  const clock = new FakeClock()
  const [a, b] = [await caster({ ...init, clock }), await caster({ ...init, clock })]
  await Promise.all([link(a.node, b.node), b.node.dial(a.node.getMultiaddrs(), { force: true })])
  await connected([a, b], 2)
  return [a, b]
}

async function connected(casters: Caster[], count: number): Promise<void> {
  await until(() => casters.every(({ node }) => node.getConnections().length === count))
}

describe('two connections between the same peers, of which one is closed,', () => {
  const cases = [0, 1].flatMap((first) => [0, 1].flatMap((which) => [0, 1].map((end) => ({ first, which, end }))))
  it.each(cases)('lose no stream for longer than it takes to open one: %o', async ({ first, which, end }) => {
    const casters = await doubled()
    casters[first]?.listen()
    casters[1 - first]?.listen()
    await subscribersKnown(casters, [1, 1])
    await casters[end]?.node.getConnections()[which]?.close()
    await connected(casters, 1)
    for (const [index, one] of casters.entries()) {
      const publish = async (): Promise<unknown> => one.broadcast.publish(TOPIC, `from ${index}`).catch(() => undefined)
      await until(publish)
    }
    await until(() => casters.every(({ got }) => got.length === 1))
    await subscribersKnown(casters, [1, 1])
  })

  it('do not keep the first message from a subscriber that is waited for', async () => {
    const [a, b] = await doubled({ start: 'first-use' })
    b.listen()
    const connections = a.node.getConnections() as [Connection, Connection]
    for (const connection of connections) {
      const newStream = connection.newStream.bind(connection)
      connection.newStream = async (...request) => {
        if (a.node.getConnections().length === 2) {
          await connection.close()
        }
        return newStream(...request)
      }
    }
    expect(await a.broadcast.publish(TOPIC, 'hi')).toEqual({ recipients: 1 })
    await until(() => b.got.length === 1)
  })

  it('of a peer that says nothing are not tried for ever', async () => {
    const a = await caster({ start: 'first-use', clock: new FakeClock() })
    const refusing = await plainNode()
    await link(a.node, refusing)
    await refusing.dial(a.node.getMultiaddrs(), { force: true })
    await connected([a], 2)
    const publishing = a.broadcast.publish(TOPIC, 'hi')
    await a.node.getConnections()[0]?.close()
    await a.node.getConnections()[0]?.close()
    await expect(publishing).rejects.toMatchObject({ name: 'NoSubscribersError' })
  })
})

describe('what a peer has said of itself before it started', () => {
  it('does not end a stream that is being opened to it when it comes late', async () => {
    const clock = new FakeClock()
    const [a, b] = [await caster({ start: 'first-use', clock }), await caster({ start: 'first-use', clock })]
    await link(a.node, b.node)
    b.listen()
    const [connection] = a.node.getConnections() as [Connection]
    const newStream = connection.newStream.bind(connection)
    connection.newStream = async (...request) => {
      const stream = await newStream(...request)
      await a.node.peerStore.patch(b.id, { protocols: ['/ipfs/id/1.0.0'] })
      return stream
    }
    expect(await a.broadcast.publish(TOPIC, 'hi')).toEqual({ recipients: 1 })
    await until(() => b.got.length === 1)
  })
})

describe('a stream that a peer has ended before it was read,', () => {
  it('as one that restarts does, does not keep it from hearing what we have subscribed to', async () => {
    const clock = new FakeClock()
    const [a, b] = [await caster({ start: 'first-use', clock }), await caster({ start: 'first-use', clock })]
    await link(a.node, b.node)
    const [connection] = a.node.getConnections() as [Connection]
    const newStream = connection.newStream.bind(connection)
    const ended = Promise.withResolvers<undefined>()
    connection.newStream = async (...request) => {
      connection.newStream = newStream
      b.listen()
      await until(() => connection.streams.some(({ protocol }) => protocol.startsWith('/meshsub/')))
      const stream = await newStream(...request)
      await b.broadcast.stop()
      await until(() => connection.streams.some(({ remoteWriteStatus }) => remoteWriteStatus === 'closed'))
      ended.resolve(undefined)
      return stream
    }
    a.listen()
    await ended.promise
    await new Promise(setImmediate)
    await b.broadcast.start()
    await subscribersKnown([a, b], [1, 1])
    await b.broadcast.publish(TOPIC, 'hi')
    await until(() => a.got.length === 1)
  })
})
