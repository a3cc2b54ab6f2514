import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePeerAddress, type InvalidPeerAddressError } from '../src/index.js'
import { makePeerId } from './support.js'

const id = (await makePeerId()).toString()
const other = (await makePeerId()).toString()

function problemOf(text: string): InvalidPeerAddressError {
  try {
    parsePeerAddress(text)
  } catch (error) {
    expect(error).toMatchObject({ name: 'InvalidPeerAddressError' })
    return error as InvalidPeerAddressError
  }
  throw new RangeError(`${text} was taken`)
}

describe('parsePeerAddress', () => {
  it.each([
    [`${id}@192.0.2.1:26656`, `/ip4/192.0.2.1/tcp/26656/p2p/${id}`, id],
    [`${id}@[2001:db8::1]:26656`, `/ip6/2001:db8::1/tcp/26656/p2p/${id}`, id],
    [`${id}@seed.example.com:1`, `/dns/seed.example.com/tcp/1/p2p/${id}`, id],
    ['192.0.2.1:65535', '/ip4/192.0.2.1/tcp/65535', undefined],
    ['[::1]:4001', '/ip6/::1/tcp/4001', undefined],
    ['my_host:00080', '/dns/my_host/tcp/80', undefined],
    ['  192.0.2.1:4001\n', '/ip4/192.0.2.1/tcp/4001', undefined],
    [`/ip4/192.0.2.1/tcp/4001/p2p/${id}`, `/ip4/192.0.2.1/tcp/4001/p2p/${id}`, id],
    ['/ip4/192.0.2.1/tcp/4001', '/ip4/192.0.2.1/tcp/4001', undefined],
    ['/dnsaddr/bootstrap.example.com', '/dnsaddr/bootstrap.example.com', undefined],
    [
      `/ip4/192.0.2.1/tcp/1/p2p/${other}/p2p-circuit/p2p/${id}`,
      `/ip4/192.0.2.1/tcp/1/p2p/${other}/p2p-circuit/p2p/${id}`,
      id
    ]
  ])('reads %s', (text, address, expected) => {
    const parsed = parsePeerAddress(text)
    expect(parsed.address.toString()).toBe(address)
    expect(parsed.id?.toString()).toBe(expected)
  })

  it('reads its own output again, for every host, port and with or without id', () => {
    const host = fc.oneof(
      fc.ipV4().map((ip) => [ip, '/ip4/'] as const),
      fc.ipV6().map((ip) => [`[${ip}]`, '/ip6/'] as const),
      fc.domain().map((name) => [name, '/dns/'] as const)
    )
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), fc.boolean(), ([text, kind], port, withId) => {
        const { address, id: found } = parsePeerAddress(`${withId ? `${id}@` : ''}${text}:${port}`)
        expect(address.toString().startsWith(kind)).toBe(true)
        expect(address.toString()).toContain(`/tcp/${port}`)
        expect(found?.toString()).toBe(withId ? id : undefined)
        const again = parsePeerAddress(address.toString())
        expect(again.address.equals(address)).toBe(true)
        expect(again.id?.toString()).toBe(found?.toString())
      })
    )
  })

  it.each([
    ['a@b@c:1', 'the id is no peer id'],
    [`${id}@b@c:1`, 'it is not host:port'],
    ['@host:26656', 'the id is empty'],
    [`${id}@`, 'it is not host:port'],
    [`${id}@host`, 'it is not host:port'],
    [id, 'it is not host:port'],
    ['26656abc', 'it is not host:port'],
    ['host:26656abc', 'it is not host:port'],
    ['', 'it is not host:port'],
    [':1', 'it is not host:port'],
    ['host:', 'it is not host:port'],
    ['host:0', 'the port must be 1 to 65535'],
    ['host:65536', 'the port must be 1 to 65535'],
    ['host:-1', 'it is not host:port'],
    ['host:1e3', 'it is not host:port'],
    ['2001:db8::1:4001', 'it is not host:port'],
    ['::1', 'it is not host:port'],
    ['[::1]', 'it is not host:port'],
    ['[192.0.2.1]:1', /.+/],
    ['192.0.2.256:1', /.+/],
    ['192.0.2:1', /.+/],
    ['-host:1', 'the host is no name and no IP address'],
    ['a..b:1', 'the host is no name and no IP address'],
    [`${'a'.repeat(64)}:1`, 'the host is no name and no IP address'],
    ['http://host:1', 'it is not host:port'],
    ['host:1/path', 'it is not host:port'],
    ['/', 'it has no host'],
    ['//', 'it has no host'],
    ['/tcp/80', 'it has no host'],
    [`/p2p/${id}`, 'it has no host'],
    ['/ip4/192.0.2.1/tcp/0', 'port 0 cannot be dialled'],
    ['/ip4/192.0.2.1/tcp/65536', /.+/],
    ['/ip4/192.0.2.1/tcp', /.+/],
    ['/ip4/300.0.2.1/tcp/1', /.+/],
    ['/ip4/192.0.2.1/tcp/1/p2p/nonsense', /.+/],
    [`/ip4/192.0.2.1/tcp/1/p2p/nonsense/p2p-circuit/p2p/${id}`, /.+/],
    [`/ip4/192.0.2.1/tcp/1/p2p/${id}/p2p-circuit`, 'it names a relay, but nobody behind it'],
    ['/nonsense/1', /.+/]
  ])('refuses %s and says why', (text, problem) => {
    expect(problemOf(text).problem).toMatch(problem)
  })

  it.each(['ho\0st:1', 'ho st:1', 'a\u001b[2Jb:1', 'x\u202ey:1', '/dns4/a\nb/tcp/1', '/dns4/a\u001b[2Jb/tcp/1'])(
    'quotes %j without letting it out',
    (text) => {
      const error = problemOf(text)
      for (const shown of [error.message, error.text, JSON.stringify(error)]) {
        expect(shown).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
      }
    }
  )

  it('neither reads nor repeats a text of a hundred thousand characters', () => {
    for (const text of ['a'.repeat(100_000), '/ip4/1.2.3.4'.repeat(8_000), `${'a.'.repeat(50_000)}:1`]) {
      const error = problemOf(text)
      expect(error.problem).toBe('longer than 1024 characters')
      expect(error.message.length).toBeLessThan(600)
    }
  })

  it('throws nothing else, whatever it is given', () => {
    const pieces = fc.constantFrom(
      '/ip4/',
      '/ip6/',
      '1.2.3.4',
      '::',
      '/tcp/',
      '80',
      '@',
      ':',
      '[',
      ']',
      '/p2p/',
      id,
      '%',
      '/'
    )
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 12 }).map((parts) => parts.join(''))
    )
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const { address } = parsePeerAddress(text)
          expect(address.toString()).not.toMatch(/[\p{Cc}\s]/u)
          expect(address.bytes.length).toBeGreaterThan(0)
        } catch (error) {
          expect((error as Error).name).toBe('InvalidPeerAddressError')
        }
      }),
      { numRuns: 2_000 }
    )
  })
})
