import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { examineAddress } from '../src/address-book/address-facts.js'
import { sipHash, sipHashKey } from '../src/address-book/siphash.js'
import { addressGroup, scopeOf } from '../src/index.js'

const ID = '12D3KooWHJyHZFrc7YLUHT4NJgW3LF4y2RPaAPiUnWqrKrnPN91w'
const RELAY = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
const ONION = `/onion3/${'a'.repeat(55)}d:4001`

describe('addresses that are never stored', () => {
  const refused: Array<[string, string]> = [
    ['/ip4/0.0.0.0/tcp/4001', 'unspecified'],
    ['/ip4/0.1.2.3/tcp/4001', 'unspecified'],
    ['/ip6/::/tcp/4001', 'unspecified'],
    ['/ip4/224.0.0.1/tcp/4001', 'multicast'],
    ['/ip4/239.255.255.255/udp/4001/quic-v1', 'multicast'],
    ['/ip6/ff02::1/tcp/4001', 'multicast'],
    ['/ip4/255.255.255.255/tcp/4001', 'broadcast'],
    ['/ip4/169.254.10.20/tcp/4001', 'link-local'],
    ['/ip6/fe80::1/tcp/4001', 'link-local'],
    ['/ip6/::ffff:1.2.3.4/tcp/4001', 'mapped'],
    ['/ip6/::ffff:127.0.0.1/tcp/4001', 'mapped'],
    ['/ip6/2002:102:304::1/tcp/4001', 'tunnel'],
    ['/ip6/2001:0:4136:e378::1/tcp/4001', 'tunnel'],
    ['/ip6/64:ff9b::102:304/tcp/4001', 'tunnel'],
    ['/ip4/192.88.99.1/tcp/4001', 'tunnel'],
    ['/ip4/192.0.2.1/tcp/4001', 'documentation'],
    ['/ip4/198.51.100.255/tcp/4001', 'documentation'],
    ['/ip4/203.0.113.7/tcp/4001', 'documentation'],
    ['/ip6/2001:db8::1/tcp/4001', 'documentation'],
    ['/ip6/3fff::1/tcp/4001', 'documentation'],
    ['/ip4/240.0.0.1/tcp/4001', 'reserved'],
    ['/ip4/198.18.0.1/tcp/4001', 'reserved'],
    ['/ip4/198.19.255.255/tcp/4001', 'reserved'],
    ['/ip6/100::1/tcp/4001', 'reserved'],
    ['/ip6/::1:1/tcp/4001', 'reserved'],
    ['/ip4/100.64.0.1/tcp/4001', 'shared'],
    ['/ip4/100.127.255.255/tcp/4001', 'shared'],
    ['/ip4/1.2.3.4/tcp/0', 'port-zero'],
    ['/dns4/example.com/tcp/0', 'port-zero'],
    ['/ip4/1.2.3.4', 'no-port'],
    ['/dns4/example.com', 'no-port'],
    ['/ip4/1.2.3.4/tcp/65536', 'malformed'],
    ['/ip4/1.2.3.4/tcp/04001', 'malformed'],
    ['/ip4/01.2.3.4/tcp/4001', 'malformed'],
    ['/ip4/1.2.3/tcp/4001', 'malformed'],
    ['/ip6/1::2::3/tcp/4001', 'malformed'],
    ['/dns4/bad name/tcp/4001', 'malformed'],
    ['/dns4/1.2.3.4/tcp/4001', 'malformed'],
    ['/unix/tmp/p.sock', 'unsupported'],
    ['/memory/7', 'unsupported'],
    ['/ip4/1.2.3.4/sctp/4001', 'unsupported'],
    ['/ip4/1.2.3.4/tcp/4001/unheard-of', 'unsupported'],
    ['/ip4/1.2.3.4/tcp/4001/sni', 'unsupported'],
    [`/ip4/1.2.3.4/tcp/4001/p2p/${RELAY}`, 'other-peer'],
    [`/ip4/1.2.3.4/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${RELAY}`, 'other-peer'],
    [`/ip4/1.2.3.4/tcp/1/p2p/${RELAY}/p2p-circuit/p2p/${RELAY}/p2p-circuit`, 'nested-relay'],
    [`/ip4/10.0.0.300/tcp/1/p2p/${RELAY}/p2p-circuit`, 'malformed'],
    ['/ip4/1.2.3.4/tcp/1/p2p-circuit', 'malformed'],
    ['/ip4/1.2.3.4/tcp/1/p2p/12D3KooWnoid/p2p-circuit', 'malformed'],
    [`/dns4/${'a'.repeat(600)}/tcp/1`, 'too-long'],
    [`/ip4/1.2.3.4/tcp/1${'/ws'.repeat(100)}`, 'malformed'],
    ['', 'malformed'],
    ['/', 'malformed']
  ]
  it.each(refused)('%s: %s', (address, reason) => {
    expect(examineAddress(address, ID)).toBe(reason)
  })

  it('neighbours of every special range are public', () => {
    for (const ip of ['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255']) {
      expect(scopeOf(`/ip4/${ip}/tcp/1`)).toBe('public')
    }
    for (const ip of ['128.0.0.0', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.0.1.0']) {
      expect(scopeOf(`/ip4/${ip}/tcp/1`)).toBe('public')
    }
    for (const ip of ['192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255']) {
      expect(scopeOf(`/ip4/${ip}/tcp/1`)).toBe('public')
    }
    for (const ip of ['2001:200::1', '2001:db7::1', '2001:db9::1', '2003::1', '3ffe::1', '2a00:1450::1']) {
      expect(scopeOf(`/ip6/${ip}/tcp/1`)).toBe('public')
    }
  })
})

describe('scopes and groups', () => {
  const known: Array<[string, string, string]> = [
    ['/ip4/1.2.3.4/tcp/4001', 'public', '1.2'],
    ['/ip4/1.2.200.4/udp/4001/quic-v1', 'public', '1.2'],
    ['/ip6/2a00:1450:4001:81b::1/tcp/4001/ws', 'public', '2a00:1450'],
    ['/ip4/10.1.2.3/tcp/4001', 'private', '10.1.2.3'],
    ['/ip4/172.31.0.1/tcp/4001', 'private', '172.31.0.1'],
    ['/ip4/192.168.1.5/tcp/4001', 'private', '192.168.1.5'],
    ['/ip6/fd77::5/tcp/4001', 'private', 'fd77::5'],
    ['/ip6zone/eth0/ip6/fe80::1/tcp/4001', 'private', 'fe80::1%eth0'],
    ['/ip4/127.0.0.1/tcp/4001', 'loopback', '127.0.0.1:4001'],
    ['/ip6/::1/tcp/4001', 'loopback', '::1:4001'],
    ['/dns4/localhost/tcp/4001', 'loopback', 'localhost:4001'],
    ['/dns4/Node.Example.com/tcp/4001', 'name', 'name:example.com'],
    ['/dns/a.b.c.example.com/tcp/443/tls/ws', 'name', 'name:example.com'],
    ['/dnsaddr/bootstrap.example.org', 'name', 'name:example.org'],
    ['/dns4/printer.local/tcp/4001', 'private', 'printer.local'],
    ['/dns4/nas/tcp/4001', 'private', 'nas'],
    [ONION, 'onion', 'onion'],
    [`/ip4/1.2.3.4/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${ID}`, 'relay', '1.2'],
    [`/ip4/10.0.0.9/tcp/4001/p2p/${RELAY}/p2p-circuit`, 'relay', '10.0.0.9'],
    [`/p2p/${RELAY}/p2p-circuit`, 'relay', `relay:${RELAY}`]
  ]
  it.each(known)('%s is %s, of group %s', (address, scope, group) => {
    expect(scopeOf(address)).toBe(scope)
    expect(addressGroup(address)).toBe(group)
    expect(scopeOf(multiaddr(address))).toBe(scope)
  })

  it('gives a group to observed addresses that are never stored', () => {
    expect(addressGroup('/ip6/::ffff:1.2.3.4/tcp/1')).toBe('1.2')
    expect(addressGroup('/ip6/::ffff:10.2.3.4/tcp/1')).toBe('10.2.3.4')
    expect(addressGroup('/ip4/169.254.3.4/tcp/1')).toBe('169.254.3.4')
    expect(addressGroup('/ip6/fe80::a:b:c:d/tcp/1')).toBe('fe80:0:0:0')
    expect(addressGroup('/ip6/2a00:1450::1')).toBe('2a00:1450')
    expect(addressGroup('/memory/5')).toBe('other')
  })

  it('writes one address in one way', () => {
    const text = (address: string): unknown => (examineAddress(address, ID) as { text: string }).text
    expect(text(`/ip6/2A00:1450:0:0:0:0:0:1/tcp/1/p2p/${ID}`)).toBe('/ip6/2a00:1450::1/tcp/1')
    expect(text('/dns4/EXAMPLE.com./tcp/1')).toBe('/dns4/example.com/tcp/1')
  })

  it('counts ids for a public address or a /64, and for nothing else', () => {
    const host = (address: string): unknown => (examineAddress(address, ID) as { host?: string }).host
    expect(host('/ip4/1.2.3.4/tcp/4001')).toBe('1.2.3.4')
    expect(host('/ip6/2a00:1450:1:2:3:4:5:6/tcp/1')).toBe(host('/ip6/2a00:1450:1:2:ffff::/tcp/9'))
    expect(host('/ip4/10.0.0.1/tcp/4001')).toBeUndefined()
    expect(host(`/ip4/1.2.3.4/tcp/4001/p2p/${RELAY}/p2p-circuit`)).toBeUndefined()
  })
})

describe('reading addresses', () => {
  it('takes any text without throwing, and what it takes is a multiaddr', () => {
    const part = fc.constantFrom(
      'ip4',
      'ip6',
      'dns4',
      'tcp',
      'p2p',
      'p2p-circuit',
      '1.2.3.4',
      '::1',
      '4001',
      'a.b',
      RELAY
    )
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.array(part, { maxLength: 12 }).map((parts) => `/${parts.join('/')}`)
    )
    fc.assert(
      fc.property(texts, (text) => {
        const facts = examineAddress(text, ID)
        if (typeof facts === 'object') {
          expect(multiaddr(facts.text).bytes.byteLength).toBeGreaterThan(0)
          expect(examineAddress(facts.text, ID)).toEqual(facts)
        }
        expect(typeof addressGroup(text)).toBe('string')
      }),
      { numRuns: 500 }
    )
  })

  it('hashes as the authors of SipHash do', () => {
    // From the reference implementation's vectors: key 00 to 0f, input 00, 01, 02 and so on.
    const key = sipHashKey(Uint8Array.from({ length: 16 }, (_, i) => i))
    const input = Uint8Array.from({ length: 64 }, (_, i) => i)
    const hash = (length: number): string =>
      sipHash(key, input, length)
        .toReversed()
        .map((half) => half.toString(16).padStart(8, '0'))
        .join('')
    expect(hash(0)).toBe('726fdb47dd0e0e31')
    expect(hash(1)).toBe('74f839c593dc67fd')
    expect(hash(7)).toBe('ab0200f58b01d137')
    expect(hash(8)).toBe('93f5f5799a932462')
    expect(hash(15)).toBe('a129ca6149be45e5')
  })
})
