import type { PeerId } from '@libp2p/interface'
import { FakeClock } from '@penin/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { Admission, InboundSubnets, type AdmissionInit, type Newcomer, type Refusal } from '../src/index.js'
import { begin, dial, enter, fill, friend, from, LIMITS, ONE, type Raw } from './admission-support.js'
import { named } from './support.js'

const typed = (type: string): PeerId => ({ ...named(type), type }) as PeerId

let clock: FakeClock
let refusals: Refusal[]
beforeEach(() => {
  clock = new FakeClock()
  refusals = []
})

function make(init: Partial<AdmissionInit> = {}): Admission {
  return new Admission({ clock, limits: LIMITS, onRefusal: (refusal) => refusals.push(refusal), ...init })
}

/** How many of `n` connections that come in at once are let in. */
async function knock(admission: Admission, address: string, n: number): Promise<number> {
  const raws = Array.from({ length: n }, () => from(address))
  const answers = await Promise.all(raws.map(async (raw) => begin(admission, raw)))
  raws.forEach((raw) => {
    raw.abort()
  })
  return answers.filter(Boolean).length
}

describe('Admission', () => {
  it('lets a burst of one address in and then its rate, and counts and tells every refusal', async () => {
    const admission = make()
    expect(await knock(admission, '/ip4/192.0.2.1', 100)).toBe(32)
    clock.tick(1_000)
    expect(await knock(admission, '/ip4/192.0.2.1', 100)).toBe(4)
    expect(admission.refused).toEqual({
      'group-banned': 0,
      'rate-limit': 164,
      'too-many-handshakes': 0,
      'slow-handshake': 0,
      'wrong-key-type': 0,
      banned: 0,
      'subnet-limit': 0,
      'country-limit': 0,
      'asn-limit': 0,
      'too-many-inbound': 0,
      'too-many-outbound': 0,
      'too-many-connections': 0
    })
    expect(refusals).toHaveLength(164)
    const address = '/ip4/192.0.2.1/tcp/1000'
    expect(refusals[0]).toEqual({ reason: 'rate-limit', direction: 'inbound', address, group: '192.0.2.1' })
  })

  it('does not make one source pay for another, but takes an IPv6 /64 for one', async () => {
    const admission = make({ inboundRate: { burst: 2, perSecond: 1 } })
    expect(await knock(admission, '/ip4/192.0.2.1', 5)).toBe(2)
    expect(await knock(admission, '/ip4/192.0.2.2', 5)).toBe(2)
    expect(await knock(admission, '/ip6/2001:db8::1', 1)).toBe(1)
    expect(await knock(admission, '/ip6/2001:db8::2', 5)).toBe(1)
    expect(await knock(admission, '/ip6/2001:db8:0:1::2', 5)).toBe(2)
  })

  it('counts no loopback connection, in whatever notation', async () => {
    const admission = make()
    for (const address of ['/ip4/127.0.0.1', '/ip6/::1', '/ip6/::ffff:127.0.0.1']) {
      expect(await knock(admission, address, 200)).toBe(200)
    }
  })

  it('refuses every key but Ed25519, both ways', async () => {
    const admission = make()
    const { gater } = admission
    const raw = from('/ip4/192.0.2.1')
    for (const type of ['RSA', 'secp256k1', 'url']) {
      expect(await gater.denyInboundEncryptedConnection(typed(type), raw)).toBe(true)
      expect(await gater.denyOutboundEncryptedConnection(typed(type), raw)).toBe(true)
      expect(await gater.denyDialPeer(typed(type))).toBe(true)
    }
    expect(await gater.denyInboundEncryptedConnection(named('a'), raw)).toBe(false)
    expect(await gater.denyOutboundEncryptedConnection(named('a'), from())).toBe(false)
    expect(admission.refused['wrong-key-type']).toBe(9)
  })
})

