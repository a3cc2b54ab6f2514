import { multiaddr } from '@multiformats/multiaddr'
import { until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { connectionOf, keeping } from './keeper-support.js'
import { KeeperWorld } from './keeper-world.js'
import { addressOf, plainNode } from './support.js'

const TWO = { inbound: 2, outbound: 2, total: 4, minOutbound: 0 }

describe('PeerKeeper: who keeps a place', () => {
  it('keeps a peer that was dialled only to see whether it answers, if it has what peers are wanted for', async () => {
    const other = await plainNode()
    const key = other.peerId.toString()
    const node = await keeping({
      target: 0,
      feelerInterval: 1_000,
      wishes: () => [{ capability: 'tools', peers: 1 }],
      capabilities: { offers: (id) => id === key && node.services.keeper.isAccepted(id), offering: () => [] }
    })
    const reasons: string[] = []
    node.services.keeper.addEventListener('dialling', ({ detail }) => reasons.push(detail.reason))
    node.services.keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'pex' })
    await until(() => node.services.keeper.isWished(other.peerId))
    await until(() => !node.services.keeper.isDialling(other.peerId))
    expect(reasons).toEqual(['feeler'])
    expect(connectionOf(node, other).status).toBe('open')
  })

  it('lets the repeat of a group go before it dials another group, if there is no room for both', async () => {
    const world = new KeeperWorld(TWO)
    world.know('first', '45.45.45.1')
    world.know('repeat', '45.45.45.2')
    world.keeper.start()
    await world.clock.tickAsync(5_000)
    expect(world.log.toSorted()).toEqual(['dial first', 'dial repeat'])
    world.log.length = 0
    world.know('other', '46.46.46.1')
    await world.clock.tickAsync(5_000)
    expect(world.log).toEqual([expect.stringMatching(/^close (first|repeat)$/), 'dial other'])
    expect(world.connections).toHaveLength(2)
    await world.clock.tickAsync(60_000)
    expect(world.log).toHaveLength(2)
    world.keeper.stop()
    expect(world.clock.pending()).toBe(0)
  })

  it('lets it go once the other one is there, if there is room for both', async () => {
    const world = new KeeperWorld({ ...TWO, outbound: 3 })
    world.know('first', '45.45.45.1')
    world.know('repeat', '45.45.45.2')
    world.keeper.start()
    await world.clock.tickAsync(5_000)
    world.log.length = 0
    world.know('other', '46.46.46.1', false)
    await world.clock.tickAsync(5_000)
    expect(world.log).toEqual(['dial other', expect.stringMatching(/^close (first|repeat)$/)])
    world.keeper.stop()
  })

  it('takes a peer for an outbound one when only the connection that it has dialled is left, and the other way round', async () => {
    const world = new KeeperWorld({ ...TWO, inbound: 3 }, { target: 0 })
    world.keeper.start()
    const inbound = world.connect('a', 'inbound')
    world.connect('a', 'outbound')
    const outbound = world.connect('b', 'outbound')
    world.connect('b', 'inbound')
    await world.clock.tickAsync(2_000)
    world.know('a', '45.45.45.1')
    world.know('b', '46.46.46.1')
    world.close(inbound)
    world.close(outbound)
    await world.clock.tickAsync(2_000)
    expect(world.book.anchorIds()[0]).toBe(world.id('a').toString()) // anchors are outbound peers
    expect(world.keeper.peerCount).toBe(2)
    world.keeper.stop()
  })

  it('while the program dials an address, waits for nobody who was there before, unless from that address', async () => {
    const world = new KeeperWorld({ ...TWO, inbound: 5 }, { target: 0 })
    world.keeper.start()
    world.connect('old', 'inbound', '45.45.45.1')
    world.connect('there', 'inbound', '46.46.46.1')
    await world.clock.tickAsync(1_000)
    const dialling = world.keeper.dial({ addresses: [multiaddr('/ip4/46.46.46.1/tcp/4001')] })
    await world.clock.tickAsync(1_000)
    world.connect('new', 'inbound', '47.47.47.1')
    const asked = (): string[] =>
      ['old', 'there', 'new', 'unknown'].filter((name) => world.keeper.isAskedFor(world.id(name)))
    expect(asked()).toEqual(['there', 'new', 'unknown'])
    world.nameless[0]?.reject(new RangeError('refused'))
    await expect(dialling).rejects.toThrow()
    expect(asked()).toEqual([])
    world.keeper.stop()
  })
})
