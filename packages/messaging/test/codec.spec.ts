import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeAnswer, encodeAnswer, MAX_PAIRS, type Answer } from '../src/direct/wire/answer-frame.js'
import { DataReader, encodeData, encodeOpen, type DataFrame } from '../src/direct/wire/data-frame.js'
import { FrameSplitter } from '../src/direct/wire/frame-splitter.js'
import { VarintReader, varintLength, writeVarint } from '../src/direct/wire/varint.js'
import { frame, text } from './support.js'

const number = fc.maxSafeNat()
const optional = fc.oneof(fc.constant(-1), number)
const eight = fc.uint8Array({ minLength: 8, maxLength: 8 })

const frames: fc.Arbitrary<DataFrame> = fc
  .record({
    id: number,
    type: number,
    name: fc.option(fc.uint8Array({ minLength: 1, maxLength: 64 }), { nil: undefined }),
    size: optional,
    lifetime: optional,
    flags: fc.nat(),
    replyTo: optional,
    replyEpoch: eight,
    payload: fc.uint8Array({ maxLength: 300 })
  })
  .map((made) => (made.replyTo < 0 ? { ...made, replyEpoch: undefined } : made))

const fields = (reader: DataFrame): DataFrame => {
  const { id, type, name, size, lifetime, flags, replyTo, replyEpoch, payload } = reader
  return {
    id,
    type,
    name: name && Uint8Array.from(name),
    size,
    lifetime,
    flags,
    replyTo,
    replyEpoch: replyEpoch && Uint8Array.from(replyEpoch),
    payload: Uint8Array.from(payload)
  }
}

function readAll(chunks: Uint8Array[], maxFrame = 65_536): DataFrame[] {
  const read: DataFrame[] = []
  const reader = new DataReader()
  const splitter = new FrameSplitter(maxFrame, (bytes, from, to) => {
    reader.read(bytes, from, to)
    read.push(fields(reader))
  })
  for (const chunk of chunks) {
    splitter.push(chunk)
  }
  expect(splitter.isInFrame).toBe(false)
  return read
}

describe('numbers', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(number, (value) => {
        const bytes = new Uint8Array(10)
        const end = writeVarint(bytes, 0, value)
        expect(end).toBe(varintLength(value))
        const reader = new VarintReader()
        reader.reset(bytes, 0, end)
        expect(reader.next()).toBe(value)
      })
    )
  })

  it.each([2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 35, Number.MAX_SAFE_INTEGER])('%d included', (value) => {
    const bytes = new Uint8Array(10)
    const end = writeVarint(bytes, 0, value)
    const reader = new VarintReader()
    reader.reset(bytes, 0, end)
    expect([reader.next(), end]).toEqual([value, varintLength(value)])
  })

  it('of more than ten bytes, beyond 2^53-1 or cut off are refused', () => {
    for (const bytes of [Array(10).fill(0xff), [...Array<number>(9).fill(0xff), 1], [0x80], []]) {
      const reader = new VarintReader()
      reader.reset(Uint8Array.from([...(bytes as number[]), ...(bytes.length === 10 ? [1] : [])]), 0, bytes.length)
      expect(() => reader.next()).toThrow(expect.objectContaining({ name: 'FrameMalformedError' }))
    }
  })
})

