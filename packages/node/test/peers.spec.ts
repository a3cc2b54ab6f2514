import { beforeEach, describe, expect, it } from 'vitest'
import { peerInfoToJson } from '../src/peer-info.js'
import { MAX_REMEMBERED } from '../src/peer-view-memory.js'
import { MAX_TAGGED_PEERS, MAX_TAGS } from '../src/peer-view-tags.js'
import { MAX_REFUSALS } from '../src/peers.js'
import { ALIVE_FOR } from '../src/peer-view.js'
import { greetingOf, named, StubNet } from './view-support.js'

const [a, b, c] = [named('a'), named('b'), named('c')]

let net: StubNet
let told: string[]

beforeEach(() => {
  net = new StubNet()
  net.keeper.start()
  told = []
  net.peers.addEventListener('added', ({ detail }) => told.push(`added ${nameOf(detail.id)} ${detail.state}`))
  net.peers.addEventListener('updated', ({ detail }) => told.push(`updated ${nameOf(detail.id)} ${detail.state}`))
  net.peers.addEventListener('removed', ({ detail }) => told.push(`removed ${nameOf(detail.id)}`))
  return () => {
    net.keeper.stop()
  }
})

function nameOf(id: unknown): string {
  return ['a', 'b', 'c'].find((name) => named(name).toString() === String(id)) ?? '?'
}

function invalid(): Error {
  return expect.objectContaining({ name: 'InvalidArgumentError' }) as Error
}

describe('the life of a peer, as it is told', () => {
  it('is named, named again, connects, says hello, goes, and is removed', async () => {
    net.name(a)
    net.name(a, 'mdns')
    const connection = net.connect(a)
    net.greet(connection)
    connection.end()
    await net.peers.remove(a)
    expect(told).toEqual(['added a known', 'updated a greeting', 'updated a connected', 'updated a known', 'removed a'])
  })

  it('a stranger that connects is added, and removed when it goes, unless somebody has named it meanwhile', () => {
    net.connect(a).end()
    const connection = net.connect(b)
    net.name(b)
    connection.end()
    expect(told).toEqual(['added a greeting', 'removed a', 'added b greeting', 'updated b greeting', 'updated b known'])
  })

  it('one that the book loses while it is connected stays until it goes', () => {
    net.name(a)
    const connection = net.connect(a)
    net.book.remove(a)
    expect(net.peers.get(a).state).toBe('greeting')
    connection.end()
    expect(told).toEqual(['added a known', 'updated a greeting', 'removed a'])
    expect(() => net.peers.get(a)).toThrow(expect.objectContaining({ name: 'UnknownPeerError' }) as Error)
  })

  it('bans, trust and tags are told of', () => {
    net.name(a)
    told.length = 0
    net.peers.ban(a)
    net.peers.unban(a)
    net.peers.trust(a)
    net.peers.tag(a, 'lab')
    net.peers.tag(a, 'lab')
    net.peers.untag(a, 'lab')
    net.peers.untag(a, 'lab')
    net.peers.tag(b, 'nobody knows it')
    expect(told).toEqual(Array(5).fill('updated a known'))
  })

  it('a peer that never answers loses its health, and disappears by itself', async () => {
    net.greet(net.connect(b, 'outbound')) // so that it is not this node that is cut off
    net.name(a)
    const healths: number[] = []
    net.keeper.addEventListener('dial', () => healths.push(net.peers.get(a).health))
    for (let seconds = 0; net.book.get(a) != null && seconds < 7_200; seconds += 5) {
      await net.clock.tickAsync(5_000)
    }
    expect(healths.slice(0, 3)).toEqual([0.3, 0.1, 0])
    expect(told.at(-1)).toBe('removed a')
    expect(net.peers.list().map(({ id }) => nameOf(id))).toEqual(['b'])
  })

  it('one that was good is kept through its failures for a week', async () => {
    net.greet(net.connect(b, 'outbound'))
    net.name(a)
    net.book.good(a, { address: '/ip4/5.9.0.9/tcp/4001' })
    await net.clock.tickAsync(3_600_000)
    expect(net.peers.get(a)).toMatchObject({ health: 0, isAlive: false, table: 'tried' })
    expect(told).not.toContain('removed a')
  })
})

