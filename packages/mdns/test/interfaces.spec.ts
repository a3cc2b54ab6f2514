import { describe, expect, it } from 'vitest'
import { chooseLinks, linksOfSource } from '../src/interfaces.js'
import { LAN } from './support.js'

const both = { ipv4: true, ipv6: true }
const names = (options: Parameters<typeof chooseLinks>[1]): string[] =>
  chooseLinks(LAN, options).links.map((link) => `${link.name} ${link.bind}`)

describe('choosing interfaces', () => {
  it('takes every interface with neighbours and leaves out loopback and point-to-point ends', () => {
    expect(names(both)).toEqual(['eth0 192.168.7.2', 'eth0 fe80::2%eth0', 'docker0 172.17.0.1'])
  })

  it('takes only the families that are switched on', () => {
    expect(names({ ipv4: false, ipv6: true })).toEqual(['eth0 fe80::2%eth0'])
    expect(names({ ipv4: true, ipv6: false })).toEqual(['eth0 192.168.7.2', 'docker0 172.17.0.1'])
    expect(names({ ipv4: false, ipv6: false })).toEqual([])
  })

  it('takes what was asked for by name in both families, even if it is loopback or a tunnel', () => {
    expect(names({ ...both, wanted: ['lo', 'wg0'] })).toEqual(['lo 127.0.0.1', 'wg0 10.9.0.5'])
    expect(names({ ...both, wanted: ['eth0'] })).toEqual(['eth0 192.168.7.2', 'eth0 fe80::2%eth0'])
  })

  it('takes only the one address if it was asked for by address', () => {
    expect(names({ ...both, wanted: ['192.168.7.2'] })).toEqual(['eth0 192.168.7.2'])
    expect(names({ ...both, wanted: ['fd00:7::2'] })).toEqual(['eth0 fd00:7::2'])
  })

  it('says which of the wanted ones are not there', () => {
    expect(chooseLinks(LAN, { ...both, wanted: ['eth0', 'wlan0', '10.0.0.1'] }).missing).toEqual(['wlan0', '10.0.0.1'])
    expect(chooseLinks({}, both)).toEqual({ links: [], missing: [] })
  })

  it('falls back to loopback on a host without any network, and only there', () => {
    const offline = { lo: LAN['lo'] ?? [] }
    expect(chooseLinks(offline, both).links.map((link) => link.bind)).toEqual(['127.0.0.1'])
    expect(chooseLinks(offline, { ...both, wanted: ['eth0'] })).toEqual({ links: [], missing: ['eth0'] })
    expect(chooseLinks(offline, { ipv4: false, ipv6: true }).links).toEqual([])
  })

  it('names an IPv6 zone by number on Windows', () => {
    const { links } = chooseLinks(LAN, { ipv4: false, ipv6: true }, 'win32')
    expect(links.map(({ bind, zone }) => [bind, zone])).toEqual([['fe80::2%3', '3']])
  })

  it('gives a link another key when its address or its number changes, and else the same', () => {
    const key = (address: string, scopeid: number): string | undefined =>
      chooseLinks(
        { eth0: [{ address, netmask: '', family: 'IPv6', mac: '', internal: false, cidr: `${address}/64`, scopeid }] },
        both
      ).links[0]?.key
    expect(key('fe80::2', 3)).toBe(key('fe80::2', 3))
    expect(key('fe80::2', 4)).not.toBe(key('fe80::2', 3))
    expect(key('fe80::3', 3)).not.toBe(key('fe80::2', 3))
  })
})

describe('the on-link test', () => {
  const { links } = chooseLinks(LAN, both)
  const on = (source: string): string[] => linksOfSource(links, source).map((link) => link.key)

  it('lets neighbours in by their subnet', () => {
    expect(on('192.168.7.99')).toEqual(['eth0/192.168.7.2/0'])
    expect(on('172.17.3.4')).toEqual(['docker0/172.17.0.1/0'])
    expect(on('fd00:7::1234')).toEqual(['eth0/fe80::2/3'])
  })

  it('lets nobody in from further away', () => {
    for (const source of ['192.168.8.1', '8.8.8.8', '127.0.0.1', '10.9.0.6', '2001:db8::1', '0.0.0.0', '::', '', 'x']) {
      expect(on(source), source).toEqual([])
    }
  })

  it('matches a link-local sender by its zone', () => {
    expect(on('fe80::9%eth0')).toEqual(['eth0/fe80::2/3'])
    expect(on('fe80::9%wlan0')).toEqual([])
  })

  it('takes our own address as that of its interface only, although two interfaces may share a subnet', () => {
    const twin = { eth0: LAN.eth0, eth1: [{ ...LAN.eth0?.[0], address: '192.168.7.3', cidr: '192.168.7.3/24' }] }
    const shared = chooseLinks(twin as typeof LAN, { ipv4: true, ipv6: false }).links
    expect(linksOfSource(shared, '192.168.7.3').map(({ name }) => name)).toEqual(['eth1'])
    expect(linksOfSource(shared, '192.168.7.50').map(({ name }) => name)).toEqual(['eth0', 'eth1'])
  })
})
