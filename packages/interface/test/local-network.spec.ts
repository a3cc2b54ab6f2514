import type { NetworkInterfaceInfo } from 'node:os'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  inSubnet,
  isLinkLocal6,
  linksOrLoopback,
  localAddress,
  localLink,
  ownAddresses,
  withoutZone,
  type LinkChoice,
  type LinkOptions
} from '../src/index.js'

const common = { netmask: '', mac: '', internal: false }
const four = (cidr: string): NetworkInterfaceInfo => {
  const [address = ''] = cidr.split('/')
  return { ...common, address, family: 'IPv4', cidr }
}
const six = (cidr: string, scopeid = 0): NetworkInterfaceInfo => {
  const [address = ''] = cidr.split('/')
  return { ...common, address, family: 'IPv6', cidr, scopeid }
}
const LO = { ...four('127.0.0.1/8'), internal: true }
const ETH0 = [four('192.168.7.2/24'), six('fd00:7::2/64'), six('fe80::2/64', 3)]

describe('the addresses of this host', () => {
  it('are known without zones, whatever interface they are of', () => {
    const wlan0 = { ...six('fe80::3/64', 4), address: 'fe80::3%wlan0' }
    const own = ownAddresses({ lo: [LO], eth0: ETH0, wlan0: [wlan0], gone: undefined })
    expect([...own]).toEqual(['127.0.0.1', '192.168.7.2', 'fd00:7::2', 'fe80::2', 'fe80::3'])
  })

  it('are in the subnet that the system names, or alone if it names none', () => {
    expect(localAddress(four('10.0.0.1/20'))).toEqual({ address: '10.0.0.1', family: 4, prefix: 20 })
    expect(localAddress({ ...four('10.0.0.1'), cidr: null })).toEqual({ address: '10.0.0.1', family: 4, prefix: 32 })
    expect(localAddress({ ...six('fd00::1'), cidr: null })).toEqual({ address: 'fd00::1', family: 6, prefix: 128 })
  })

  it('lose their zone, and only that', () => {
    expect(['fe80::1%eth0', 'fe80::1%', 'fe80::1', '10.0.0.1', ''].map(withoutZone)).toEqual([
      'fe80::1',
      'fe80::1',
      'fe80::1',
      '10.0.0.1',
      ''
    ])
  })
})

it('IPv6 link-local is fe80::/10, with or without a zone', () => {
  for (const address of ['fe80::1', 'FE80::1', 'fe80::1%eth0', 'febf:ffff::1', 'fe9a::']) {
    expect(isLinkLocal6(address), address).toBe(true)
  }
  for (const address of ['fe7f::1', 'fec0::1', 'fe8::1', 'fd00::1', '::fe80:1', '169.254.1.1', '']) {
    expect(isLinkLocal6(address), address).toBe(false)
  }
})

describe('a link', () => {
  it('knows what to bind to, and all addresses of its interface', () => {
    expect(localLink('eth0', ETH0, four('192.168.7.2/24'), 'linux')).toEqual({
      key: 'eth0/192.168.7.2/0',
      name: 'eth0',
      family: 4,
      internal: false,
      bind: '192.168.7.2',
      zone: 'eth0',
      addresses: [
        { address: '192.168.7.2', family: 4, prefix: 24 },
        { address: 'fd00:7::2', family: 6, prefix: 64 },
        { address: 'fe80::2', family: 6, prefix: 64 }
      ]
    })
  })

  it('names its interface in the zone of a link-local address: by number on Windows', () => {
    const link = (platform: string) => localLink('eth0', ETH0, six('fe80::2/64', 3), platform)
    expect(link('linux')).toMatchObject({ key: 'eth0/fe80::2/3', bind: 'fe80::2%eth0', zone: 'eth0', family: 6 })
    expect(link('win32')).toMatchObject({ key: 'eth0/fe80::2/3', bind: 'fe80::2%3', zone: '3', family: 6 })
  })
})

describe('loopback', () => {
  const all = { eth0: ETH0, lo: [LO, six('::1/128')] }
  const asked: LinkOptions[] = []
  const choose = (options: LinkOptions, found: LinkOptions['wanted'] = ['127.0.0.1'], host = all): string[] => {
    asked.length = 0
    const { links } = linksOrLoopback(host, options, (options): LinkChoice => {
      asked.push(options)
      const usable = options.wanted?.every((name) => found.includes(name)) === true ? options.wanted : []
      return { links: usable.map(() => localLink('lo', [LO], LO, 'linux')), missing: [] }
    })
    return links.map(({ bind }) => bind)
  }

  it('is used if there is nothing else', () => {
    expect(choose({ ipv4: true, ipv6: true })).toEqual(['127.0.0.1'])
    expect(asked).toEqual([
      { ipv4: true, ipv6: true },
      { ipv4: true, ipv6: true, wanted: ['127.0.0.1'] }
    ])
  })

  it('is not used without IPv4, nor in place of what somebody has asked for, nor if there is none', () => {
    expect(choose({ ipv4: false, ipv6: true })).toEqual([])
    expect(choose({ ipv4: true, ipv6: true, wanted: ['eth9'] })).toEqual([])
    expect(choose({ ipv4: true, ipv6: true }, [], { eth0: ETH0, lo: [] })).toEqual([])
    expect(asked).toHaveLength(1)
  })
})

describe('a subnet', () => {
  it('agrees with arithmetic in IPv4', () => {
    const ip = fc.nat(0xffffffff)
    const text = (n: number): string => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join('.')
    fc.assert(
      fc.property(ip, ip, fc.integer({ min: 1, max: 32 }), (a, b, prefix) => {
        const mask = (0xffffffff << (32 - prefix)) >>> 0
        expect(inSubnet(text(a), { address: text(b), family: 4, prefix })).toBe((a & mask) === (b & mask))
      })
    )
  })

  it('has addresses of its own family only, and nothing that is no address', () => {
    const local = { address: 'fd00:7::2', family: 6, prefix: 64 } as const
    expect(inSubnet('fd00:7::ffff', local)).toBe(true)
    for (const address of ['fd00:8::1', '10.0.0.1', 'fd00:7::/64', 'x', '']) {
      expect(inSubnet(address, local), address).toBe(false)
    }
  })
})
