import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatIp6, isPublicIp4, kindOfIp4, kindOfIp6, parseIp4, parseIp6, type IpKind } from '../src/index.js'

const kindOf = (ip: string): IpKind | undefined => {
  const [bytes, words] = [parseIp4(ip), parseIp6(ip)]
  return bytes == null ? words && kindOfIp6(words) : kindOfIp4(bytes)
}

describe('IP addresses', () => {
  it('are read as they are written, and IPv6 ones written in one way', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const words = parseIp6(text)
        expect(words).toHaveLength(8)
        expect(parseIp6(formatIp6(words ?? []))).toEqual(words)
      })
    )
    fc.assert(fc.property(fc.ipV4(), (text) => parseIp4(text)?.join('.') === text))
    expect(formatIp6([0, 0, 1, 0, 0, 0, 0, 0])).toBe('0:0:1::')
    expect(formatIp6([1, 0, 2, 3, 4, 5, 6, 7])).toBe('1:0:2:3:4:5:6:7')
    expect(formatIp6([0, 0, 0, 0, 0, 0, 0, 0])).toBe('::')
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '1..2.3',
    '1::2::3',
    '1:2:3:4:5:6:7',
    'fe80::1%eth0',
    'x'
  ])('are not what "%s" is', (text) => {
    expect([parseIp4(text), parseIp6(text)]).toEqual([undefined, undefined])
  })

  it.each<[string, IpKind]>([
    ['0.1.2.3', 'unspecified'],
    ['10.255.255.255', 'private'],
    ['100.64.0.0', 'shared'],
    ['127.9.9.9', 'loopback'],
    ['169.254.0.0', 'link-local'],
    ['172.31.255.255', 'private'],
    ['192.0.0.8', 'reserved'],
    ['192.0.2.1', 'documentation'],
    ['192.88.99.1', 'tunnel'],
    ['198.19.255.255', 'reserved'],
    ['239.255.255.255', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['255.255.255.254', 'reserved'],
    ['8.8.8.8', 'public'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::ffff:8.8.8.8', 'mapped'],
    ['::8.8.8.8', 'reserved'],
    ['64:ff9b::8.8.8.8', 'tunnel'],
    ['2001::1', 'tunnel'],
    ['2001:20::1', 'reserved'],
    ['2001:db8::1', 'documentation'],
    ['2002:808:808::1', 'tunnel'],
    ['3fff:fff::1', 'documentation'],
    ['fdff::1', 'private'],
    ['febf::1', 'link-local'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['4000::1', 'reserved'],
    ['2a00::1', 'public']
  ])('%s is %s', (ip, kind) => {
    expect(kindOf(ip)).toBe(kind)
  })

  it('that begin with a byte of no special range are public, all of them', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const bytes = parseIp4(text) ?? []
        expect(isPublicIp4(bytes[0] ?? 0) && kindOfIp4(bytes) !== 'public').toBe(false)
      })
    )
  })
})
