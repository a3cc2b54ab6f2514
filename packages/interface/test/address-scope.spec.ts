import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { addressScope, fitsScope, observedScope, type AddressScope } from '../src/index.js'

const ID = '12D3KooWHJyHZFrc7YLUHT4NJgW3LF4y2RPaAPiUnWqrKrnPN91w'

describe('addressScope', () => {
  it.each<[string, AddressScope]>([
    ['/ip4/127.0.0.1/tcp/1', 'loopback'],
    ['/ip6/::1/tcp/1', 'loopback'],
    ['/ip6/0:0:0:0:0:0:0:1/udp/1/quic-v1', 'loopback'],
    ['/dns4/localhost/tcp/1', 'loopback'],
    ['/dns4/a.LOCALHOST./tcp/1', 'loopback'],
    ['/unix/%2Ftmp%2Fx', 'loopback'],
    ['/ip4/10.1.2.3/tcp/1', 'private'],
    ['/ip4/172.16.0.1/tcp/1', 'private'],
    ['/ip4/172.31.255.255/tcp/1', 'private'],
    ['/ip4/192.168.1.1/tcp/1', 'private'],
    ['/ip4/169.254.9.9/tcp/1', 'private'],
    ['/ip4/100.64.0.1/tcp/1', 'private'],
    ['/ip6/fd00::1/tcp/1', 'private'],
    ['/ip6/fec0::1/tcp/1', 'private'],
    ['/dns4/printer/tcp/1', 'private'],
    ['/dns4/printer.local/tcp/1', 'private'],
    [`/ip4/10.0.0.1/tcp/1/p2p/${ID}/p2p-circuit`, 'private'],
    ['/ip4/172.15.0.1/tcp/1', 'public'],
    ['/ip4/172.32.0.1/tcp/1', 'public'],
    ['/ip4/100.128.0.1/tcp/1', 'public'],
    ['/ip4/192.169.0.1/tcp/1', 'public'],
    ['/ip4/203.0.113.7/tcp/1/ws', 'public'],
    ['/ip6/2001:db8::1/tcp/1', 'public'],
    ['/dns4/example.com/tcp/443/tls/ws', 'public'],
    ['/dnsaddr/example.com', 'public'],
    [`/ip4/203.0.113.7/tcp/1/p2p/${ID}/p2p-circuit`, 'public'],
    ['/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:1234', 'onion'],
    ['/dns4/example.onion/tcp/1', 'onion'],
    ['/ip4/0.0.0.0/tcp/1', 'unusable'],
    ['/ip4/224.0.0.251/tcp/1', 'unusable'],
    ['/ip4/255.255.255.255/tcp/1', 'unusable'],
    ['/ip4/203.0.113.7/tcp/0', 'unusable'],
    ['/ip6/::/tcp/1', 'unusable'],
    ['/ip6/::ffff:127.0.0.1/tcp/1', 'unusable'],
    ['/ip6/::ffff:c0a8:101/tcp/1', 'unusable'],
    ['/ip6/::203.0.113.7/tcp/1', 'unusable'],
    ['/ip6/fe80::1/tcp/1', 'unusable'],
    ['/ip6zone/eth0/ip6/fe80::1/tcp/1', 'unusable'],
    ['/ip6/ff02::1/tcp/1', 'unusable'],
    ['/ip6/2002:c0a8:101::1/tcp/1', 'unusable'],
    ['/ip6/2001::1/tcp/1', 'unusable'],
    ['/ip6/64:ff9b::203.0.113.7/tcp/1', 'unusable'],
    ['/ip4/192.88.99.1/tcp/1', 'unusable'],
    ['/ip4/198.18.0.1/tcp/1', 'unusable'],
    ['/ip4/240.0.0.1/tcp/1', 'unusable'],
    ['/ip6/4000::1/tcp/1', 'unusable'],
    [`/p2p/${ID}/p2p-circuit`, 'unusable'],
    [`/p2p/${ID}`, 'unusable'],
    ['/', 'unusable']
  ])('%s is %s', (address, expected) => {
    expect(addressScope(multiaddr(address))).toBe(expected)
  })
})

describe('observedScope', () => {
  it.each<[string, AddressScope]>([
    ['/ip4/127.0.0.1/tcp/1', 'loopback'],
    ['/ip4/192.168.1.1/tcp/1', 'private'],
    ['/ip4/203.0.113.7/tcp/1', 'public'],
    ['/ip6/::ffff:127.0.0.1/tcp/1', 'loopback'],
    ['/ip6/::ffff:c0a8:101/tcp/1', 'private'],
    ['/ip6/::ffff:203.0.113.7/tcp/1', 'public'],
    ['/ip6zone/eth0/ip6/fe80::1/tcp/1', 'private'],
    ['/ip6/::1/tcp/1', 'loopback'],
    ['/ip6/2001:db8::1/tcp/1', 'public'],
    [`/ip4/203.0.113.7/tcp/1/p2p/${ID}/p2p-circuit`, 'public'],
    ['/dns4/example.com/tcp/1', 'public'],
    [`/p2p/${ID}`, 'unusable']
  ])('a peer at %s is %s', (address, expected) => {
    expect(observedScope(multiaddr(address))).toBe(expected)
  })
})

describe('fitsScope', () => {
  const scopes: AddressScope[] = ['loopback', 'private', 'public', 'onion', 'unusable']

  it('keeps private addresses among private peers, loopback ones on the host and onion ones within Tor', () => {
    const told = (peer: AddressScope): AddressScope[] => scopes.filter((scope) => fitsScope(scope, peer))
    expect(told('loopback')).toEqual(['loopback', 'private', 'public'])
    expect(told('private')).toEqual(['private', 'public'])
    expect(told('public')).toEqual(['public'])
    expect(told('onion')).toEqual(['onion'])
    expect(told('unusable')).toEqual(['public'])
  })
})
