import { readFileSync } from 'node:fs'
import { printable } from '@penin/interface'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CAPABILITY_KINDS,
  decodeHello,
  encodeHello,
  HELLO_PROTOCOL,
  MAX_CAPABILITIES,
  MAX_CAPABILITY_BYTES,
  MAX_HELLO_BYTES,
  type Hello
} from '../src/index.js'

const EMPTY: Hello = {
  networkId: 'n',
  version: 1,
  profile: '',
  agentVersion: '',
  agents: [],
  tools: [],
  resources: [],
  prompts: [],
  features: 0n
}

/** Text of at most so many bytes of UTF-8, whole characters only. */
const text = (bytes: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'grapheme', maxLength: bytes }).filter((s) => Buffer.byteLength(s) <= bytes && s.isWellFormed())
const capabilities = fc.array(text(MAX_CAPABILITY_BYTES), { maxLength: 8 })
const hellos: fc.Arbitrary<Hello> = fc.record(
  {
    networkId: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
    version: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    profile: text(32),
    agentVersion: text(128),
    agents: capabilities,
    tools: capabilities,
    resources: capabilities,
    prompts: capabilities,
    features: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    surplus: fc.stringMatching(/^[a-z0-9-]{1,64}$/)
  },
  {
    requiredKeys: [
      'networkId',
      'version',
      'profile',
      'agentVersion',
      'agents',
      'tools',
      'resources',
      'prompts',
      'features'
    ]
  }
)

const malformed = expect.objectContaining({ name: 'HelloMalformedError' })
const invalid = (field: string): unknown => expect.objectContaining({ name: 'HelloInvalidError', field })

/** A field of a protobuf message with bytes in it, by hand. */
function field(number: number, bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes as string)
  const length = content.length < 128 ? [content.length] : [(content.length & 127) | 128, content.length >> 7]
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content])
}

const BASE = Buffer.concat([field(1, 'n'), Buffer.from([2 << 3, 1])])