describe('Admission: handshakes under way', () => {
  const begun = async (admission: Admission, address: string, n: number): Promise<Raw[]> => {
    const raws = Array.from({ length: n }, () => from(address))
    const answers = await Promise.all(raws.map(async (raw) => begin(admission, raw)))
    return raws.filter((_, i) => answers[i])
  }
  const inboundRate = { burst: 1_000, perSecond: 1_000 }

  it('a source that only ever begins handshakes gets a quarter of them, and all sources together no more than there are', async () => {
    const admission = make({ inboundRate })
    expect(await begun(admission, '/ip4/192.0.2.1', 100)).toHaveLength(64)
    expect(refusals.at(-1)).toMatchObject({ reason: 'too-many-handshakes', limit: 64, group: '192.0.2.1' })
    expect(await begun(admission, '/ip4/192.0.2.2', 1)).toHaveLength(1)
    expect(await begun(admission, '/ip4/127.0.0.1', 300)).toHaveLength(256 - 65)
    expect(await begun(admission, '/ip4/192.0.2.3', 1)).toHaveLength(0)
    expect(refusals.at(-1)).toMatchObject({ reason: 'too-many-handshakes', limit: 256 })
    expect(admission.refused['too-many-handshakes']).toBe(36 + 300 - (256 - 65) + 1)
    expect(admission.handshakes).toBe(256)
  })

  it('gives the place of the oldest of the largest group to a newcomer, once it has had a second', async () => {
    const admission = make({ inboundRate })
    const few = await begun(admission, '/ip4/192.0.2.1', 10)
    clock.tick(500)
    const many: Raw[] = []
    for (const host of [2, 3, 4, 5]) {
      many.push(...(await begun(admission, `/ip4/192.0.2.${host}`, host === 5 ? 60 : 62)))
    }
    expect(admission.handshakes).toBe(256)
    clock.tick(999)
    expect(await begun(admission, '/ip4/198.51.100.1', 1)).toHaveLength(0)
    clock.tick(1)
    expect(await begun(admission, '/ip4/198.51.100.1', 2)).toHaveLength(2)
    expect(few.every(({ status }) => status === 'open')).toBe(true) // the oldest of all, but few
    expect(many.map(({ status }) => status).indexOf('aborted')).toBe(0)
    expect(many.filter(({ status }) => status === 'aborted')).toHaveLength(2)
    expect(many[0]?.error?.name).toBe('HandshakeDisplacedError')
    expect(admission.handshakes).toBe(256)
  })

  it('within a group that has its share the oldest goes for a newcomer, not somebody else', async () => {
    const admission = make({ inboundRate })
    const stalled = await begun(admission, '/ip4/192.0.2.1', 64)
    const others = await begun(admission, '/ip4/192.0.2.2', 10)
    clock.tick(1_000)
    expect(await begun(admission, '/ip4/192.0.2.1', 3)).toHaveLength(3)
    expect(stalled.filter(({ status }) => status === 'aborted')).toEqual(stalled.slice(0, 3))
    expect(others.every(({ status }) => status === 'open')).toBe(true)
  })

  it('closes a handshake that takes longer than eight seconds, and leaves no timer behind those that end', async () => {
    const admission = make()
    const slow = from('/ip4/192.0.2.1')
    expect(await begin(admission, slow)).toBe(true)
    expect(await enter(admission, 'quick')).toBeDefined()
    const gone = from()
    await begin(admission, gone)
    gone.abort()
    expect(clock.pending()).toBe(1)
    clock.tick(7_999)
    expect(slow.status).toBe('open')
    clock.tick(1)
    expect(slow.error).toMatchObject({ name: 'SlowHandshakeError', timeout: 8_000 })
    const address = '/ip4/192.0.2.1/tcp/1000'
    expect(refusals).toEqual([{ reason: 'slow-handshake', direction: 'inbound', address, limit: 8_000 }])
    expect(admission.handshakes).toBe(0)
    expect(clock.pending()).toBe(0)
  })

  it('stalling between key exchange and multiplexing is stalling as well, and keeps nobody out', async () => {
    const admission = make({ limits: ONE })
    for (let i = 0; i < 10; i++) {
      const raw = from()
      await begin(admission, raw)
      expect(await admission.gater.denyInboundEncryptedConnection(named(`staller ${i}`), raw)).toBe(false)
    }
    expect(admission.counts.inbound).toBe(0)
    expect(await enter(admission, 'honest')).toBeDefined()
    clock.tick(8_000)
    expect(admission.refused['slow-handshake']).toBe(10)
    expect(admission.counts.inbound).toBe(1)
  })
})