describe('message frames', () => {
  it('are read as they were written, several to a chunk', () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 5 }), (list) => {
        expect(readAll([Buffer.concat(list.map(encodeData))])).toEqual(list)
      })
    )
  })

  it('are the same wherever they are cut', () => {
    const list = [
      frame({ id: 0, payload: text('first') }),
      frame({ id: 300, type: 16, name: text('greeting'), payload: new Uint8Array(500).fill(7) }),
      frame({ id: 2 ** 40, type: 16, lifetime: 60_000, flags: 3, size: 12, replyTo: 5, replyEpoch: text('epochal!') })
    ]
    const bytes = new Uint8Array(Buffer.concat(list.map(encodeData)))
    for (let at = 0; at <= bytes.length; at++) {
      expect(readAll([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(list)
    }
    expect(readAll([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(list)
  })

  it('take at most 16 bytes beside a payload of 100', () => {
    const worst = { payload: new Uint8Array(100), type: 16 + 255, lifetime: 60_000 }
    expect(encodeData(frame({ id: 2 ** 28 - 1, ...worst })).length - 100).toBeLessThanOrEqual(16)
    expect(encodeData(frame({ id: 1000, type: 16, payload: new Uint8Array(100) })).length - 100).toBe(8)
  })

  it('have the bytes that are written down', () => {
    const golden = encodeData(frame({ id: 1, type: 16, name: text('hi'), payload: text('x') }))
    expect(Buffer.from(golden).toString('hex')).toBe('0b0801' + '1010' + '22026869' + '1a0178')
    const open = encodeOpen({
      epoch: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
      lowest: 3,
      durableEpoch: undefined,
      durableLowest: 0
    })
    expect(Buffer.from(open).toString('hex')).toBe('0d7a0b' + '090102030405060708' + '1003')
  })

  it('may hold fields of later versions, and a field twice counts as its last', () => {
    const later = Uint8Array.from([
      0x80, 0x01, 0x05, 0x8a, 0x01, 0x02, 1, 2, 0x95, 0x01, 1, 2, 3, 4, 0x99, 0x01, 1, 2, 3, 4, 5, 6, 7, 8
    ])
    const body = Uint8Array.from([...later, 0x08, 0x01, 0x08, 0x02])
    expect(readAll([Uint8Array.of(body.length, ...body)])).toEqual([frame({ id: 2 })])
  })

  it('that lie about lengths are refused before anything is allocated', () => {
    const bad: Array<[string, number[]]> = [
      ['FrameMalformedError', [0]],
      ['FrameMalformedError', [0x80, 0x80, 0x80, 0x80, 1]],
      ['FrameTooLongError', [0x81, 0x80, 0x04]],
      ['FrameTooLongError', [0xff, 0xff, 0xff, 0x7f]],
      ['FrameMalformedError', [2, 0x1a, 5]],
      ['FrameMalformedError', [2, 0x1a, 0]],
      ['FrameMalformedError', [4, 0x08, 1, 0x0b, 0]],
      ['FrameMalformedError', [4, 0x08, 1, 0x00, 0]],
      ['FrameMalformedError', [4, 0x08, 1, 0x22, 0]],
      ['FrameMalformedError', [4, 0x08, 1, 0x40, 0]],
      ['FrameMalformedError', [2, 0x7a, 0]]
    ]
    for (const [name, bytes] of bad) {
      expect(() => readAll([Uint8Array.from(bytes)]), String(bytes)).toThrow(expect.objectContaining({ name }))
    }
  })

  it('of random bytes are read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new DataReader()
        try {
          reader.read(bytes, 0, bytes.length)
        } catch (error) {
          expect((error as Error).name).toBe('FrameMalformedError')
        }
      }),
      { numRuns: 2000 }
    )
  })
})

describe('answers', () => {
  const pairs = fc.array(fc.tuple(fc.nat({ max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 2 ** 31 - 1 })), {
    maxLength: 20
  })

  it('are read as they were written', () => {
    const answers: fc.Arbitrary<Answer> = fc.record({
      welcome: fc.option(
        fc.record({
          instance: eight,
          windowBytes: fc.nat(),
          windowMessages: fc.integer({ min: 1 }),
          maxPayload: fc.nat()
        }),
        { nil: undefined }
      ),
      taken: pairs,
      refused: pairs,
      durableTaken: pairs,
      durableRefused: pairs
    })
    fc.assert(
      fc.property(answers, (answer) => {
        const bytes = encodeAnswer(answer)
        const prefix = bytes[0]! < 0x80 ? 1 : 2
        const read = decodeAnswer(bytes, prefix, bytes.length)
        expect({ welcome: undefined, ...read }).toEqual(answer)
      })
    )
  })

  it('with more ranges than fit, ids below 0 or beyond 2^53-1 are refused', () => {
    const many = Array.from({ length: MAX_PAIRS + 1 }, (_, n): [number, number] => [2 * n, 1])
    const empty = { refused: [], durableTaken: [], durableRefused: [] }
    const tooMany = encodeAnswer({ ...empty, taken: many })
    expect(() => decodeAnswer(tooMany, 2, tooMany.length)).toThrow('ranges')
    for (const taken of [
      [0x01, 1],
      [0, 0],
      [4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
    ]) {
      const bytes = Uint8Array.of(0x12, taken.length, ...taken)
      expect(() => decodeAnswer(bytes, 0, bytes.length)).toThrow('no such range')
    }
  })

  it('of random bytes are read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeAnswer(bytes, 0, bytes.length)
        } catch (error) {
          expect((error as Error).name).toBe('FrameMalformedError')
        }
      }),
      { numRuns: 2000 }
    )
  })
})
