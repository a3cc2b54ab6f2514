import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, it } from 'vitest'
import { ReceivedPayload } from '../src/direct/received-payload.js'
import { DataReader, encodeData } from '../src/direct/wire/data-frame.js'
import { FrameSplitter } from '../src/direct/wire/frame-splitter.js'
import { frame } from './support.js'

/** Bytes that tell where they were. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff)
}

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % bytes.length)), bytes.length].sort((a, b) => a - b)
  return ends.map((end, n) => bytes.slice(ends[n - 1] ?? 0, end)).filter(({ length }) => length > 0)
}

interface Read {
  id: number
  payload: Uint8Array
  wasLent: boolean
}

/** Reads lists of chunks as the receiver does. */
function readAll(lists: readonly Uint8Array[][], maxFrame = 2_000_000): { read: Read[]; isInFrame: boolean } {
  const read: Read[] = []
  const reader = new DataReader()
  const take = (): void => {
    const payload = new ReceivedPayload(reader.payload, reader.rest)
    expect(payload.length).toBe(reader.payloadLength)
    read.push({ id: reader.id, payload: Uint8Array.from(payload.bytes()), wasLent: reader.rest !== undefined })
  }
  const splitter = new FrameSplitter(
    maxFrame,
    (bytes, from, to) => {
      reader.read(bytes, from, to)
      take()
    },
    (parts) => {
      reader.readParts(parts)
      take()
    }
  )
  for (const list of lists) {
    splitter.push(new Uint8ArrayList(...list))
  }
  return { read, isInFrame: splitter.isInFrame }
}

const written = (lengths: readonly number[]): Uint8Array =>
  Buffer.concat(lengths.map((length, id) => encodeData(frame({ id, payload: pattern(length) }))))

describe('frames that arrive in parts', () => {
  it('are the same however they were cut and whatever arrived together', () => {
    const lengths = fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 8000, max: 90_000 })), {
      minLength: 1,
      maxLength: 5
    })
    const places = fc.array(fc.nat(1_000_000), { maxLength: 12 })
    fc.assert(
      fc.property(lengths, places, places, (lengths, pieces, events) => {
        const lists = cut(written(lengths), events).map((bytes) => cut(bytes, pieces))
        const { read, isInFrame } = readAll(lists)
        expect(isInFrame).toBe(false)
        expect(read.map(({ id, payload }) => [id, payload.length])).toEqual(lengths.map((length, id) => [id, length]))
        expect(read.every(({ payload }) => Buffer.compare(payload, pattern(payload.length)) === 0)).toBe(true)
      }),
      { numRuns: 60 }
    )
  })

  it('stay apart if all of a long one is there, and are put together otherwise', () => {
    const bytes = written([65_536, 65_536])
    const whole = cut(bytes, [40_000, 100_000])
    expect(readAll([whole]).read.map(({ wasLent }) => wasLent)).toEqual([true, true])
    expect(readAll(whole.map((part) => [part])).read.map(({ wasLent }) => wasLent)).toEqual([false, false])
  })

  it('never stay apart in many small parts, which would take more memory than their bytes', () => {
    const bytes = written([65_536])
    const crumbs = Array.from({ length: 64 }, (_, n) => 1000 * (n + 1))
    expect(readAll([cut(bytes, crumbs)]).read.map(({ wasLent }) => wasLent)).toEqual([false])
  })

  it('are put together if their payload is not their end, or a field before it is cut', () => {
    const payload = pattern(20_000)
    const data = encodeData(frame({ id: 7, payload }))
    // The payload first, then the id: another writer may do so.
    const body = Buffer.concat([data.subarray(5), Uint8Array.of(0x08, 7)])
    const prefixed = Buffer.concat([
      Uint8Array.of((body.length & 0x7f) | 0x80, ((body.length >> 7) & 0x7f) | 0x80, body.length >> 14),
      body
    ])
    const late = readAll([cut(prefixed, [10_000])]).read
    expect(late).toEqual([{ id: 7, payload, wasLent: false }])
    // An unknown field of 9000 bytes before the payload, cut in its middle.
    const unknown = Buffer.concat([Uint8Array.of(0xfa, 0x01, 0xa8, 0x46), Buffer.alloc(9000), data.subarray(3)])
    const length = unknown.length
    const framed = Buffer.concat([
      Uint8Array.of((length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14),
      unknown
    ])
    expect(readAll([cut(framed, [6000])]).read).toEqual([{ id: 7, payload, wasLent: false }])
  })

  it('are refused for what would be refused in one piece', () => {
    const tooLong = cut(written([70_000]), [30_000])
    expect(() => readAll([tooLong], 65_536)).toThrow(expect.objectContaining({ name: 'FrameTooLongError' }))
    // The payload says that it is a byte longer than its frame.
    const bytes = written([20_000])
    const at = bytes.indexOf(0x1a, 3) + 1
    bytes[at] = bytes[at]! + 1
    expect(() => readAll([cut(bytes, [9000])])).toThrow(expect.objectContaining({ name: 'FrameMalformedError' }))
  })
})

describe('a payload in parts', () => {
  const parts = (): ReceivedPayload => {
    const [first, ...rest] = cut(pattern(30_000), [9000, 20_000])
    return new ReceivedPayload(first!, rest)
  }

  it('is kept in memory of its own, once', () => {
    const payload = parts()
    const bytes = payload.bytes()
    expect(bytes).toEqual(Buffer.from(pattern(30_000)))
    expect(bytes.buffer.byteLength).toBe(30_000)
    expect(payload.bytes()).toBe(bytes)
  })

  it('that is lent is overwritten by the next, but never what is kept', () => {
    const payload = parts()
    const other = new ReceivedPayload(new Uint8Array(10_000), [new Uint8Array(20_000)])
    const lent = payload.lend()
    expect(Buffer.compare(lent, pattern(30_000))).toBe(0)
    const kept = payload.bytes()
    other.lend()
    expect(lent.every((byte) => byte === 0)).toBe(true)
    expect(Buffer.compare(kept, pattern(30_000))).toBe(0)
    expect(payload.lend()).toBe(kept)
  })
})