describe('what is known of a peer', () => {
  it('is joined from all parts', () => {
    net.name(a)
    net.greet(net.connect(a, 'outbound', '/ip4/5.9.0.9/tcp/4001'), greetingOf(['search']))
    net.peers.trust(a)
    net.book.mark(a, { private: true, unconditional: true })
    net.peers.tag(a, 'lab')
    expect(net.peers.get(a)).toMatchObject({
      state: 'connected',
      isAlive: true,
      direction: 'outbound',
      sources: ['pex'],
      table: 'tried',
      lastSuccess: net.clock.now(),
      failures: 0,
      reputation: 50,
      health: 0.5,
      trusted: true,
      tags: ['private', 'unconditional', 'trusted', 'lab'],
      capabilities: { tools: ['search'] }
    })
    expect(net.peers.stats()).toMatchObject({ total: 1, connected: 1, trusted: 1, byCapability: { tools: 1 } })
  })

  it('what a peer offered is remembered when it has gone, of the latest 512', () => {
    const connection = net.connect(a, 'outbound')
    net.name(a)
    net.greet(connection, greetingOf(['search']))
    connection.end()
    expect(net.peers.list({ capability: { kind: 'tools', name: 'search' } })).toHaveLength(1)
    for (let i = 0; i < 3 * MAX_REMEMBERED; i++) {
      const passer = net.connect(named(`passer ${i}`), 'inbound', `/ip4/10.0.${i >> 8}.${i & 255}/tcp/1`)
      net.name(passer.remotePeer, 'mdns', `10.0.${i >> 8}.${i & 255}`)
      net.greet(passer)
      passer.end()
    }
    expect(net.peers.get(a).capabilities).toBeUndefined()
  })

  it('is alive while connected, and for 5 minutes after, but not once dials fail', () => {
    net.name(a)
    expect(net.peers.get(a).isAlive).toBe(false) // hearsay is no life
    const connection = net.connect(a, 'outbound')
    net.greet(connection)
    expect(net.peers.get(a).isAlive).toBe(true)
    net.clock.tick(60_000)
    connection.end()
    expect(net.peers.list({ alive: true })).toHaveLength(1)
    net.clock.jump(ALIVE_FOR - 1)
    expect(net.peers.get(a).isAlive).toBe(true)
    net.reputation.dialled(a, false)
    expect(net.peers.get(a).isAlive).toBe(false)
    net.reputation.dialled(a, true)
    net.reputation.dialled(a, true)
    expect(net.peers.get(a).isAlive).toBe(true)
    net.clock.jump(1)
    expect(net.peers.get(a).isAlive).toBe(false)
    net.clock.jump(-3 * ALIVE_FOR) // the contact is in the future now
    expect(net.peers.get(a).isAlive).toBe(false)
  })
})