describe('Admission: connection limits', () => {
  it('lets nobody in when it is full, from loopback either', async () => {
    const admission = make()
    await fill(admission, 20)
    expect(admission.counts).toEqual({ inbound: 8, outbound: 0 })
    expect(await knock(admission, '/ip4/127.0.0.1', 3)).toBe(0)
    expect(refusals.at(-1)).toMatchObject({ direction: 'inbound', reason: 'too-many-connections', limit: 10 })
    expect(await dial(admission, 'a')).toBeDefined()
    expect(await dial(admission, 'b')).toBeDefined()
    expect(await dial(admission, 'c')).toBeUndefined()
    expect(refusals.at(-1)).toMatchObject({ direction: 'outbound', reason: 'too-many-connections', limit: 10 })
    expect(admission.handshakes).toBe(0)
  })

  it('has a limit for each direction, with a reason of its own', async () => {
    const admission = make({ limits: { inbound: 2, outbound: 3, total: 100, minOutbound: 0 } })
    expect(await fill(admission, 5)).toHaveLength(2)
    expect(refusals.at(-1)).toMatchObject({ reason: 'too-many-inbound', direction: 'inbound', limit: 2 })
    const dials = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(async (name) => dial(admission, name)))
    expect(dials.filter((raw) => raw != null)).toHaveLength(3)
    expect(refusals.at(-1)).toMatchObject({ reason: 'too-many-outbound', direction: 'outbound', limit: 3 })
    dials.forEach((raw) => raw?.abort())
    expect(admission.counts).toEqual({ inbound: 2, outbound: 0 })
  })

  it('looks at the count again once a handshake is done', async () => {
    const admission = make({ limits: ONE })
    const [first, second] = [from(), from()]
    expect(await begin(admission, first)).toBe(true)
    expect(await begin(admission, second)).toBe(true)
    expect(await admission.gater.denyInboundEncryptedConnection(named('a'), first)).toBe(false)
    expect(await admission.gater.denyInboundEncryptedConnection(named('b'), second)).toBe(false)
    expect(await admission.gater.denyInboundUpgradedConnection(named('a'), first)).toBe(false)
    expect(await admission.gater.denyInboundUpgradedConnection(named('b'), second)).toBe(true)
    expect(refusals).toMatchObject([{ reason: 'too-many-inbound', direction: 'inbound', peer: named('b') }])
  })

  it('dials exempt peers beyond the limit', async () => {
    const admission = make({ limits: ONE, isExempt: (peer, direction) => friend(peer) && direction === 'outbound' })
    await dial(admission, 'a')
    expect(await dial(admission, 'friend')).toBeDefined()
    expect(refusals).toEqual([])
    expect(await dial(admission, 'b')).toBeUndefined()
    await enter(admission, 'c')
    expect(await enter(admission, 'friend')).toBeUndefined() // asked for by the program, not let in for the claim
  })

  it('lets exempt and unconditional peers in when all places are taken, and they take nobody’s place', async () => {
    for (const init of [{ isExempt: friend }, { isUnconditional: friend }]) {
      const admission = make({ limits: ONE, ...init })
      expect(await enter(admission, 'friend')).toBeDefined()
      expect(admission.counts).toEqual({ inbound: 0, outbound: 0 })
      expect(await enter(admission, 'a')).toBeDefined()
      expect(await enter(admission, 'friend')).toBeDefined()
      expect(await enter(admission, 'b')).toBeUndefined()
    }
  })

  it('counts those who were exempt for a moment from then on', async () => {
    let asked = true
    const admission = make({ limits: ONE, isExempt: () => asked })
    const raw = await dial(admission, 'friend')
    asked = false
    expect(admission.counts.outbound).toBe(1)
    expect(await dial(admission, 'other')).toBeUndefined()
    raw?.abort()
    expect(admission.counts.outbound).toBe(0)
  })

  it('takes no place for a connection that was gone before it was asked for', async () => {
    const admission = make({ limits: ONE })
    const raw = from()
    raw.abort()
    await begin(admission, raw)
    expect(await admission.gater.denyInboundEncryptedConnection(named('a'), raw)).toBe(false)
    expect(await admission.gater.denyInboundUpgradedConnection(named('a'), raw)).toBe(false)
    expect([admission.handshakes, admission.counts.inbound]).toEqual([0, 0])
  })

  it('lets so many more in as a bootstrap node answers, without taking outbound places', async () => {
    const limits = { inbound: 4, outbound: 4, total: 6, minOutbound: 2 }
    const admission = make({ limits, overflow: 3 })
    expect(await fill(admission, 20)).toHaveLength(7)
    for (const name of ['a', 'b']) {
      expect(await dial(admission, name)).toBeDefined()
    }
    expect(await dial(admission, 'c')).toBeUndefined()
  })
})

