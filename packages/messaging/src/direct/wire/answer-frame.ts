import { FrameMalformedError, type RefusalReason } from '../../errors.js'
import { EPOCH_BYTES, skipField } from './data-frame.js'
import { VarintReader, varintLength, writeVarint } from './varint.js'

/*
 * message Answer {
 *   Welcome welcome = 1;
 *   repeated uint64 taken = 2;          // ranges: distance from the end of the one before, length
 *   repeated uint64 refused = 3;        // distance from the one before, reason
 *   repeated uint64 durable_taken = 4;  repeated uint64 durable_refused = 5;
 * }
 * message Welcome { fixed64 instance = 1; uint32 window_bytes = 2; uint32 window_messages = 3; uint32 max_payload = 4; }
 */
const WELCOME = 0x0a
const TAKEN = 0x12
const REFUSED = 0x1a
const DURABLE_TAKEN = 0x22
const DURABLE_REFUSED = 0x2a

/** The longest answer frame: what one write is. */
export const MAX_ANSWER_BYTES = 65_536

/** Pairs of numbers in one frame, each of at most 17 bytes: well under {@link MAX_ANSWER_BYTES}, in all four lists. */
export const MAX_PAIRS = 800

/** Reasons by their number on the wire, from 1. */
const REASONS: readonly RefusalReason[] = [
  'unknown-type',
  'handler-failed',
  'handler-timeout',
  'expired',
  'too-long',
  'bad-payload'
]

/** A reason's number. */
export function reasonCode(reason: RefusalReason): number {
  return REASONS.indexOf(reason) + 1
}

/** The reason that a number stands for; those of later versions are `unknown`. */
export function reasonOf(code: number): RefusalReason {
  return REASONS[code - 1] ?? 'unknown'
}

/** What the answerer of a stream says first. */
export interface Welcome {
  /** A random name for one life of the receiver. */
  instance: Uint8Array
  /** Bytes of messages, before compression, that may be on their way or wait here; one message may always. */
  windowBytes: number
  windowMessages: number
  maxPayload: number
}

/** Four lists of pairs; ids in ascending or any order. */
export interface Answer {
  welcome?: Welcome | undefined
  /** First id and how many: taken. */
  taken: Array<[number, number]>
  /** Id and reason's number. */
  refused: Array<[number, number]>
  durableTaken: Array<[number, number]>
  durableRefused: Array<[number, number]>
}

/** An answer without anything in it. */
export function emptyAnswer(): Answer {
  return { taken: [], refused: [], durableTaken: [], durableRefused: [] }
}

/** One answer frame with its length prefix. */
export function encodeAnswer(answer: Answer): Uint8Array {
  const parts: Uint8Array[] = []
  if (answer.welcome != null) {
    parts.push(Uint8Array.of(WELCOME), withLength(encodeWelcome(answer.welcome)))
  }
  const lists = [
    [TAKEN, answer.taken],
    [REFUSED, answer.refused],
    [DURABLE_TAKEN, answer.durableTaken],
    [DURABLE_REFUSED, answer.durableRefused]
  ] as const
  for (const [tag, pairs] of lists) {
    if (pairs.length > 0) {
      parts.push(Uint8Array.of(tag), withLength(encodePairs(pairs, tag === TAKEN || tag === DURABLE_TAKEN)))
    }
  }
  return withLength(Buffer.concat(parts))
}

function withLength(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(varintLength(body.length) + body.length)
  bytes.set(body, writeVarint(bytes, 0, body.length))
  return bytes
}

/** Distances may be negative (ids settle in any order), so they are zigzag numbers. */
function encodePairs(pairs: ReadonlyArray<[number, number]>, areRanges: boolean): Uint8Array {
  const bytes = new Uint8Array(pairs.length * 20)
  let at = 0
  let before = 0
  for (const [id, value] of pairs) {
    const distance = id - before
    at = writeVarint(bytes, at, distance < 0 ? -2 * distance - 1 : 2 * distance)
    at = writeVarint(bytes, at, value)
    before = areRanges ? id + value : id
  }
  return bytes.subarray(0, at)
}

function encodeWelcome({ instance, windowBytes, windowMessages, maxPayload }: Welcome): Uint8Array {
  const bytes = new Uint8Array(64)
  bytes[0] = 0x09
  bytes.set(instance, 1)
  let at = 1 + EPOCH_BYTES
  for (const [tag, value] of [
    [0x10, windowBytes],
    [0x18, windowMessages],
    [0x20, maxPayload]
  ] as const) {
    bytes[at++] = tag
    at = writeVarint(bytes, at, value)
  }
  return bytes.subarray(0, at)
}

/** Reads a frame of an answerer. @throws FrameMalformedError */
export function decodeAnswer(bytes: Uint8Array, from: number, to: number): Answer {
  const answer = emptyAnswer()
  const reader = new VarintReader()
  reader.reset(bytes, from, to)
  while (reader.at < to) {
    const tag = reader.next()
    if (tag === WELCOME) {
      const length = reader.next()
      const at = reader.skip(length)
      answer.welcome = decodeWelcome(bytes, at, at + length)
    } else if (tag === TAKEN) {
      decodePairs(reader, answer.taken, true)
    } else if (tag === REFUSED) {
      decodePairs(reader, answer.refused, false)
    } else if (tag === DURABLE_TAKEN) {
      decodePairs(reader, answer.durableTaken, true)
    } else if (tag === DURABLE_REFUSED) {
      decodePairs(reader, answer.durableRefused, false)
    } else {
      skipField(reader, tag)
    }
  }
  return answer
}

function decodePairs(reader: VarintReader, pairs: Array<[number, number]>, areRanges: boolean): void {
  const length = reader.next()
  const from = reader.skip(length)
  const list = new VarintReader()
  list.reset(reader.bytes, from, from + length)
  let before = 0
  while (list.at < list.end) {
    if (pairs.length >= MAX_PAIRS) {
      throw new FrameMalformedError(`more than ${MAX_PAIRS} ranges`)
    }
    const zigzag = list.next()
    const id = before + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2)
    const value = list.next()
    if (value === 0 || id < 0 || id + value > Number.MAX_SAFE_INTEGER) {
      throw new FrameMalformedError('no such range')
    }
    pairs.push([id, value])
    before = areRanges ? id + value : id
  }
}

function decodeWelcome(bytes: Uint8Array, from: number, to: number): Welcome {
  const reader = new VarintReader()
  reader.reset(bytes, from, to)
  const welcome = { instance: new Uint8Array(0), windowBytes: 0, windowMessages: 0, maxPayload: 0 }
  while (reader.at < to) {
    const tag = reader.next()
    if (tag === 0x09) {
      const at = reader.skip(EPOCH_BYTES)
      welcome.instance = bytes.slice(at, at + EPOCH_BYTES)
    } else if (tag === 0x10) {
      welcome.windowBytes = reader.next()
    } else if (tag === 0x18) {
      welcome.windowMessages = reader.next()
    } else if (tag === 0x20) {
      welcome.maxPayload = reader.next()
    } else {
      skipField(reader, tag)
    }
  }
  if (welcome.instance.length === 0 || welcome.windowMessages === 0) {
    throw new FrameMalformedError('a welcome without an instance or a window')
  }
  return welcome
}
