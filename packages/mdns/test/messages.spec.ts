import { decode, encode } from 'dns-packet'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { readSighting } from '../src/discovered.js'
import {
  buildAnswer,
  buildGoodbye,
  buildQuery,
  MAX_SENT,
  MAX_UNICAST,
  META_QUERY,
  parseMessage
} from '../src/messages.js'
import { link, makePeer } from './support.js'
import type { Answer, Question } from 'dns-packet'
import type { Message, RawSighting, Wanted } from '../src/messages.js'

const names = { serviceTag: '_p2p._udp.local', instance: 'abc123._p2p._udp.local', host: 'abc123.local' }
const eth0 = link('eth0', ['192.168.7.2/24', 'fd00:7::2/64', 'fe80::2/64'])
let id: string
let other: string
beforeAll(async () => {
  id = (await makePeer()).toString()
  other = (await makePeer()).toString()
})

const announced = (...texts: string[]): Array<{ text: string; port: number }> =>
  texts.map((text) => ({ text: `${text}/p2p/${id}`, port: 4001 }))
const answer = (wanted: Wanted[], addresses = announced('/ip4/192.168.7.2/tcp/4001')): Buffer => {
  const packet = buildAnswer({ names, wanted: new Set(wanted), addresses, link: eth0 })
  if (packet === undefined) throw new TypeError('there should be an answer')
  return packet
}
const sightings = (message: Message): RawSighting[] => (message.kind === 'response' ? message.sightings : [])
const asked = (...questions: Array<[string, string]>): Wanted[] => {
  const packet = encode({ type: 'query', questions: questions.map(([name, type]) => ({ name, type }) as Question) })
  const message = parseMessage(packet, names)
  return message.kind === 'query' ? [...message.wanted] : []
}
const response = (answers: Answer[], additionals: Answer[] = []): RawSighting[] =>
  sightings(parseMessage(encode({ type: 'response', answers, additionals }), names))
const ptr = (name: string, ttl = 120): Answer => ({
  name: names.serviceTag,
  type: 'PTR',
  ttl,
  data: `${name}.${names.serviceTag}`
})
const txt = (name: string, ...data: string[]): Answer => ({
  name: `${name}.${names.serviceTag}`,
  type: 'TXT',
  ttl: 120,
  data
})

describe('our own messages', () => {
  it('ask for the service', () => {
    const query = decode(buildQuery(names.serviceTag))
    expect(query).toMatchObject({
      type: 'query',
      id: 0,
      questions: [{ name: names.serviceTag, type: 'PTR', class: 'IN' }]
    })
  })

  it('answer as the specification says, with TXT among the additional records', () => {
    const packet = decode(answer(['peer']))
    expect(packet).toMatchObject({ type: 'response', flag_aa: true, rcode: 'NOERROR', questions: [] })
    expect(packet.answers).toMatchObject([
      { type: 'PTR', name: names.serviceTag, data: names.instance, ttl: 120, flush: false }
    ])
    expect(packet.additionals?.map(({ type, name }) => `${type} ${name}`)).toEqual([
      `TXT ${names.instance}`,
      `SRV ${names.instance}`,
      `A ${names.host}`,
      `AAAA ${names.host}`
    ])
    expect(packet.additionals).toMatchObject([
      { flush: true },
      { data: { port: 4001, target: names.host } },
      { data: '192.168.7.2' },
      { data: 'fd00:7::2' }
    ])
  })

  it('put what was asked for directly into the answers', () => {
    expect(decode(answer(['txt', 'services'])).answers?.map(({ type }) => type)).toEqual(['PTR', 'TXT'])
    expect(decode(answer(['host'])).answers?.map(({ type }) => type)).toEqual(['A', 'AAAA'])
    expect(decode(answer(['services'])).answers).toMatchObject([{ name: META_QUERY, data: names.serviceTag }])
  })

  it('leave out a string over 255 bytes, take 16 at most, and stay within one frame', () => {
    const long = announced(`/dns4/${'a'.repeat(220)}/tcp/1`)
    expect(buildAnswer({ names, wanted: new Set(['peer']), addresses: long, link: eth0 })).toBeUndefined()
    const short = Array.from({ length: 40 }, (_, i) => ({ text: `/ip4/10.0.0.${i}/tcp/1`, port: 1 }))
    const few = decode(answer(['peer'], short)).additionals?.[0]
    expect(few?.type === 'TXT' && few.data).toHaveLength(16)
    const many = announced(
      ...Array.from({ length: 40 }, (_, i) => `/ip6/fd00:1111:2222:3333:4444:5555:6666:${1000 + i}/tcp/40001`)
    )
    const packet = answer(['peer'], many)
    expect(packet.length).toBeLessThanOrEqual(MAX_SENT)
    expect(sightings(parseMessage(packet, names))[0]?.addresses[0]).toBe(many[0]?.text)
  })

  it('answer a plain resolver in at most 512 bytes, with its id and question, a short life and no flush bit', () => {
    const questions: Question[] = [{ name: names.serviceTag, type: 'PTR', class: 'IN' }]
    const addresses = announced(...Array.from({ length: 16 }, (_, i) => `/ip4/192.168.7.2/tcp/${4001 + i}`))
    const packet = buildAnswer({
      names,
      wanted: new Set(['peer']),
      addresses,
      link: eth0,
      legacy: { id: 77, questions }
    })
    expect(packet?.length).toBeLessThanOrEqual(MAX_UNICAST)
    const message = decode(packet ?? Buffer.alloc(0))
    expect(message).toMatchObject({ id: 77, questions })
    for (const record of [...(message.answers ?? []), ...(message.additionals ?? [])]) {
      expect(record).toMatchObject({ ttl: 10, flush: false })
    }
  })

  it('say goodbye without a TXT record, so that nobody discovers who is leaving', () => {
    const message = decode(buildGoodbye(names))
    expect(message.answers).toMatchObject([{ type: 'PTR', data: names.instance, ttl: 0 }])
    expect(message.additionals).toEqual([])
    expect(sightings(parseMessage(buildGoodbye(names), names))).toEqual([
      { name: names.instance, ttl: 0, addresses: [] }
    ])
  })

  it('survive a round trip', () => {
    const host = fc.ipV4().filter((ip) => !ip.startsWith('0.'))
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(host, fc.integer({ min: 1, max: 65535 })), { minLength: 1, maxLength: 8 }),
        (pairs) => {
          const addresses = announced(...pairs.map(([ip, port]) => `/ip4/${ip}/tcp/${port}`))
          expect(sightings(parseMessage(answer(['peer'], addresses), names))).toEqual([
            { name: names.instance, ttl: 120, addresses: addresses.map(({ text }) => text) }
          ])
        }
      )
    )
  })
})

