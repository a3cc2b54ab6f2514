import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  MAX_PEX_BYTES,
  MAX_RECORD_BYTES,
  MAX_RECORDS,
  PEX_PROTOCOL,
  type Request
} from '../src/index.js'

const malformed = expect.objectContaining({ name: 'PexMalformedError', offence: 'malformed' })
const invalid = (field: string): unknown => expect.objectContaining({ name: 'PexInvalidError', field })

const record = fc.uint8Array({ minLength: 1, maxLength: 600 })
const requests: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ want: fc.integer({ min: 1, max: MAX_RECORDS }) }),
  fc.record({ want: fc.integer({ min: 1, max: MAX_RECORDS }), record })
)
const answers = fc.array(record, { maxLength: MAX_RECORDS })

/** A length-delimited field by hand. */
function field(number: number, bytes: Uint8Array): Buffer {
  const { length } = bytes
  const varint = length < 128 ? [length] : [(length & 127) | 128, length >> 7]
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint]), bytes])
}

/** Bytes that some random change has been made to. */
function damaged(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 })
  return fc.tuple(valid, changes, fc.nat()).map(([bytes, edits, cut]) => {
    for (const [at, value] of edits) {
      bytes[at % Math.max(1, bytes.length)] = value
    }
    return cut % 3 === 0 ? bytes.subarray(0, cut % Math.max(1, bytes.length)) : bytes
  })
}

describe('the pex codec', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(requests, (request) => {
        expect(decodeRequest(encodeRequest(request))).toEqual(request)
      })
    )
    fc.assert(
      fc.property(answers, (records) => {
        expect(decodeAnswer(encodeAnswer(records))).toEqual(records)
      })
    )
  })

  it('writes these very bytes, for ever', () => {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
    expect(hex(encodeRequest({ record: Uint8Array.of(1, 2, 3), want: 16 }))).toBe('0a03010203' + '1010')
    expect(hex(encodeRequest({ want: 64 }))).toBe('1040')
    expect(hex(encodeAnswer([Uint8Array.of(1), Uint8Array.of(2, 3)]))).toBe('1a0101' + '1a020203')
    expect(hex(encodeAnswer([]))).toBe('')
    expect(PEX_PROTOCOL).toBe('/penin/pex/1.0.0')
  })

  it('throws nothing but its own error for random and for damaged bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      damaged(requests.map(encodeRequest)),
      damaged(answers.map(encodeAnswer))
    )
    fc.assert(
      fc.property(bytes, (input) => {
        for (const decode of [decodeRequest, decodeAnswer]) {
          try {
            decode(input)
          } catch (error) {
            expect(error).toEqual(malformed)
          }
        }
      }),
      { numRuns: 500 }
    )
  })

  it('takes no answer for a request, so that an unsolicited one is malformed', () => {
    fc.assert(
      fc.property(answers, (records) => {
        expect(() => decodeRequest(encodeAnswer(records))).toThrow(malformed)
      })
    )
  })

  it('stops at the cap when an attacker repeats a record 10^4 and 10^6 times', () => {
    const one = field(3, Uint8Array.of(7))
    for (const times of [MAX_RECORDS + 1, 10_000, 1_000_000]) {
      expect(() => decodeAnswer(Buffer.concat(Array<Buffer>(times).fill(one)))).toThrow(malformed)
    }
    expect(decodeAnswer(Buffer.concat(Array<Buffer>(MAX_RECORDS).fill(one)))).toHaveLength(MAX_RECORDS)
  })

  it('takes records and messages up to their limits, and not one byte more', () => {
    const full = new Uint8Array(MAX_RECORD_BYTES)
    const long = new Uint8Array(MAX_RECORD_BYTES + 1)
    expect(decodeRequest(encodeRequest({ record: full, want: 1 })).record).toEqual(full)
    expect(() => encodeRequest({ record: long, want: 1 })).toThrow(invalid('record'))
    expect(() => decodeRequest(Buffer.concat([field(1, long), Buffer.from([0x10, 1])]))).toThrow(malformed)
    expect(decodeAnswer(encodeAnswer([full]))).toEqual([full])
    for (const bad of [long, new Uint8Array()]) {
      expect(() => encodeAnswer([bad])).toThrow(invalid('records'))
      expect(() => decodeAnswer(field(3, bad))).toThrow(malformed)
    }
    expect(() => encodeAnswer(Array<Uint8Array>(32).fill(full))).toThrow(invalid('records'))
    expect(() => encodeAnswer(Array<Uint8Array>(MAX_RECORDS + 1).fill(full.subarray(0, 1)))).toThrow(invalid('records'))
    expect(() => decodeAnswer(new Uint8Array(MAX_PEX_BYTES + 1))).toThrow(malformed)
  })

  it.each([0, 65, -1, 1.5, NaN, 2 ** 31])('lets nobody want %d records', (want) => {
    expect(() => encodeRequest({ want })).toThrow(invalid('want'))
  })

  it.each(['', '1000', '1041', '10ffffffff0f'])('refuses a request of %s', (hex) => {
    expect(() => decodeRequest(Buffer.from(hex, 'hex'))).toThrow(malformed)
  })

  it('ignores unknown fields, and keeps no message in memory because of a record in it', () => {
    const message = Buffer.concat([
      field(9, new Uint8Array(100)),
      field(3, Uint8Array.of(1, 2)),
      Buffer.from([0x78, 1])
    ])
    const [record] = decodeAnswer(message)
    expect(record).toEqual(Uint8Array.of(1, 2))
    expect(record?.buffer.byteLength).toBe(2)
  })

  it('is described by the .proto file next to it', () => {
    const proto = readFileSync(new URL('../src/pb/pex.proto', import.meta.url), 'utf8')
    const fields = [...proto.matchAll(/^ {2}(?:repeated )?\w+ (\w+) = (\d+);$/gm)].map(([, name, n]) => `${n} ${name}`)
    expect(fields).toEqual(['1 record', '2 want', '3 records'])
  })
})
