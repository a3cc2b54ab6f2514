import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeBeacon, readBeacon } from '../src/beacon.js'
import { bytes, pythonBeacon } from './support.js'

const legacy = { kind: 'legacy', id: 'b', port: undefined, timestamp: undefined, bye: false }
const signed = { id: 'b', net: 'penin', seq: 7, record: 'AAEC' }

describe('a beacon of a Python node', () => {
  it('is read as Python writes it', () => {
    const data = pythonBeacon('node-alpha')
    expect(data.toString()).toBe('{"id": "node-alpha", "port": 51515, "timestamp": 1795204786.3879886}')
    expect(readBeacon(data)).toEqual({
      kind: 'legacy',
      id: 'node-alpha',
      port: 51_515,
      timestamp: 1795204786.3879886,
      bye: false
    })
  })

  it.each<[string, string, object]>([
    ['only an id', '{"id":"b"}', legacy],
    ['further keys', '{"id":"b","x":[1],"__proto__":{"port":1},"constructor":1}', legacy],
    ['a port of 51515.0', '{"id":"b","port":51515.0}', { ...legacy, port: 51_515 }],
    ['an integer as time', '{"id":"b","timestamp":1795204786}', { ...legacy, timestamp: 1_795_204_786 }],
    ['a time that is no number', '{"id":"b","timestamp":"now"}', legacy],
    ['a time beyond all numbers', '{"id":"b","timestamp":1e999}', legacy],
    ['equal keys: the last counts', '{"id":"a","id":"b"}', legacy],
    ['escaped characters', '{"id":"\\u00e9\\ud83d\\ude00"}', { ...legacy, id: 'é😀' }],
    ['128 characters outside the BMP', `{"id":"${'😀'.repeat(128)}"}`, { ...legacy, id: '😀'.repeat(128) }],
    ['a goodbye', '{"id":"b","bye":true}', { ...legacy, bye: true }]
  ])('with %s', (_name, text, expected) => {
    expect(readBeacon(bytes(text))).toEqual(expected)
  })
})

describe('what is no beacon', () => {
  it.each<[string, Buffer | string, string]>([
    ['nothing', '', 'malformed'],
    ['an array', '[{"id":"b"}]', 'malformed'],
    ['a string', '"id"', 'malformed'],
    ['null', 'null', 'malformed'],
    ['bad UTF-8', Buffer.from([0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]), 'malformed'],
    ['a byte order mark', '\ufeff{"id":"b"}', 'malformed'],
    ['NaN, which Python writes', '{"id":"b","timestamp":NaN}', 'malformed'],
    ['half a beacon', pythonBeacon('node-alpha').subarray(0, 40), 'malformed'],
    ['1024 brackets', '['.repeat(1024), 'malformed'],
    ['no id', '{"port":1}', 'bad-id'],
    ['an id in the prototype only', '{"__proto__":{"id":"b"}}', 'bad-id'],
    ['an empty id', '{"id":""}', 'bad-id'],
    ['a number as id', '{"id":7}', 'bad-id'],
    ['null as id', '{"id":null}', 'bad-id'],
    ['a list as id', '{"id":["b"]}', 'bad-id'],
    ['an id of 129 characters', `{"id":"${'b'.repeat(129)}"}`, 'bad-id'],
    ['a control character in the id', '{"id":"a\\u001b[2J"}', 'bad-id'],
    ['a C1 control character in the id', '{"id":"a\\u009b"}', 'bad-id'],
    ['half a surrogate pair in the id', '{"id":"\\ud83d"}', 'bad-id'],
    ['port "abc"', '{"id":"b","port":"abc"}', 'bad-port'],
    ['port 0', '{"id":"b","port":0}', 'bad-port'],
    ['port 65536', '{"id":"b","port":65536}', 'bad-port'],
    ['port null', '{"id":"b","port":null}', 'bad-port']
  ])('%s', (_name, data, reason) => {
    expect(readBeacon(bytes(data as string).length === 0 ? Buffer.alloc(0) : Buffer.from(data))).toEqual({
      kind: 'drop',
      reason
    })
  })

  it('is never taken for a Python node’s if it has a record that can’t be read', () => {
    const wrong = [
      { record: null },
      { record: '' },
      { record: 7 },
      { record: {} },
      { record: 'a+b/' },
      { record: 'AAEC=' },
      { seq: '7' },
      { seq: -1 },
      { seq: 1.5 },
      { seq: 2 ** 53 },
      { seq: undefined },
      { net: 7 },
      { net: undefined }
    ]
    for (const change of wrong) {
      expect(readBeacon(bytes({ ...signed, ...change })), JSON.stringify(change)).toEqual({
        kind: 'drop',
        reason: 'bad-record'
      })
    }
  })
})

describe('sizes', () => {
  const padded = (size: number): Buffer => {
    const empty = bytes({ id: 'b', x: '' }).byteLength
    return bytes({ id: 'b', x: 'x'.repeat(size - empty) })
  }

  it('1024 bytes are read', () => {
    expect(padded(1024)).toHaveLength(1024)
    expect(readBeacon(padded(1024))).toEqual(legacy)
  })

  it('1025 bytes are not', () => {
    expect(readBeacon(padded(1025))).toEqual({ kind: 'drop', reason: 'too-big' })
  })

  it('nesting as deep as 1024 bytes go does no harm', () => {
    const depth = 500
    const data = bytes(`{"id":"b","x":${'['.repeat(depth)}${']'.repeat(depth)}}`)
    expect(data.byteLength).toBeLessThanOrEqual(1024)
    expect(readBeacon(data)).toEqual(legacy)
  })
})

describe('property tests', () => {
  it('what is encoded is read again', () => {
    const fields = fc.record({
      id: fc.string({ minLength: 1, maxLength: 60, unit: fc.constantFrom('a', 'Z', '7', 'é') }),
      port: fc.integer({ min: 1, max: 65_535 }),
      timestamp: fc.double({ min: 0, max: 4e9, noNaN: true }),
      net: fc.string({ minLength: 1, maxLength: 20 }),
      seq: fc.maxSafeNat(),
      record: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      bye: fc.boolean()
    })
    fc.assert(
      fc.property(fields, (beacon) => {
        const { id, net, seq, record, bye } = beacon
        expect(readBeacon(encodeBeacon(beacon))).toEqual({ kind: 'signed', id, net, seq, record, bye })
        expect(Object.keys(JSON.parse(encodeBeacon(beacon).toString()) as object).slice(0, 3)).toEqual([
          'id',
          'port',
          'timestamp'
        ])
      })
    )
  })

  it('no bytes make the parser throw, or pollute a prototype', () => {
    const key = fc.constantFrom('id', 'port', 'timestamp', 'record', 'net', 'seq', 'bye', '__proto__', 'toString')
    const like = fc.dictionary(key, fc.jsonValue()).map((value) => bytes(value))
    const any = fc.uint8Array({ maxLength: 1100 }).map((value) => Buffer.from(value))
    fc.assert(
      fc.property(fc.oneof(like, any), (data) => {
        expect(['signed', 'legacy', 'drop']).toContain(readBeacon(data).kind)
        expect(({} as { id?: unknown }).id).toBeUndefined()
      }),
      { numRuns: 500 }
    )
  })
})
