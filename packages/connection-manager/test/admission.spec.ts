import type { MultiaddrConnection, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { FakeClock, until } from '@penin/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { Admission, TrafficMeter, type AdmissionInit, type Refusal } from '../src/index.js'
import { addressOf, named, plainNode } from './support.js'

const from = (address: string): MultiaddrConnection =>
  Object.assign(new EventTarget(), {
    remoteAddr: multiaddr(`${address}/tcp/1000`),
    timeline: {}
  }) as unknown as MultiaddrConnection

let clock: FakeClock
let open: number
let refusals: Refusal[]
beforeEach(() => {
  clock = new FakeClock()
  open = 0
  refusals = []
})

function make(init: Partial<AdmissionInit> = {}): Admission {
  return new Admission({
    clock,
    maxConnections: 10,
    connections: () => open,
    onRefusal: (refusal) => refusals.push(refusal),
    ...init
  })
}

/** How many of `n` connections that come in at once are let in. */
async function knock(admission: Admission, address: string, n: number): Promise<number> {
  const raws = Array.from({ length: n }, () => from(address))
  const answers = await Promise.all(raws.map(async (raw) => admission.gater.denyInboundConnection?.(raw)))
  raws.forEach((raw) => raw.dispatchEvent(new Event('close')))
  return answers.filter((denied) => denied === false).length
}

describe('Admission', () => {
  it('lets a burst of one address in and then its rate, and counts and tells every refusal', async () => {
    const admission = make()
    expect(await knock(admission, '/ip4/192.0.2.1', 100)).toBe(32)
    clock.tick(1_000)
    expect(await knock(admission, '/ip4/192.0.2.1', 100)).toBe(4)
    expect(admission.refused).toEqual({
      'rate-limit': 164,
      'too-many-handshakes': 0,
      'too-many-connections': 0,
      'wrong-key-type': 0
    })
    expect(refusals).toHaveLength(164)
    expect(refusals[0]).toEqual({ reason: 'rate-limit', direction: 'inbound', address: '/ip4/192.0.2.1/tcp/1000' })
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

  it('a source that only ever begins handshakes gets a quarter of them, and all sources together no more than there are', async () => {
    const admission = make({ inboundRate: { burst: 1_000, perSecond: 1 } })
    const begin = async (address: string): Promise<boolean> =>
      (await admission.gater.denyInboundConnection?.(from(address))) === false
    const begun = async (address: string, n: number): Promise<number> => {
      let count = 0
      for (let i = 0; i < n; i++) {
        count += (await begin(address)) ? 1 : 0
      }
      return count
    }
    expect(await begun('/ip4/192.0.2.1', 100)).toBe(64)
    expect(await begun('/ip4/192.0.2.2', 1)).toBe(1)
    expect(await begun('/ip4/127.0.0.1', 300)).toBe(256 - 65)
    expect(await begun('/ip4/192.0.2.3', 1)).toBe(0)
    expect(admission.refused['too-many-handshakes']).toBe(36 + 300 - (256 - 65) + 1)
  })

  it('lets nobody in when it is full, from loopback either', async () => {
    const admission = make()
    open = 10
    expect(await knock(admission, '/ip4/127.0.0.1', 3)).toBe(0)
    expect(await admission.gater.denyDialPeer?.(named('a'))).toBe(true)
    expect(admission.refused['too-many-connections']).toBe(4)
    expect(refusals.at(-1)).toMatchObject({ direction: 'outbound', reason: 'too-many-connections' })
    open = 9
    expect(await knock(admission, '/ip4/127.0.0.1', 1)).toBe(1)
  })

  it('looks at the count again once a handshake is done', async () => {
    const admission = make({ isExempt: (peer) => peer.equals(named('friend')) })
    open = 10
    const upgraded = async (name: string): Promise<unknown> =>
      admission.gater.denyInboundUpgradedConnection?.(named(name), from('/ip4/127.0.0.1'))
    expect(await upgraded('stranger')).toBe(true)
    expect(await upgraded('friend')).toBe(false)
    expect(refusals).toMatchObject([{ reason: 'too-many-connections', direction: 'inbound' }])
  })

  it('dials exempt peers beyond the limit', async () => {
    const admission = make({ isExempt: (peer) => peer.equals(named('friend')) })
    open = 10
    expect(await admission.gater.denyDialPeer?.(named('friend'))).toBe(false)
    expect(await admission.gater.denyDialMultiaddr?.(multiaddr('/ip4/192.0.2.1/tcp/1'))).toBe(false)
    expect(refusals).toEqual([])
  })

  it('refuses every key but Ed25519, both ways', async () => {
    const admission = make()
    const { gater } = admission
    const peer = (type: string): PeerId => ({ ...named(type), type }) as PeerId
    const raw = from('/ip4/192.0.2.1')
    for (const type of ['RSA', 'secp256k1', 'url']) {
      expect(await gater.denyInboundEncryptedConnection?.(peer(type), raw)).toBe(true)
      expect(await gater.denyOutboundEncryptedConnection?.(peer(type), raw)).toBe(true)
    }
    expect(await gater.denyInboundEncryptedConnection?.(peer('Ed25519'), raw)).toBe(false)
    expect(await gater.denyOutboundEncryptedConnection?.(peer('Ed25519'), raw)).toBe(false)
    expect(admission.refused['wrong-key-type']).toBe(6)
  })

  it('holds its limit in a libp2p node when a crowd dials at the same moment', async () => {
    const traffic = new TrafficMeter()
    const admission = make({ maxConnections: 2, connections: () => full.getConnections().length, traffic })
    const full = await plainNode({ gater: admission.gater })
    const crowd = await Promise.all(Array.from({ length: 6 }, async () => plainNode()))
    await Promise.allSettled(crowd.map(async (node) => node.dial(addressOf(full))))
    await until(() => full.getConnections().length === 2 && admission.refused['too-many-connections'] === 4)
    const [connection] = full.getConnections()
    expect(traffic.of(connection as never)?.bytesIn).toBeGreaterThan(0)
    expect(traffic.of(connection as never)?.bytesOut).toBeGreaterThan(0)
  })
})
