import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { geoLimits, type GeoLimits } from '../src/index.js'
import { writeMmdb, type MmdbNetworks } from './mmdb.js'

const COUNTRIES: MmdbNetworks = {
  '93.184.0.0/16': { country: { iso_code: 'US', names: { en: 'United States' } } },
  '81.2.69.0/24': { country: { iso_code: 'GB' } },
  '2a02:1234::/32': { country: { iso_code: 'DE' } }
}

const NETWORKS: MmdbNetworks = {
  '93.184.0.0/17': { autonomous_system_number: 15133, autonomous_system_organization: 'Edge' },
  '93.184.128.0/17': { autonomous_system_number: 15133 },
  '81.2.69.0/24': { autonomous_system_number: 20712 },
  '2a02:1234::/32': { autonomous_system_number: 15133 }
}

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'penin-geo-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true })
})

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}

async function countryFile(networks = COUNTRIES, options = {}): Promise<string> {
  return file(`country-${Math.floor(performance.now() * 1e6)}.mmdb`, writeMmdb(networks, options))
}

function at(ip: string) {
  return multiaddr(`/ip${ip.includes(':') ? 6 : 4}/${ip}/tcp/4001`)
}

function admitAll(limits: GeoLimits, ips: string[]): number {
  return ips.filter((ip, n) => limits.admit(`c${n}`, at(ip)) == null).length
}

const american = Array.from({ length: 20 }, (_, n) => `93.184.${n * 12}.${n}`)

describe('country and network limits', () => {
  it('are off without options', async () => {
    expect(admitAll(await geoLimits(), american)).toBe(20)
  })

  it('count connections by country, over all of its networks', async () => {
    const limits = await geoLimits({ countryFile: await countryFile(), maxPerCountry: 3 })
    expect(admitAll(limits, american)).toBe(3)
    expect(limits.check(at('93.184.7.7'))).toEqual({ reason: 'country-limit', value: 'US', limit: 3 })
    expect(limits.check(at('81.2.69.7'))).toBeUndefined()
    expect(limits.check(at('2a02:1234:5::6'))).toBeUndefined()
  })

  it('count connections by autonomous system, IPv4 and IPv6 together', async () => {
    const limits = await geoLimits({ asnFile: await file('asn.mmdb', writeMmdb(NETWORKS)), maxPerAsn: 3 })
    expect(admitAll(limits, ['93.184.1.1', '93.184.200.1', '2a02:1234::1', '2a02:1234:9::1', '81.2.69.1'])).toBe(4)
    expect(limits.check(at('2a02:1234:7::1'))).toEqual({ reason: 'asn-limit', value: 'AS15133', limit: 3 })
  })

  it('hold both at once, and give places back', async () => {
    const asnFile = await file('both.mmdb', writeMmdb(NETWORKS))
    const limits = await geoLimits({ countryFile: await countryFile(), maxPerCountry: 2, asnFile, maxPerAsn: 3 })
    expect(admitAll(limits, ['93.184.1.1', '2a02:1234::1', '2a02:1234::2'])).toBe(3)
    expect(limits.check(at('93.184.2.2'))).toMatchObject({ reason: 'asn-limit' })
    limits.release('c2')
    expect(limits.admit('again', at('93.184.2.2'))).toBeUndefined()
    expect(limits.check(at('93.184.2.3'))).toMatchObject({ reason: 'country-limit' })
    for (const key of ['c0', 'c1', 'again', 'nobody']) {
      limits.release(key)
    }
    expect(limits.size).toBe(0)
  })

  it.each(['8.8.8.8', '127.0.0.1', '192.168.1.1', '2a05::1'])(
    'do not hold %s, which the database does not know',
    async (ip) => {
      const limits = await geoLimits({ countryFile: await countryFile(), maxPerCountry: 1 })
      expect(admitAll(limits, Array<string>(20).fill(ip))).toBe(20)
    }
  )

  it('let unconditional peers pass, who take nobody’s place', async () => {
    const limits = await geoLimits({ countryFile: await countryFile(), maxPerCountry: 1 })
    expect(limits.admit('friend', at('93.184.1.1'), { unconditional: true })).toBeUndefined()
    expect(admitAll(limits, american)).toBe(1)
    expect(limits.check(at('93.184.1.1'), { unconditional: true })).toBeUndefined()
  })

  it('of a database for IPv4 alone say nothing of IPv6 addresses', async () => {
    // 5db8 are the bits of 93.184: a reader that follows them in an IPv4 tree finds the United States.
    const ipv4 = { '93.184.0.0/16': { country: { iso_code: 'US' } } }
    const limits = await geoLimits({ countryFile: await countryFile(ipv4, { ipVersion: 4 }), maxPerCountry: 1 })
    expect(admitAll(limits, american)).toBe(1)
    expect(admitAll(limits, ['2db8::1', '2db8::2'])).toBe(2)
  })

  it.each([
    ['country and code', { '93.184.0.0/16': { country: 'US' } }, 'US'],
    ['country code', { '93.184.0.0/16': { country: { name: 'x' }, country_code: 'US' } }, 'US']
  ])('read the records of other makers: %s', async (_, networks, value) => {
    const limits = await geoLimits({ countryFile: await countryFile(networks), maxPerCountry: 1 })
    admitAll(limits, american)
    expect(limits.check(at('93.184.0.1'))).toMatchObject({ value })
  })
})

