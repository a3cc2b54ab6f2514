import { beforeEach, describe, expect, it } from 'vitest'
import { ReputationWiring } from '../src/reputation-wiring.js'
import { named, StubConnection, StubNet } from './view-support.js'

const [a, b] = [named('a'), named('b')]
const reset = new Error('reset')
const dead = Object.assign(new Error('dead'), { name: 'DeadConnectionError' })

let net: StubNet

beforeEach(() => {
  net = new StubNet()
})

/** Uptime of the peer, an hour after its connection ended in this way. */
function uptimeAfter(isLocal: boolean, error?: Error): number {
  const connection = net.connect(a)
  connection.end(isLocal, error)
  net.clock.tick(1_800_000)
  net.reputation.sweep()
  return net.reputation.standing(a).parts.uptime
}

describe('what the reputation hears', () => {
  it('each report is counted by reason and told to the program as well', () => {
    const misbehaviour = { reason: 'junk', tolerance: 'mid' } as const
    net.wiring.reporter.report(a, misbehaviour)
    net.wiring.reporter.report(a, misbehaviour)
    expect(net.wiring.reports).toEqual({ junk: 2 })
    expect(net.heard).toEqual([misbehaviour, misbehaviour])
    expect(net.reputation.standing(a).strikes).toBe(10)
  })

  it('reasons without end do not fill the memory', () => {
    for (let i = 0; i < 1_000; i++) {
      net.wiring.reporter.report(a, { reason: `r${i}`, tolerance: 'high' })
    }
    expect(Object.keys(net.wiring.reports)).toHaveLength(256)
  })

  it('a peer is away that was reset or found dead, not one that has closed or was let go', () => {
    net.connect(b) // the network is up
    expect(uptimeAfter(false, reset)).toBeLessThan(50)
    for (const [isLocal, error] of [[false], [true], [true, new Error('let go')]] as Array<[boolean, Error?]>) {
      net = new StubNet()
      net.connect(b)
      expect(uptimeAfter(isLocal, error)).toBe(50)
    }
    net = new StubNet()
    net.connect(b)
    expect(uptimeAfter(true, dead)).toBeLessThan(50)
  })

  it('a connection that was cut off before it was announced is none: its end is never told, and the peer would seem to stay', () => {
    const stillborn = new StubConnection(net, a)
    stillborn.status = 'aborted'
    net.safeDispatchEvent('connection:open', { detail: stillborn as never })
    net.clock.tick(86_400_000)
    expect(net.reputation.standing(a).parts.uptime).toBe(50)
    net.wiring.onPing(net.connect(b) as never, Infinity)
    expect(net.reputation.health(b)).toBe(0.5)
  })

  it('when nobody else shows life it is this node that is cut off, and nobody is blamed', () => {
    expect(uptimeAfter(false, reset)).toBe(50)
    net.pulses.set(net.connect(b), { aliveAt: net.clock.monotonic() })
    net.clock.tick(40_001)
    expect(uptimeAfter(true, dead)).toBe(50)
    net.wiring.onPing(net.connect(a) as never, Infinity)
    expect(net.reputation.health(a)).toBe(0.5)
  })

  it('a second connection to the same peer is no sign that the network is up', () => {
    const [first, second] = [net.connect(a), net.connect(a)]
    net.wiring.onPing(first as never, Infinity)
    expect(net.reputation.health(a)).toBe(0.5)
    second.end(false, reset)
    first.end(false, reset)
    net.clock.tick(1_800_000)
    expect(net.reputation.standing(a).parts.uptime).toBe(50)
  })

  it('pings and dials make health', () => {
    net.connect(b)
    const connection = net.connect(a)
    net.wiring.onPing(connection as never, 20)
    expect(net.reputation.health(a)).toBe(0.6)
    net.wiring.onPing(connection as never, Infinity)
    expect(net.reputation.health(a)).toBe(0.4)
  })

  it('dials that say nothing about the peer do not count: offline, and refused by this node itself', async () => {
    net.name(a)
    net.keeper.start()
    await net.clock.tickAsync(60_000)
    expect(net.dialled.length).toBeGreaterThan(0)
    expect(net.reputation.health(a)).toBe(0.5)
    net.greet(net.connect(b, 'outbound'))
    net.dial = () => Promise.reject(Object.assign(new Error('denied'), { name: 'DialDeniedError' }))
    const before = net.dialled.length
    await net.clock.tickAsync(600_000)
    expect(net.dialled.length).toBeGreaterThan(before)
    expect(net.reputation.health(a)).toBe(0.5)
    net.keeper.stop()
  })
})

describe('bans', () => {
  it('of the reputation are carried out from the first moment, and the book keeps no others', () => {
    net.reputation.ban(a, { duration: 1_000_000 })
    net.book.unban(a)
    net.book.ban(b)
    new ReputationWiring({ reputation: net.reputation, book: net.book, clock: net.clock, signOfLife: 1 })
    expect(net.book.bans()).toEqual([{ id: a.toString(), until: net.clock.now() + 1_000_000 }])
  })

  it('the report that is one too many cuts all connections of the peer and leaves others', () => {
    const [one, two, other] = [net.connect(a), net.connect(a), net.connect(b)]
    for (let i = 0; i < 10; i++) {
      expect(one.status).toBe('open')
      net.wiring.reporter.report(a, { reason: 'junk', tolerance: 'mid' })
    }
    expect([one.status, two.status, other.status]).toEqual(['closed', 'closed', 'open'])
    expect(net.book.bannedUntil(a)).toBe(net.clock.now() + 3_600_000)
  })

  it('that are over are over in the book too', () => {
    net.reputation.ban(a, { duration: 1_000 })
    net.clock.tick(1_001)
    net.reputation.sweep()
    expect(net.book.bans()).toEqual([])
  })
})