describe('queries', () => {
  it('are recognized by name, whatever the case, and type', () => {
    expect(asked(['_P2P._udp.LOCAL', 'PTR'])).toEqual(['peer'])
    expect(asked(['_p2p._udp.local', 'ANY'])).toEqual(['peer'])
    expect(asked(['_p2p._udp.local', 'TXT'])).toEqual([])
    expect(asked([META_QUERY, 'PTR'])).toEqual(['services'])
    expect(asked([names.instance, 'SRV'], [names.instance, 'TXT'])).toEqual(['srv', 'txt'])
    expect(asked([names.instance, 'ANY'])).toEqual(['txt', 'srv'])
    expect(asked([names.host, 'AAAA'])).toEqual(['host'])
    expect(asked(['_ipp._tcp.local', 'PTR'], ['somebody.local', 'A'])).toEqual([])
  })

  it('go unanswered if the asker already knows', () => {
    const known = (ttl: number): Wanted[] => {
      const questions: Question[] = [{ name: names.serviceTag, type: 'PTR' }]
      const message = parseMessage(encode({ type: 'query', questions, answers: [ptr('abc123', ttl)] }), names)
      return message.kind === 'query' ? [...message.wanted] : []
    }
    expect(known(100)).toEqual([])
    expect(known(10)).toEqual(['peer'])
  })
})