describe('the hello codec', () => {
  it('refuses a reason that is no short word', () => {
    for (const surplus of ['x'.repeat(65), 'Full Up', '\u001b[2J']) {
      expect(() => encodeHello({ ...EMPTY, surplus })).toThrow(invalid('surplus'))
      expect(() => decodeHello(Buffer.concat([BASE, field(10, surplus)]))).toThrow(malformed)
    }
  })

  it('reads what it writes', () => {
    fc.assert(
      fc.property(hellos, (hello) => {
        expect(decodeHello(encodeHello(hello))).toEqual(hello)
      })
    )
  })

  it('writes these very bytes, for ever', () => {
    const bytes = encodeHello({
      networkId: 'penin',
      version: 1,
      profile: 'standard',
      agentVersion: 'penin/0.1.0',
      agents: ['summariser'],
      tools: ['search', 'grüße'],
      resources: [],
      prompts: ['hi'],
      features: 5n
    })
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '0a0570656e696e' + // 1: penin
        '1001' + // 2: 1
        '1a087374616e64617264' + // 3: standard
        '220b70656e696e2f302e312e30' + // 4: penin/0.1.0
        '2a0a73756d6d617269736572' + // 5: summariser
        '3206736561726368' + // 6: search
        '32076772c3bcc39f65' + // 6: grüße
        '42026869' + // 8: hi
        '4805' // 9: 5
    )
    expect(HELLO_PROTOCOL).toBe('/penin/hello/1.0.0')
  })

  it('throws nothing but its own error for random and for damaged bytes', () => {
    const damaged = fc
      .tuple(hellos, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }), fc.nat())
      .map(([hello, changes, cut]) => {
        const bytes = encodeHello(hello)
        for (const [at, value] of changes) {
          bytes[at % bytes.length] = value
        }
        return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        try {
          const hello = decodeHello(bytes)
          expect(decodeHello(encodeHello(hello))).toEqual(hello)
        } catch (error) {
          expect(error).toEqual(malformed)
        }
      }),
      { numRuns: 1_000 }
    )
  })

  it('stops at the cap when an attacker repeats an entry a million times, within and beyond the size limit', () => {
    const million = Buffer.alloc(2_000_000)
    for (let i = 0; i < million.length; i += 2) {
      million[i] = (5 << 3) | 2
    }
    expect(() => decodeHello(Buffer.concat([BASE, million]))).toThrow(malformed)
    expect(() => decodeHello(Buffer.concat([BASE, million.subarray(0, 8_000)]))).toThrow(malformed)
  })

  it.each(CAPABILITY_KINDS)('takes as many %s as allowed, and not one more', (kind) => {
    const full = Array.from({ length: MAX_CAPABILITIES }, (_, index) => String(index))
    expect(decodeHello(encodeHello({ ...EMPTY, [kind]: full }))[kind]).toEqual(full)
    expect(() => encodeHello({ ...EMPTY, [kind]: [...full, 'x'] })).toThrow(invalid(kind))
    const number = 5 + CAPABILITY_KINDS.indexOf(kind)
    const entries = (n: number): Buffer => Buffer.concat([BASE, ...Array.from({ length: n }, () => field(number, 'x'))])
    expect(decodeHello(entries(MAX_CAPABILITIES))[kind]).toHaveLength(MAX_CAPABILITIES)
    expect(() => decodeHello(entries(MAX_CAPABILITIES + 1))).toThrow(malformed)
  })

  it.each([
    ['networkId', 1, 64],
    ['profile', 3, 32],
    ['agentVersion', 4, 128],
    ['agents', 5, MAX_CAPABILITY_BYTES],
    ['prompts', 8, MAX_CAPABILITY_BYTES]
  ])('takes a %s up to its limit in bytes, and not one more', (name, number, max) => {
    const hello = (value: string): Hello => ({ ...EMPTY, [name]: number < 5 ? value : [value] })
    const wire = (value: string): Buffer => Buffer.concat([BASE, field(number, value)])
    expect(decodeHello(encodeHello(hello('x'.repeat(max))))).toEqual(hello('x'.repeat(max)))
    expect(decodeHello(wire('x'.repeat(max)))).toMatchObject({
      [name]: number < 5 ? 'x'.repeat(max) : [expect.any(String)]
    })
    for (const long of ['x'.repeat(max + 1), 'ü'.repeat(max / 2) + 'x']) {
      expect(() => encodeHello(hello(long))).toThrow(invalid(name))
      expect(() => decodeHello(wire(long))).toThrow(malformed)
    }
  })

  it('takes a message of exactly the largest size, and not one byte more', () => {
    const full = Array.from({ length: MAX_CAPABILITIES }, () => 'x'.repeat(MAX_CAPABILITY_BYTES))
    expect(() => encodeHello({ ...EMPTY, agents: full, tools: full })).toThrow(invalid('capabilities'))
    const filler = (n: number): Buffer => Buffer.concat([BASE, field(15, Buffer.alloc(n - BASE.length - 3))])
    expect(filler(MAX_HELLO_BYTES)).toHaveLength(MAX_HELLO_BYTES)
    expect(decodeHello(filler(MAX_HELLO_BYTES)).networkId).toBe('n')
    expect(() => decodeHello(filler(MAX_HELLO_BYTES + 1))).toThrow(malformed)
  })

  it.each(['', 'a b', 'grüße', 'a/b', 'a\n', 'a\0', 'x'.repeat(65)])('refuses %j as a network id', (networkId) => {
    expect(() => encodeHello({ ...EMPTY, networkId })).toThrow(invalid('networkId'))
    expect(() => decodeHello(Buffer.concat([BASE, field(1, networkId)]))).toThrow(malformed)
  })

  it('survives text that is no UTF-8, which then is safe to print and to pass on', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((garbage) => Buffer.from(garbage))
    fc.assert(
      fc.property(bytes, (garbage) => {
        const hello = decodeHello(Buffer.concat([BASE, field(5, garbage)]))
        expect(decodeHello(encodeHello(hello))).toEqual(hello)
        expect(printable(hello.agents[0] ?? '')).toSatisfy((text: string) => text.isWellFormed())
      })
    )
    expect(() => decodeHello(Buffer.concat([BASE, field(1, Buffer.from([0xff, 0xc3, 0x28]))]))).toThrow(malformed)
  })

  it('ignores unknown fields, and takes a later version', () => {
    const later = Buffer.concat([field(1, 'n'), Buffer.from([2 << 3, 9]), field(14, 'new'), Buffer.from([13 << 3, 1])])
    expect(decodeHello(later)).toEqual({ ...EMPTY, version: 9 })
  })

  it('refuses a hello without network or version', () => {
    expect(() => decodeHello(new Uint8Array())).toThrow(malformed)
    expect(() => decodeHello(field(1, 'n'))).toThrow(/version/)
    expect(() => encodeHello({ ...EMPTY, version: 0 })).toThrow(invalid('version'))
  })

  it('is described by the .proto file next to it', () => {
    const proto = readFileSync(new URL('../src/pb/hello.proto', import.meta.url), 'utf8')
    const fields = [...proto.matchAll(/^ {2}(?:repeated )?\w+ (\w+) = (\d+);$/gm)].map(([, name, n]) => `${n} ${name}`)
    expect(fields).toEqual([
      '1 network_id',
      '2 version',
      '3 profile',
      '4 agent_version',
      '5 agents',
      '6 tools',
      '7 resources',
      '8 prompts',
      '9 features',
      '10 surplus'
    ])
  })
})
