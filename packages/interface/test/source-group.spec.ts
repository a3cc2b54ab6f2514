import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ipOf, sourceGroup } from '../src/index.js'

const group = (text: string): string => sourceGroup(multiaddr(text))

/** One way of writing an IPv6 address of many: any groups, perhaps compressed, perhaps in capitals. */
const ip6 = fc.record({
  groups: fc.array(fc.integer({ min: 1, max: 0xffff }), { minLength: 8, maxLength: 8 }),
  big: fc.boolean()
})

describe('sourceGroup', () => {
  it.each([
    ['/ip4/192.0.2.7/tcp/1', '192.0.2.7'],
    ['/ip4/192.0.2.7/udp/9/quic-v1', '192.0.2.7'],
    ['/ip4/127.0.0.1/tcp/1', 'loopback'],
    ['/ip4/127.200.3.4/tcp/1', 'loopback'],
    ['/ip6/::1/tcp/1', 'loopback'],
    ['/ip6/0:0:0:0:0:0:0:1/tcp/1', 'loopback'],
    ['/ip6/2001:db8:1:2:3:4:5:6/tcp/1', '2001:db8:1:2::/64'],
    ['/ip6/2001:DB8:0001:0002::/tcp/1', '2001:db8:1:2::/64'],
    ['/ip6/2001:db8::1/tcp/1', '2001:db8:0:0::/64'],
    ['/ip6/2001:db8::1:2:3:4:5/tcp/1', '2001:db8:0:1::/64'],
    ['/ip6/::2:3/tcp/1', '0:0:0:0::/64'],
    ['/ip6/1::/tcp/1', '1:0:0:0::/64'],
    ['/ip6/64:ff9b::192.0.2.7/tcp/1', '64:ff9b:0:0::/64'],
    ['/ip6zone/eth0/ip6/fe80::1/tcp/1', 'fe80:0:0:0::/64'],
    ['/dns4/example.com/tcp/1', 'other'],
    ['/unix/%2Ftmp%2Fx', 'other']
  ])('%s counts as %s', (address, expected) => {
    expect(group(address)).toBe(expected)
  })

  it.each([
    ['/ip6/::ffff:192.0.2.7/tcp/1', '192.0.2.7'],
    ['/ip6/::FFFF:c000:0207/tcp/1', '192.0.2.7'],
    ['/ip6/0:0:0:0:0:ffff:c000:207/tcp/1', '192.0.2.7'],
    ['/ip6/::ffff:127.0.0.1/tcp/1', 'loopback'],
    ['/ip6/::ffff:0:0/tcp/1', '0.0.0.0']
  ])('the IPv4 address in %s is not another source than itself', (address, expected) => {
    expect(group(address)).toBe(expected)
  })

  it('is the same for all 2^64 addresses of a subnet and differs from subnet to subnet', () => {
    fc.assert(
      fc.property(ip6, ip6, ({ groups: a, big }, { groups: b }) => {
        const text = (groups: number[]): string => {
          const hex = groups.map((n) => n.toString(16)).join(':')
          return `/ip6/${big ? hex.toUpperCase() : hex}/tcp/1`
        }
        const sibling = [...a.slice(0, 4), ...b.slice(4)]
        expect(group(text(sibling))).toBe(group(text(a)))
        const same = a.slice(0, 4).join() === b.slice(0, 4).join()
        expect(group(text(b)) === group(text(a))).toBe(same)
      })
    )
  })

  it('ipOf gives the address without its zone', () => {
    expect(ipOf(multiaddr('/ip6zone/eth0/ip6/fe80::1/tcp/1'))).toEqual({ version: 6, ip: 'fe80::1' })
    expect(ipOf(multiaddr('/dns/example.com/tcp/1'))).toBeUndefined()
  })
})