describe('Admission: making room', () => {
  it('asks for room only when the newcomer is in order, and lets it in when there is', async () => {
    const asked: Newcomer[] = []
    const admission = make({
      limits: ONE,
      makeRoom: async (newcomer) => {
        asked.push(newcomer)
        return newcomer.peer.equals(named('b'))
      }
    })
    await enter(admission, 'a')
    expect(asked).toEqual([])
    expect(await enter(admission, 'b', from('/ip4/192.0.2.9'))).toBeDefined()
    expect(await enter(admission, 'c')).toBeUndefined()
    expect(asked.map(({ peer, address }) => [peer.toString(), address.toString()])).toEqual([
      [named('b').toString(), '/ip4/192.0.2.9/tcp/1000'],
      [named('c').toString(), '/ip4/127.0.0.1/tcp/1000']
    ])
    expect(refusals).toMatchObject([{ reason: 'too-many-inbound', peer: named('c') }])
  })

  it.each<[string, Partial<AdmissionInit>, PeerId]>([
    ['a banned one', { bans: { isBanned: friend, isGroupBanned: () => false } }, named('friend')],
    ['one with another key', {}, typed('RSA')],
    ['one of a full subnet', { subnets: new InboundSubnets({ maxPerSubnet: 0 }) }, named('b')]
  ])('lets nobody go for %s', async (_, init, peer) => {
    const limits = { ...ONE, inbound: 0 }
    const admission = make({ limits, ...init, makeRoom: async () => Promise.reject(new RangeError('asked')) })
    const raw = from('/ip4/192.0.2.1')
    expect(await admission.gater.denyInboundEncryptedConnection(peer, raw)).toBe(true)
    expect(admission.refused['too-many-inbound']).toBe(0)
  })

  it('two newcomers at once need two places, and outbound ones none', async () => {
    const waiting: Array<(isMade: boolean) => void> = []
    const makeRoom = async (): Promise<boolean> => new Promise((resolve) => waiting.push(resolve))
    const admission = make({ limits: ONE, makeRoom })
    const first = await enter(admission, 'a')
    const newcomers = [enter(admission, 'b'), enter(admission, 'c')]
    await clock.tickAsync(0)
    expect(waiting).toHaveLength(2)
    await dial(admission, 'd')
    await dial(admission, 'e')
    expect(waiting).toHaveLength(2)
    first?.abort()
    waiting.forEach((resolve, i) => {
      resolve(i === 0)
    })
    const entered = await Promise.all(newcomers)
    expect(entered.map((raw) => raw != null)).toEqual([true, false])
    expect(admission.counts.inbound).toBe(1)
  })

  it('stays full when making room fails, and when the newcomer has gone meanwhile its place is free', async () => {
    const raw = from()
    const outcomes = [
      async () => Promise.reject(new RangeError('no')),
      async () => {
        raw.abort()
        return Promise.resolve(true)
      }
    ]
    const admission = make({ limits: ONE, makeRoom: async () => outcomes.shift()?.() ?? false })
    await enter(admission, 'a')
    expect(await enter(admission, 'b')).toBeUndefined()
    await enter(admission, 'c', raw)
    expect(admission.counts.inbound).toBe(1)
  })
})
