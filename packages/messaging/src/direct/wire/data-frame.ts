import { FrameMalformedError } from '../../errors.js'
import { MAX_TYPE_BYTES } from '../types.js'
import { VarintReader, varintLength, writeVarint } from './varint.js'

/** The id counts in the durable lane. */
export const FLAG_DURABLE = 1

/** The sender waits for an answer. */
export const FLAG_WANTS_ANSWER = 2

/** Bytes of an epoch: a random name for one life of a sender, so that ids of two lives are never mixed up. */
export const EPOCH_BYTES = 8

/** The longest frame but for its payload: every field at its longest, and as much again for fields yet unknown. */
export const MAX_HEADER_BYTES = 256

/** What the opener of a stream says first. */
export interface OpenFrame {
  epoch: Uint8Array
  /** No id below this one will be sent (again). */
  lowest: number
  durableEpoch: Uint8Array | undefined
  durableLowest: number
}

/** One message on its way. A number of -1 and an undefined field are not sent. */
export interface DataFrame {
  id: number
  /** A number of MessageType, one that stands for a name, or 0 beside a name that is used once. */
  type: number
  name: Uint8Array | undefined
  /** Bytes before compression, if it is compressed. */
  size: number
  /** Milliseconds until it expires. */
  lifetime: number
  flags: number
  /** The request, by its id and its sender's epoch, to which this is the answer. */
  replyTo: number
  replyEpoch: Uint8Array | undefined
  payload: Uint8Array
}

/*
 * message Frame {
 *   uint64 id = 1;         uint32 type = 2;      bytes payload = 3;   string name = 4;    uint32 size = 5;
 *   uint64 lifetime = 6;   uint32 flags = 7;     uint64 reply_to = 8; fixed64 reply_epoch = 9;
 *   Open open = 15;
 * }
 * message Open { fixed64 epoch = 1; uint64 lowest = 2; fixed64 durable_epoch = 3; uint64 durable_lowest = 4; }
 */
const ID = 0x08
const TYPE = 0x10
const PAYLOAD = 0x1a
const NAME = 0x22
const SIZE = 0x28
const LIFETIME = 0x30
const FLAGS = 0x38
const REPLY_TO = 0x40
const REPLY_EPOCH = 0x49
const OPEN = 0x7a

const EMPTY = new Uint8Array(0)

/** Bytes of a frame without its length prefix. */
export function dataFrameLength(frame: DataFrame): number {
  const { type, name, size, lifetime, flags, replyTo, payload } = frame
  let length = 1 + varintLength(frame.id)
  if (type !== 0) {
    length += 1 + varintLength(type)
  }
  if (name !== undefined) {
    length += 2 + name.length
  }
  if (size >= 0) {
    length += 1 + varintLength(size)
  }
  if (lifetime >= 0) {
    length += 1 + varintLength(lifetime)
  }
  if (flags !== 0) {
    length += 1 + varintLength(flags)
  }
  if (replyTo >= 0) {
    length += 1 + varintLength(replyTo) + 1 + EPOCH_BYTES
  }
  if (payload.length > 0) {
    length += 1 + varintLength(payload.length) + payload.length
  }
  return length
}

/** Writes length prefix and frame up to, but without, the payload's bytes; gives the position behind. */
export function writeDataHeader(bytes: Uint8Array, at: number, frame: DataFrame, frameLength: number): number {
  const { type, name, size, lifetime, flags, replyTo, replyEpoch, payload } = frame
  at = writeVarint(bytes, at, frameLength)
  bytes[at++] = ID
  at = writeVarint(bytes, at, frame.id)
  if (type !== 0) {
    bytes[at++] = TYPE
    at = writeVarint(bytes, at, type)
  }
  if (name !== undefined) {
    bytes[at++] = NAME
    bytes[at++] = name.length
    bytes.set(name, at)
    at += name.length
  }
  at = writeOptional(bytes, at, SIZE, size)
  at = writeOptional(bytes, at, LIFETIME, lifetime)
  at = writeOptional(bytes, at, FLAGS, flags === 0 ? -1 : flags)
  if (replyTo >= 0) {
    at = writeOptional(bytes, at, REPLY_TO, replyTo)
    bytes[at++] = REPLY_EPOCH
    bytes.set(replyEpoch ?? EMPTY, at)
    at += EPOCH_BYTES
  }
  if (payload.length > 0) {
    bytes[at++] = PAYLOAD
    at = writeVarint(bytes, at, payload.length)
  }
  return at
}

function writeOptional(bytes: Uint8Array, at: number, tag: number, value: number): number {
  if (value < 0) {
    return at
  }
  bytes[at++] = tag
  return writeVarint(bytes, at, value)
}

/** One data frame with its length prefix. */
export function encodeData(frame: DataFrame): Uint8Array {
  const length = dataFrameLength(frame)
  const bytes = new Uint8Array(varintLength(length) + length)
  bytes.set(frame.payload, writeDataHeader(bytes, 0, frame, length))
  return bytes
}

/** The first frame of a stream, with its length prefix. */
export function encodeOpen(open: OpenFrame): Uint8Array {
  const bytes = new Uint8Array(64)
  let at = 3 // the prefix, the tag and the length of what follows: all below 64
  bytes[at++] = 0x09
  bytes.set(open.epoch, at)
  at = writeOptional(bytes, at + EPOCH_BYTES, 0x10, open.lowest)
  if (open.durableEpoch !== undefined) {
    bytes[at++] = 0x19
    bytes.set(open.durableEpoch, at)
    at = writeOptional(bytes, at + EPOCH_BYTES, 0x20, open.durableLowest)
  }
  bytes.set([at - 1, OPEN, at - 3])
  return bytes.subarray(0, at)
}

