import { ownAddresses } from '@penin/interface'
import { describe, expect, it } from 'vitest'
import { chooseLinks, directedBroadcast, GROUP, sourceScope } from '../src/interfaces.js'
import { LAN, LO } from './support.js'

const both = { ipv4: true, ipv6: true }

describe('which interfaces are used', () => {
  it('every one that is up, isn’t loopback and has neighbours: each IPv4 subnet, and once in IPv6', () => {
    const { links } = chooseLinks(LAN, both)
    expect(links.map(({ bind, destinations, scope }) => [bind, destinations, scope])).toEqual([
      ['192.168.7.2', ['255.255.255.255', '192.168.7.255'], 'private'],
      ['10.5.0.1', ['255.255.255.255', '10.5.15.255'], 'private'],
      ['fe80::2%eth0', [GROUP], 'private'],
      ['172.17.0.1', ['255.255.255.255', '172.17.255.255'], 'private'],
      ['198.51.100.7', ['255.255.255.255', '198.51.100.15'], 'public']
    ])
  })

  it('those that were named, by name or address, and the missing ones are known', () => {
    const { links, missing } = chooseLinks(LAN, { ...both, wanted: ['wan0', 'fd00:7::2', 'eth9'] })
    expect(links.map(({ bind }) => bind)).toEqual(['fd00:7::2', '198.51.100.7'])
    expect(missing).toEqual(['eth9'])
  })

  it('loopback if there is nothing else, with its directed broadcast only', () => {
    expect(chooseLinks(LO, both).links).toMatchObject([
      { bind: '127.0.0.1', destinations: ['127.255.255.255'], scope: 'loopback' }
    ])
    expect(chooseLinks(LO, { ...both, wanted: ['eth0'] }).links).toEqual([])
    expect(chooseLinks({}, both).links).toEqual([])
  })

  it('of one family', () => {
    expect(chooseLinks(LAN, { ipv4: false, ipv6: true }).links.map(({ family }) => family)).toEqual([6])
    expect(chooseLinks(LAN, { ipv4: true, ipv6: false }).links.every(({ family }) => family === 4)).toBe(true)
  })

  it('by number on Windows', () => {
    expect(chooseLinks(LAN, { ipv4: false, ipv6: true }, 'win32').links[0]?.bind).toBe('fe80::2%3')
  })
})

it.each([
  ['192.168.7.2', 24, '192.168.7.255'],
  ['10.5.0.1', 20, '10.5.15.255'],
  ['10.5.0.1', 8, '10.255.255.255'],
  ['10.5.0.1', 30, '10.5.0.3'],
  ['127.0.0.1', 8, '127.255.255.255'],
  ['10.5.0.1', 31, undefined],
  ['10.5.0.1', 32, undefined]
])('the directed broadcast of %s/%i is %s', (address, prefix, expected) => {
  expect(directedBroadcast({ address, prefix, family: 4 })).toBe(expected)
})

describe('who is a neighbour', () => {
  const { links } = chooseLinks(LAN, { ...both, wanted: ['eth0', 'wan0'] })
  const scope = (source: string): string | undefined => sourceScope(links, ownAddresses(LAN), source)

  it.each([
    ['192.168.7.9', 'private'],
    ['10.5.15.1', 'private'],
    ['198.51.100.3', 'public'],
    ['fd00:7::9', 'private'],
    ['fe80::9%eth0', 'private'],
    ['fe80::9%wan0', undefined],
    ['192.168.7.2', 'loopback'],
    ['fe80::2%eth0', 'loopback'],
    ['127.0.0.1', 'loopback'],
    ['0.0.0.0', 'private'],
    ['172.17.0.9', undefined],
    ['192.168.8.9', undefined],
    ['8.8.8.8', undefined],
    ['2001:db8::1', undefined]
  ])('%s: %s', (source, expected) => {
    expect(scope(source)).toBe(expected)
  })
})