describe('bans by hand', () => {
  it('cut the connection at once; the peer is not chosen and not dialled until it is let in again', async () => {
    net.name(a)
    const connection = net.connect(a, 'outbound')
    net.greet(connection)
    expect(net.peers.ban(a, { duration: 3_600_000, reason: 'spam' })).toMatchObject({ reason: 'spam', by: 'operator' })
    expect([connection.status, connection.reason?.name]).toEqual(['closed', 'PeerBannedError'])
    expect(net.book.bannedUntil(a)).toBe(net.clock.now() + 3_600_000)
    await net.clock.tickAsync(3_000_000)
    expect(net.dialled).toEqual([])
    await expect(net.peers.add('5.9.0.9:4001', { expectedPublicKey: a.publicKey!.raw })).rejects.toMatchObject({
      name: 'PeerBannedError'
    })
    expect(net.connect(a).status).toBe('closed')
    net.name(a, 'mdns')
    await net.clock.tickAsync(700_000)
    net.reputation.sweep()
    expect(net.peers.bans()).toEqual([])
    net.name(a, 'mdns')
    await net.clock.tickAsync(5_000)
    expect(net.dialled).toContain(a.toString())
  })

  it('can be lifted, listed, and be of peers nobody knows', () => {
    net.peers.ban(a)
    net.name(b)
    expect(net.peers.list({ banned: true }).map((peer) => [nameOf(peer.id), peer.ban?.until])).toEqual([
      ['a', Infinity]
    ])
    expect(peerInfoToJson(net.peers.get(a)).ban).toMatchObject({ until: null, reason: 'manual' })
    expect(net.peers.list({ banned: false }).map(({ id }) => nameOf(id))).toEqual(['b'])
    expect(net.peers.bans()).toMatchObject([{ kind: 'peer', key: a.toString() }])
    expect([net.peers.unban(a), net.peers.unban(a)]).toEqual([true, false])
    expect(net.book.bans()).toEqual([])
    expect(() => net.peers.ban(net.peerId)).toThrow(invalid())
    expect(() => net.peers.ban('nonsense')).toThrow(expect.objectContaining({ name: 'UnknownPeerError' }) as Error)
    expect(() => net.peers.unban('5.9.0.1')).toThrow(expect.objectContaining({ name: 'UnknownPeerError' }) as Error)
  })

  it('of an IP group are lifted by its name', () => {
    const connection = net.connect(a)
    net.reputation.banGroup(connection.remoteAddr)
    expect([net.peers.unban('5.9.0.1'), net.peers.bans()]).toEqual([true, []])
  })

  it('are the first thing that explain() says', () => {
    net.peers.ban(a, { reason: 'spam \u001b[2J', duration: 90_000 })
    expect(net.peers.explain(a).reasons[0]).toMatch(/^Banned for another 2 min: spam \\u\{1b\}\[2J \(by operator\)\.$/)
    net.name(b)
    for (let i = 0; i < 5; i++) {
      net.wiring.reporter.report(b, { reason: 'junk', tolerance: 'low' })
    }
    expect(net.peers.explain(b).reasons[0]).toBe('Banned for another 60 min: junk (by this node itself, ban number 1).')
    net.peers.ban(c)
    expect(net.peers.explain(c).reasons[0]).toBe('Banned for good: manual (by operator).')
  })

  it('the history of a peer, and all of it, can be had', () => {
    net.wiring.reporter.report(a, { reason: 'junk', tolerance: 'mid' })
    net.peers.ban(a)
    expect(net.peers.history(a).map(({ what }) => what)).toEqual(['report', 'banned'])
    const text = JSON.stringify(net.peers.export())
    expect(JSON.parse(text)).toMatchObject({ bans: { [a.toString()]: { until: null } } })
  })
})

it('refusals are remembered of the latest 256 peers that were refused', () => {
  const refuse = (name: string): void => {
    net.peers.noteRefusal(named(name), { reason: 'WrongNetworkError', message: `refused ${name}` })
  }
  const isTold = (name: string): boolean => net.peers.explain(named(name)).reasons.join().includes(`refused ${name}`)
  for (let i = 0; i < MAX_REFUSALS; i++) {
    refuse(`peer ${i}`)
  }
  refuse('peer 0') // the latest again
  refuse('one more')
  expect(['peer 0', 'peer 1', 'peer 2', 'one more'].map(isTold)).toEqual([true, false, true, true])
})

describe('tags', () => {
  it.for(['', '  ', 'x'.repeat(65), 'trusted', 'bootstrap'])('"%s" is none', (tag) => {
    expect(() => {
      net.peers.tag(a, tag)
    }).toThrow(invalid())
  })

  it('have a bound for each peer and for all', () => {
    for (let i = 0; i < MAX_TAGS; i++) {
      net.peers.tag(a, `tag ${i}`)
    }
    expect(() => {
      net.peers.tag(a, 'one more')
    }).toThrow(invalid())
    for (let i = 1; i < MAX_TAGGED_PEERS; i++) {
      net.peers.tag(named(`peer ${i}`), 'lab')
    }
    expect(() => {
      net.peers.tag(b, 'lab')
    }).toThrow(invalid())
    expect(net.peers.untag(named('peer 1'), 'lab')).toBe(true)
    net.peers.tag(b, 'lab')
  })
})