/** Reads frames of an opener. It is one frame itself, overwritten by each read, so that nothing is allocated. */
export class DataReader implements DataFrame {
  id = -1
  type = 0
  name: Uint8Array | undefined
  size = -1
  lifetime = -1
  flags = 0
  replyTo = -1
  replyEpoch: Uint8Array | undefined
  payload: Uint8Array = EMPTY
  /** What follows `payload`, if the frame came in parts. */
  rest: readonly Uint8Array[] | undefined
  open: OpenFrame | undefined
  readonly #reader = new VarintReader()

  /** Bytes of the payload, in all its parts. */
  get payloadLength(): number {
    return this.payload.length + (this.rest === undefined ? 0 : lengthOf(this.rest))
  }

  /** @throws FrameMalformedError */
  read(bytes: Uint8Array, from: number, to: number): void {
    this.#clear()
    const reader = this.#reader
    reader.reset(bytes, from, to)
    while (reader.at < to) {
      this.#field(bytes, reader.next())
    }
    this.#check()
  }

  /** Reads a frame that came in parts; they stay apart if only its payload, at its end, is in more than the first. */
  readParts(parts: readonly Uint8Array[]): void {
    if (this.#readFirst(parts)) {
      this.#check()
    } else {
      const bytes = Buffer.concat(parts)
      this.read(bytes, 0, bytes.length)
    }
  }

  /** False if the first part ends in anything but the payload, or more follows that. */
  #readFirst([first = EMPTY, ...rest]: readonly Uint8Array[]): boolean {
    this.#clear()
    const reader = this.#reader
    reader.reset(first, 0, first.length)
    try {
      while (reader.at < first.length) {
        const tag = reader.next()
        if (tag !== PAYLOAD) {
          this.#field(first, tag)
          continue
        }
        const length = reader.next()
        const here = first.length - reader.at
        if (length > here) {
          this.payload = first.subarray(reader.at)
          this.rest = rest
          return length === here + lengthOf(rest)
        }
        this.payload = first.subarray(reader.at, reader.at + length)
        reader.skip(length)
      }
    } catch (error) {
      if (!(error instanceof FrameMalformedError)) {
        throw error
      }
      // Perhaps it is only cut off here: the whole frame will tell.
    }
    return false
  }

  #check(): void {
    if (this.open !== undefined ? this.id !== -1 : this.id < 0) {
      throw new FrameMalformedError(this.open === undefined ? 'no id' : 'an opening with an id')
    }
    if (this.replyTo >= 0 !== (this.replyEpoch !== undefined)) {
      throw new FrameMalformedError('an answer needs the id and the epoch of its request')
    }
  }

  #clear(): void {
    this.id = -1
    this.type = 0
    this.name = undefined
    this.size = -1
    this.lifetime = -1
    this.flags = 0
    this.replyTo = -1
    this.replyEpoch = undefined
    this.payload = EMPTY
    this.rest = undefined
    this.open = undefined
  }

  #field(bytes: Uint8Array, tag: number): void {
    const reader = this.#reader
    switch (tag) {
      case ID:
        this.id = reader.next()
        return
      case TYPE:
        this.type = reader.next()
        return
      case PAYLOAD: {
        this.payload = part(bytes, reader)
        return
      }
      case NAME: {
        this.name = part(bytes, reader)
        if (this.name.length === 0 || this.name.length > MAX_TYPE_BYTES) {
          throw new FrameMalformedError(`a type's name of ${this.name.length} bytes`)
        }
        return
      }
      case SIZE:
        this.size = reader.next()
        return
      case LIFETIME:
        this.lifetime = reader.next()
        return
      case FLAGS:
        this.flags = reader.next()
        return
      case REPLY_TO:
        this.replyTo = reader.next()
        return
      case REPLY_EPOCH:
        this.replyEpoch = fixed64(bytes, reader)
        return
      case OPEN: {
        const length = reader.next()
        const from = reader.skip(length)
        this.open = readOpen(bytes, from, from + length)
        return
      }
      default:
        skipField(reader, tag)
    }
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0
  for (const part of parts) {
    length += part.length
  }
  return length
}

function part(bytes: Uint8Array, reader: VarintReader): Uint8Array {
  const length = reader.next()
  const from = reader.skip(length)
  return bytes.subarray(from, from + length)
}

function fixed64(bytes: Uint8Array, reader: VarintReader): Uint8Array {
  const from = reader.skip(EPOCH_BYTES)
  return bytes.slice(from, from + EPOCH_BYTES)
}

/** Fields of later versions are passed over; a known field of another wire type is one of them. */
export function skipField(reader: VarintReader, tag: number): void {
  const field = Math.floor(tag / 8)
  if (field === 0 || field > 0x1fffffff) {
    throw new FrameMalformedError('no such field number')
  }
  reader.skipValue(tag % 8)
}

function readOpen(bytes: Uint8Array, from: number, to: number): OpenFrame {
  const reader = new VarintReader()
  reader.reset(bytes, from, to)
  let epoch: Uint8Array | undefined
  const open = { lowest: 0, durableEpoch: undefined as Uint8Array | undefined, durableLowest: 0 }
  while (reader.at < to) {
    const tag = reader.next()
    if (tag === 0x09) {
      epoch = fixed64(bytes, reader)
    } else if (tag === 0x10) {
      open.lowest = reader.next()
    } else if (tag === 0x19) {
      open.durableEpoch = fixed64(bytes, reader)
    } else if (tag === 0x20) {
      open.durableLowest = reader.next()
    } else {
      skipField(reader, tag)
    }
  }
  if (epoch === undefined) {
    throw new FrameMalformedError('an opening without an epoch')
  }
  return { epoch, ...open }
}