describe('answers of others', () => {
  it('are read from answers and additional records', () => {
    const expected = [{ name: 'x._p2p._udp.local', ttl: 120, addresses: ['/a', '/b'] }]
    expect(response([ptr('x'), txt('x', 'dnsaddr=/a', 'dnsaddr=/b')])).toEqual(expected)
    expect(response([ptr('x')], [txt('x', 'dnsaddr=/a'), txt('x', 'dnsaddr=/b')])).toEqual(expected)
    expect(response([txt('X', 'dnsaddr=/a'), ptr('x')], [txt('x', 'dnsaddr=/b')])).toEqual(expected)
  })

  it('without TXT, or with empty or foreign TXT, name a peer without addresses', () => {
    expect(response([ptr('x')])).toEqual([{ name: 'x._p2p._udp.local', ttl: 120, addresses: [] }])
    expect(
      response([ptr('x')], [txt('x'), txt('x', ''), txt('x', 'v=1'), txt('y', 'dnsaddr=/a')])[0]?.addresses
    ).toEqual([])
  })

  it('about other services, or names outside the service, are ignored', () => {
    expect(response([{ name: '_ipp._tcp.local', type: 'PTR', data: 'x._ipp._tcp.local' }])).toEqual([])
    expect(response([{ name: names.serviceTag, type: 'PTR', data: 'x.elsewhere.local' }])).toEqual([])
    expect(response([{ name: names.serviceTag, type: 'PTR', data: names.serviceTag }])).toEqual([])
  })

  it('by the thousand are cut to 8 peers and 64 strings each', () => {
    const crowd = Array.from({ length: 1000 }, (_, i) => ptr(`n${i}`))
    expect(response(crowd)).toHaveLength(8)
    const strings = Array.from({ length: 1000 }, (_, i) => `dnsaddr=/${i}`)
    expect(response([ptr('x')], [txt('x', ...strings)])[0]?.addresses).toHaveLength(64)
  })

  it('made of random bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(['query', 'response', 'malformed']).toContain(parseMessage(bytes, names).kind)
      }),
      { numRuns: 2000 }
    )
  })

  it('made of a good packet with random damage never throw, up to the candidate', () => {
    const base = answer(['peer'])
    const damage = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 8 })
    fc.assert(
      fc.property(damage, fc.nat(base.length), (changes, length) => {
        const bytes = Uint8Array.from(base)
        for (const [at, value] of changes) bytes[at] = value
        for (const sighting of sightings(parseMessage(bytes.subarray(0, length), names))) {
          readSighting(sighting, { ownHost: true, own: new Set(), links: [eth0] })
        }
      }),
      { numRuns: 2000 }
    )
  })

  it('with a compression pointer that points at itself, or in a loop, are malformed', () => {
    const header = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    const rest = [0, 12, 0, 1, 0, 0, 0, 1, 0, 2, 0xc0, 12]
    expect(parseMessage(Uint8Array.from([...header, 0xc0, 12, ...rest]), names).kind).toBe('malformed')
    expect(parseMessage(Uint8Array.from([...header, 0xc0, 14, 0xc0, 12, ...rest]), names).kind).toBe('malformed')
    // a label, then back to that label: endless if followed
    expect(parseMessage(Uint8Array.from([...header, 1, 97, 0xc0, 12, ...rest]), names).kind).toBe('malformed')
  })

  it('that promise 65535 records in 12 bytes are malformed', () => {
    expect(parseMessage(Uint8Array.from([0, 0, 0x84, 0, 255, 255, 255, 255, 255, 255, 255, 255]), names).kind).toBe(
      'malformed'
    )
  })
})

describe('from an answer to a peer', () => {
  const read = (...addresses: string[]): ReturnType<typeof readSighting> =>
    readSighting({ name: 'x', ttl: 120, addresses }, { ownHost: false, own: new Set(), links: [eth0] })

  it('takes the addresses without the id, once each', () => {
    const { peer, drop } = read(
      `/ip4/192.168.7.9/tcp/1/p2p/${id}`,
      `/ip4/192.168.7.9/tcp/1/p2p/${id}`,
      `/ip4/10.0.0.1/udp/1/quic-v1/p2p/${id}`
    )
    expect(drop).toBeUndefined()
    expect(peer?.id.toString()).toBe(id)
    expect(peer?.multiaddrs.map(String)).toEqual(['/ip4/192.168.7.9/tcp/1', '/ip4/10.0.0.1/udp/1/quic-v1'])
  })

  it('keeps the good addresses of a peer that also has others', () => {
    const relayed = `/ip4/9.9.9.9/tcp/1/p2p/${other}/p2p-circuit/p2p/${id}`
    const { peer, addressDrops } = read(
      'nonsense',
      '/ip4/10.0.0.1/tcp/1',
      relayed,
      `/ip4/127.0.0.1/tcp/1/p2p/${id}`,
      `/ip4/10.0.0.1/tcp/1/p2p/${id}`
    )
    expect(peer?.multiaddrs.map(String)).toEqual(['/ip4/10.0.0.1/tcp/1'])
    expect(addressDrops).toEqual(['syntax', 'no-peer-id', 'not-ip', 'scope'])
  })

  it('drops a name that speaks for two peers, even if one of them only by an unusable address', () => {
    expect(read(`/ip4/10.0.0.1/tcp/1/p2p/${id}`, `/ip4/10.0.0.1/tcp/1/p2p/${other}`).drop).toBe('mixed-ids')
    expect(read(`/ip4/10.0.0.1/tcp/1/p2p/${id}`, `/dns4/a.example/tcp/1/p2p/${other}`).drop).toBe('mixed-ids')
  })

  it('drops a name without usable addresses', () => {
    expect(read().drop).toBe('no-addresses')
    expect(read(`/dnsaddr/victim.example/p2p/${id}`).drop).toBe('no-addresses')
  })

  it('drops ids of other key types, and ids that are none', () => {
    expect(read('/ip4/10.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N').drop).toBe('key-type')
    expect(
      read('/ip4/10.0.0.1/tcp/1/p2p/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku').drop
    ).toBeDefined()
  })

  it('takes at most 16 addresses', () => {
    expect(
      read(...Array.from({ length: 60 }, (_, i) => `/ip4/10.0.0.${i}/tcp/1/p2p/${id}`)).peer?.multiaddrs
    ).toHaveLength(16)
  })
})
