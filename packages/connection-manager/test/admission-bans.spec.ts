import { multiaddr } from '@multiformats/multiaddr'
import { beforeEach, describe, expect, it } from 'vitest'
import { Admission, InboundSubnets, type AdmissionInit, type Refusal } from '../src/index.js'
import { begin, dial, enter, fill, friend, from, LIMITS } from './admission-support.js'
import { named } from './support.js'

let refusals: Refusal[]
beforeEach(() => {
  refusals = []
})

function make(init: Partial<AdmissionInit> = {}): Admission {
  return new Admission({ limits: LIMITS, onRefusal: (refusal) => refusals.push(refusal), ...init })
}

describe('Admission: bans', () => {
  const group = (address: { toString: () => string }): boolean => address.toString().startsWith('/ip4/192.0.2.')
  const bans = { isBanned: friend, isGroupBanned: group }

  it('refuses a banned group before a handshake, in both directions, and stores nothing of it', async () => {
    const admission = make({ bans })
    const { gater } = admission
    const raw = from('/ip4/192.0.2.1')
    expect(await gater.denyInboundConnection(raw)).toBe(true)
    expect(admission.handshakes).toBe(0)
    expect(await gater.denyDialMultiaddr(multiaddr(`/ip4/192.0.2.1/tcp/1/p2p/${named('a').toString()}`))).toBe(true)
    expect(await gater.denyOutboundConnection(named('a'), raw)).toBe(true)
    expect(refusals.map(({ reason, direction, peer }) => [reason, direction, peer != null])).toEqual([
      ['group-banned', 'inbound', false],
      ['group-banned', 'outbound', true],
      ['group-banned', 'outbound', true]
    ])
    expect(await gater.filterMultiaddrForPeer(named('a'), raw.remoteAddr)).toBe(false)
    expect(await gater.filterMultiaddrForPeer(named('a'), multiaddr('/ip4/198.51.100.1/tcp/1'))).toBe(true)
  })

  it('refuses a banned peer at every hook that names it, also an unconditional one', async () => {
    const admission = make({ bans, isUnconditional: () => true, isExempt: () => true })
    const { gater } = admission
    const [peer, other] = [named('friend'), named('other')]
    const raw = from()
    const hooks: Array<[Refusal['direction'], () => boolean | Promise<boolean>]> = [
      ['outbound', () => gater.denyDialPeer(peer)],
      ['outbound', () => gater.denyOutboundConnection(peer, raw)],
      ['outbound', () => gater.denyOutboundEncryptedConnection(peer, raw)],
      ['outbound', () => gater.denyOutboundUpgradedConnection(peer, raw)],
      ['inbound', () => gater.denyInboundEncryptedConnection(peer, raw)],
      ['inbound', () => gater.denyInboundUpgradedConnection(peer, raw)],
      ['relay', () => gater.denyInboundRelayReservation(peer)],
      ['relay', () => gater.denyOutboundRelayedConnection(peer, other)],
      ['relay', () => gater.denyOutboundRelayedConnection(other, peer)],
      ['relay', () => gater.denyInboundRelayedConnection(peer, other)],
      ['inbound', () => gater.denyInboundRelayedConnection(other, peer)]
    ]
    for (const [, hook] of hooks) {
      expect(await hook()).toBe(true)
    }
    expect(refusals.map(({ reason, direction }) => [reason, direction])).toEqual(
      hooks.map(([direction]) => ['banned', direction])
    )
    expect(await gater.filterMultiaddrForPeer(peer, raw.remoteAddr)).toBe(false)
    expect(await gater.denyInboundRelayReservation(other)).toBe(false)
    expect(await gater.denyOutboundRelayedConnection(other, named('third'))).toBe(false)
    expect(await gater.denyInboundRelayedConnection(other, named('third'))).toBe(false)
    expect(admission.counts).toEqual({ inbound: 0, outbound: 0 })
  })

  it('refuses a peer that is banned while its connection is being set up, and takes its place back', async () => {
    let isBanned = false
    const admission = make({ bans: { isBanned: () => isBanned, isGroupBanned: () => false } })
    const raw = from()
    await begin(admission, raw)
    expect(await admission.gater.denyInboundEncryptedConnection(named('a'), raw)).toBe(false)
    isBanned = true
    expect(await admission.gater.denyInboundUpgradedConnection(named('a'), raw)).toBe(true)
    expect(admission.counts.inbound).toBe(0)
  })
})

describe('Admission: subnets and geography', () => {
  it('limits a subnet, and gives the place back when a connection closes', async () => {
    const subnets = new InboundSubnets({ maxPerSubnet: 2 })
    const admission = make({ subnets, isUnconditional: friend })
    const raws = await fill(admission, 5, '/ip4/192.0.2.1')
    expect(raws).toHaveLength(2)
    expect(refusals.at(-1)).toMatchObject({ reason: 'subnet-limit', limit: 2, group: '192.0.2' })
    expect(await enter(admission, 'friend', from('/ip4/192.0.2.1'))).toBeDefined()
    expect(await enter(admission, 'other', from('/ip4/198.51.100.1'))).toBeDefined()
    expect(subnets.size).toBe(3)
    raws[0]?.abort()
    expect(await enter(admission, 'late', from('/ip4/192.0.2.1'))).toBeDefined()
  })

  it('refuses a full subnet before the handshake where nobody is exempt', async () => {
    const admission = make({ subnets: new InboundSubnets({ maxPerSubnet: 1 }) })
    await fill(admission, 1, '/ip4/192.0.2.1')
    expect(await begin(admission, from('/ip4/192.0.2.2'))).toBe(false)
    expect(admission.refused['subnet-limit']).toBe(1)
  })

  it.each(['country-limit', 'asn-limit'] as const)('refuses by %s in both directions', async (reason) => {
    const held = new Set<string>()
    const geo = {
      check: () => (held.size < 1 ? undefined : { reason, value: 'ZZ', limit: 1 }),
      admit: (key: string) => {
        held.add(key)
        return undefined
      },
      release: (key: string) => held.delete(key)
    }
    const admission = make({ geo: geo as unknown as NonNullable<AdmissionInit['geo']>, isUnconditional: friend })
    const raw = await enter(admission, 'a')
    expect(await enter(admission, 'b')).toBeUndefined()
    expect(await dial(admission, 'c')).toBeUndefined()
    const toFriend = multiaddr(`/ip4/192.0.2.1/tcp/1/p2p/${named('friend').toString()}`)
    expect(await admission.gater.denyDialMultiaddr(toFriend)).toBe(false)
    expect(refusals).toMatchObject([
      { reason, direction: 'inbound', limit: 1, group: 'ZZ' },
      { reason, direction: 'outbound', limit: 1, group: 'ZZ' }
    ])
    raw?.abort()
    expect(held.size).toBe(0)
    expect(await dial(admission, 'c')).toBeDefined()
  })
})
