import { FrameMalformedError } from '../../errors.js'

/** Bytes of the longest varint that protobuf knows. */
const MAX_VARINT_BYTES = 10

/** Bytes that a number takes as a varint. */
export function varintLength(value: number): number {
  let length = 1
  while (value >= 0x80) {
    value = value < 0x80000000 ? value >>> 7 : Math.floor(value / 128)
    length++
  }
  return length
}

/** Writes a number that is a safe, non-negative integer; gives the position behind it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value >= 0x80000000) {
    bytes[at++] = (value % 128) | 0x80
    value = Math.floor(value / 128)
  }
  while (value >= 0x80) {
    bytes[at++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  bytes[at++] = value
  return at
}

/** Reads varints of a part of `bytes`; one object is used again and again, so that nothing is allocated. */
export class VarintReader {
  bytes: Uint8Array = new Uint8Array(0)
  at = 0
  end = 0

  reset(bytes: Uint8Array, at: number, end: number): void {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  /** @throws FrameMalformedError when it ends in the middle, takes more than ten bytes or is beyond 2^53-1 */
  next(): number {
    const { bytes, end } = this
    let at = this.at
    if (at >= end) {
      throw new FrameMalformedError('a number is cut off')
    }
    let byte = bytes[at++] as number
    let value = byte & 0x7f
    let factor = 128
    const limit = this.at + MAX_VARINT_BYTES
    while (byte >= 0x80) {
      if (at >= end || at >= limit) {
        throw new FrameMalformedError(at >= limit ? 'a number of more than ten bytes' : 'a number is cut off')
      }
      byte = bytes[at++] as number
      value += (byte & 0x7f) * factor
      factor *= 128
    }
    if (value > Number.MAX_SAFE_INTEGER) {
      throw new FrameMalformedError('a number beyond 2^53-1')
    }
    this.at = at
    return value
  }

  /** Steps over `length` bytes and gives the position before them. */
  skip(length: number): number {
    const from = this.at
    if (length > this.end - from) {
      throw new FrameMalformedError('a field is longer than its frame')
    }
    this.at = from + length
    return from
  }

  /** Steps over the value of an unknown field. */
  skipValue(wireType: number): void {
    switch (wireType) {
      case 0: {
        this.#skipVarint()
        return
      }
      case 1: {
        this.skip(8)
        return
      }
      case 2: {
        this.skip(this.next())
        return
      }
      case 5: {
        this.skip(4)
        return
      }
      default:
        throw new FrameMalformedError(`wire type ${wireType}`)
    }
  }

  /** An unknown field may hold any 64 bits. */
  #skipVarint(): void {
    for (let length = 1; length <= MAX_VARINT_BYTES; length++) {
      if (((this.bytes[this.skip(1)] as number) & 0x80) === 0) {
        return
      }
    }
    throw new FrameMalformedError('a number of more than ten bytes')
  }
}