describe('a database that cannot be used keeps a node from starting', () => {
  it.each([
    ['a missing file', async () => join(folder, 'nowhere.mmdb'), 'unreadable'],
    ['a folder', async () => folder, 'unreadable'],
    ['an empty file', async () => file('empty.mmdb', Buffer.alloc(0)), 'corrupt'],
    ['a text', async () => file('text.mmdb', Buffer.from('US,93.184.0.0/16\n'.repeat(100))), 'corrupt'],
    ['a file without its end', async () => file('cut.mmdb', writeMmdb(COUNTRIES).subarray(0, -20)), 'corrupt'],
    ['a file without its beginning', async () => file('tail.mmdb', writeMmdb(COUNTRIES).subarray(-150)), 'corrupt'],
    ['networks instead of countries', async () => file('other.mmdb', writeMmdb(NETWORKS)), 'lacks-data'],
    ['a database of nothing', async () => file('none.mmdb', writeMmdb({})), 'lacks-data']
  ])('%s', async (_, make, problem) => {
    const countryFile = await make()
    await expect(geoLimits({ countryFile, maxPerCountry: 1 })).rejects.toMatchObject({
      name: 'GeoDatabaseError',
      file: countryFile,
      kind: 'country',
      problem
    })
  })

  it('a file larger than any database', async () => {
    const path = await file('huge.mmdb', Buffer.alloc(0))
    await truncate(path, 600 * 1024 * 1024) // holes take no space
    await expect(geoLimits({ asnFile: path, maxPerAsn: 1 })).rejects.toMatchObject({
      problem: 'too-large',
      kind: 'asn'
    })
  })

  it.each([
    ['a limit without its file', { maxPerCountry: 1 }, 'countryFile'],
    ['a file without its limit', { asnFile: 'x.mmdb' }, 'maxPerAsn'],
    ['a limit of nothing', { asnFile: 'x.mmdb', maxPerAsn: 0 }, 'maxPerAsn'],
    ['half a connection', { countryFile: 'x.mmdb', maxPerCountry: 0.5 }, 'maxPerCountry']
  ])('%s', async (_, init, argument) => {
    await expect(geoLimits(init)).rejects.toMatchObject({ name: 'InvalidArgumentError', argument })
  })

  it('with any bytes changed it is refused, or read without ever throwing', async () => {
    const good = writeMmdb(COUNTRIES)
    const change = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        const bytes = Buffer.from(good)
        for (const [i, byte] of changes) {
          bytes[i] = byte
        }
        const countryFile = await file('damaged.mmdb', bytes)
        const limits = await geoLimits({ countryFile, maxPerCountry: 1 }).catch((error: Error) => error)
        if (limits instanceof Error) {
          expect(limits.name).toBe('GeoDatabaseError')
        } else {
          admitAll(limits, [...american, '2a02:1234::1', '81.2.69.1'])
        }
      }),
      { numRuns: 300 }
    )
  })
})
