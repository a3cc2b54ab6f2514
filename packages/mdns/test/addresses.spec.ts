import { multiaddr } from '@multiformats/multiaddr'
import { beforeAll, describe, expect, it } from 'vitest'
import { announceable, endpointOf, readAddress, scopeOf } from '../src/addresses.js'
import { link, makePeer } from './support.js'
import type { LocalLink } from '@penin/interface'

let id: string
let other: string
beforeAll(async () => {
  id = (await makePeer()).toString()
  other = (await makePeer()).toString()
})

const lan = link('eth0', ['192.168.7.2/24', 'fd00:7::2/64'])
const publicLan = link('eth0', ['45.45.45.5/24'])
const lo = link('lo', ['127.0.0.1/8'], true)
const own = new Set(['127.0.0.1', '192.168.7.2', 'fd00:7::2', '172.17.0.1', '45.45.45.5'])

describe('scope of an address', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.9.9.9', 'loopback'],
    ['::1', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['169.254.9.9', 'private'],
    ['100.64.0.1', 'private'],
    ['fd00::1', 'private'],
    ['fe80::1', 'link-local'],
    ['8.8.8.8', 'public'],
    ['2a00::1', 'public'],
    ['0.0.0.0', 'unusable'],
    ['0.1.2.3', 'unusable'],
    ['::', 'unusable'],
    ['224.0.0.251', 'unusable'],
    ['255.255.255.255', 'unusable'],
    ['ff02::fb', 'unusable'],
    ['::ffff:127.0.0.1', 'unusable'],
    ['::ffff:7f00:1', 'unusable'],
    ['::ffff:8.8.8.8', 'unusable']
  ])('%s is %s', (ip, scope) => {
    expect(scopeOf(ip)).toBe(scope)
  })
})

describe('what is announced on a link', () => {
  const on = (where: LocalLink, ...addresses: string[]): string[] =>
    announceable(
      addresses.map((text) => multiaddr(text)),
      where,
      id,
      own
    ).map(({ text }) => text.replace(`/p2p/${id}`, ''))

  it('never a loopback address on a LAN', () => {
    expect(on(lan, '/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1', '/ip4/192.168.7.2/tcp/1')).toEqual([
      '/ip4/192.168.7.2/tcp/1'
    ])
  })

  it('loopback first, then the other own addresses, on the loopback interface', () => {
    expect(on(lo, '/ip4/192.168.7.2/tcp/1', '/ip4/127.0.0.1/tcp/1', '/ip4/9.9.9.9/tcp/1')).toEqual([
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/192.168.7.2/tcp/1'
    ])
  })

  it('no address of another interface', () => {
    expect(on(lan, '/ip4/172.17.0.1/tcp/1', '/ip6/fd00:7::2/tcp/1')).toEqual(['/ip6/fd00:7::2/tcp/1'])
  })

  it('a public address exactly if the interface has it', () => {
    expect(on(publicLan, '/ip4/45.45.45.5/tcp/1', '/ip4/45.45.45.6/tcp/1')).toEqual(['/ip4/45.45.45.5/tcp/1'])
    expect(on(lan, '/ip4/45.45.45.5/tcp/1')).toEqual([])
  })

  it('configured private addresses after those of the interface, nearer ones first', () => {
    expect(on(lan, '/ip4/10.3.3.3/tcp/1', '/ip4/192.168.7.9/tcp/1', '/ip4/192.168.7.2/tcp/1')).toEqual([
      '/ip4/192.168.7.2/tcp/1',
      '/ip4/192.168.7.9/tcp/1',
      '/ip4/10.3.3.3/tcp/1'
    ])
  })

  it('no names, relayed, portless, link-local or unspecified addresses, no address twice', () => {
    const relayed = `/ip4/192.168.7.9/tcp/1/p2p/${other}/p2p-circuit`
    expect(
      on(lan, '/dns4/a.example/tcp/1', relayed, '/ip4/192.168.7.2', '/ip4/192.168.7.2/tcp/0', '/ip6/fe80::2/tcp/1')
    ).toEqual([])
    expect(on(lan, '/ip4/0.0.0.0/tcp/1', '/ip4/192.168.7.2/tcp/1', `/ip4/192.168.7.2/tcp/1/p2p/${id}`)).toEqual([
      '/ip4/192.168.7.2/tcp/1'
    ])
  })

  it('nothing under the name of another peer', () => {
    expect(announceable([multiaddr(`/ip4/192.168.7.2/tcp/1/p2p/${other}`)], lan, id, own)).toEqual([])
  })

  it('any transport over TCP or UDP, with its port', () => {
    expect(
      announceable([multiaddr('/ip4/192.168.7.2/udp/7/quic-v1'), multiaddr('/ip4/192.168.7.2/tcp/8/ws')], lan, id, own)
    ).toEqual([
      { text: `/ip4/192.168.7.2/udp/7/quic-v1/p2p/${id}`, port: 7 },
      { text: `/ip4/192.168.7.2/tcp/8/ws/p2p/${id}`, port: 8 }
    ])
    expect(endpointOf(multiaddr('/ip6/::1/tcp/9'))).toEqual({ ip: '::1', port: 9 })
  })
})

describe('what is believed of an answer', () => {
  const from = (ownHost: boolean, text: string): string | undefined =>
    readAddress(text, { ownHost, own, links: [ownHost ? lo : lan] }).drop

  it('drops what is no multiaddr or belongs to nobody', () => {
    expect(from(false, 'no address')).toBe('syntax')
    expect(from(false, '/ip4/999.1.1.1/tcp/1')).toBe('syntax')
    expect(from(false, '/ip4/192.168.7.9/tcp/1')).toBe('no-peer-id')
  })

  it('drops names, which could point anywhere (A24)', () => {
    for (const name of ['/dnsaddr/victim.example', '/dns4/victim.example/tcp/443', '/dns6/victim.example/tcp/443']) {
      expect(from(false, `${name}/p2p/${id}`), name).toBe('not-ip')
    }
  })

  it('drops public addresses that are not on the link (a neighbour naming a victim)', () => {
    expect(from(false, `/ip4/8.8.8.8/tcp/443/p2p/${id}`)).toBe('scope')
    const onLink = readAddress(`/ip4/45.45.45.9/tcp/1/p2p/${id}`, { ownHost: false, own, links: [publicLan] })
    expect(onLink.drop).toBeUndefined()
  })

  it('believes loopback addresses from this host only', () => {
    expect(from(false, `/ip4/127.0.0.1/tcp/1/p2p/${id}`)).toBe('scope')
    expect(from(true, `/ip4/127.0.0.1/tcp/1/p2p/${id}`)).toBeUndefined()
    expect(from(true, `/ip4/45.45.45.5/tcp/1/p2p/${id}`)).toBeUndefined()
    expect(from(true, `/ip4/8.8.8.8/tcp/1/p2p/${id}`)).toBe('scope')
  })

  it('drops unspecified, multicast, mapped and link-local addresses', () => {
    for (const ip of [
      'ip4/0.0.0.0',
      'ip4/224.0.0.251',
      'ip6/::',
      'ip6/ff02::1',
      'ip6/::ffff:127.0.0.1',
      'ip6/fe80::1'
    ]) {
      expect(from(true, `/${ip}/tcp/1/p2p/${id}`), ip).toBe('scope')
    }
  })
})
