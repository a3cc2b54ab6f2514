import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BOOTSTRAP_MAX_PER_SUBNET, inboundSubnet, InboundSubnets } from '../src/index.js'

function at(ip: string, port = 4001) {
  return multiaddr(`/ip${ip.includes(':') ? 6 : 4}/${ip}/tcp/${port}`)
}

function admitAll(subnets: InboundSubnets, ips: readonly string[]): number {
  return ips.filter((ip, n) => subnets.admit(`c${n}`, at(ip, 1_000 + n)) == null).length
}

function hosts(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n + 1}`)
}

describe('inbound subnet limit', () => {
  it.each([
    ['Sybils of one public /24', hosts('203.0.114.', 200), 10],
    ['one public address', Array<string>(200).fill('203.0.114.9'), 10],
    ['IPv4-mapped addresses of the /24', hosts('::ffff:203.0.114.', 200), 10],
    ['an IPv6 /48, with an address of its own each', hosts('2001:db9:7:', 200).map((ip) => `${ip}::1`), 10],
    ['two /24 networks', [...hosts('203.0.114.', 100), ...hosts('203.0.115.', 100)], 20],
    ['one private /24', hosts('192.168.1.', 200), 200],
    ['loopback', Array<string>(200).fill('127.0.0.1'), 200],
    ['a carrier-grade NAT from inside', hosts('100.64.0.', 200), 200]
  ])('%s get their share', (_, ips, share) => {
    expect(admitAll(new InboundSubnets(), ips)).toBe(share)
  })

  it('a bootstrap node takes 64, so 20 honest nodes behind one NAT are served', () => {
    const bootstrap = new InboundSubnets({ maxPerSubnet: BOOTSTRAP_MAX_PER_SUBNET })
    expect(admitAll(bootstrap, Array<string>(20).fill('203.0.114.9'))).toBe(20)
    expect(admitAll(new InboundSubnets({ maxPerSubnet: 64 }), hosts('203.0.114.', 200))).toBe(64)
  })

  it('a refusal says which subnet and where the limit stands', () => {
    const subnets = new InboundSubnets({ maxPerSubnet: 1 })
    subnets.admit('a', at('203.0.114.9'))
    expect(subnets.admit('b', at('203.0.114.10'))).toEqual({ reason: 'subnet-limit', subnet: '203.0.114', limit: 1 })
  })

  it('a relayed connection counts for its relay', () => {
    const id = '12D3KooWBSkd5vKwFVS2e5BTqbHdWEfRuNBWDVC2gMuUpHBWVjMv'
    expect(inboundSubnet(multiaddr(`/ip4/203.0.114.9/tcp/1/p2p/${id}/p2p-circuit`))).toBe('203.0.114')
  })

  it('unconditional peers get in beyond the limit, and take nobody’s place', () => {
    const subnets = new InboundSubnets({ maxPerSubnet: 2 })
    for (let n = 0; n < 5; n++) {
      expect(subnets.admit(`friend${n}`, at('203.0.114.9'), { unconditional: true })).toBeUndefined()
    }
    expect(admitAll(subnets, hosts('203.0.114.', 5))).toBe(2)
    expect(subnets.admit('late friend', at('203.0.114.9'), { unconditional: true })).toBeUndefined()
  })

  it('counts exactly those who are connected, whatever comes and goes', () => {
    const step = fc.record({
      key: fc.nat(15).map(String),
      ip: fc.constantFrom('203.0.114.1', '203.0.114.2', '203.0.115.1', '10.0.0.1', '2001:db9::1'),
      leaves: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const subnets = new InboundSubnets({ maxPerSubnet: 3 })
        const model = new Map<string, string>()
        for (const { key, ip, leaves } of steps) {
          const subnet = inboundSubnet(at(ip))
          if (leaves) {
            subnets.release(key)
            model.delete(key)
          } else if (!model.has(key)) {
            const taken = [...model.values()].filter((other) => other === subnet).length
            expect(subnets.admit(key, at(ip)) == null).toBe(subnet == null || taken < 3)
            if (subnet != null && taken < 3) {
              model.set(key, subnet)
            }
          }
          expect(subnets.size).toBe(model.size)
        }
      })
    )
  })
})
