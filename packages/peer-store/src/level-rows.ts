import { Key } from 'interface-datastore'
import { isInexact } from './overlay.js'
import type { ClassicLevel, IteratorOptions } from 'classic-level'
import type { Pair } from 'interface-datastore'

/** The LevelDB of a store: keys are UTF-8 text, values are bytes. */
export type Level = ClassicLevel<string, Uint8Array>

/** Rows read at once: small enough to keep little in memory, large enough that the cost of a read is the rows'. */
const CHUNK_ROWS = 256

/** The first byte of every datastore key. */
const SLASH = 0x2f

const NOTHING = new Uint8Array()

/** The same bytes as a plain Uint8Array: LevelDB hands out Buffers, whose `slice` is a view and not a copy. */
export function plainBytes(value: Uint8Array): Uint8Array {
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
}

/** What {@link readRows} reads. */
export interface RowRange {
  /** Runs a read of the database; undefined when it can't be read any more, and the rows end there. */
  read: <T>(fn: (level: Level) => Promise<T>) => Promise<T | undefined>
  /** Only keys that begin with it; all when absent. */
  prefix?: string | undefined
  /** Whether values are wanted; without, they are empty. */
  values: boolean
}

/**
 * Reads rows in the order of their keys, with keys as the bytes they are: a key that is no valid UTF-8 can be deleted
 * only by its bytes. Keys that don't begin with a slash are no datastore keys, and are left out.
 */
export async function* readRows(range: RowRange): AsyncGenerator<Pair> {
  const { read, prefix, values } = range
  const encodings = {
    keyEncoding: 'buffer',
    valueEncoding: 'view',
    values,
    fillCache: false,
    limit: CHUNK_ROWS
  } as const
  const start = Buffer.from(prefix ?? '')
  const end = successor(start)
  const upper = end === undefined ? {} : { lt: end }
  let lower: { gte: Buffer } | { gt: Buffer } = { gte: start }
  for (;;) {
    const options: IteratorOptions<Buffer, Uint8Array> = { ...encodings, ...upper, ...lower }
    const rows: Array<[Buffer, Uint8Array]> =
      (await read((level) => level.iterator<Buffer, Uint8Array>(options).all())) ?? []
    for (const [key, value] of rows) {
      if (key[0] === SLASH) yield { key: new Key(key, false), value: values ? plainBytes(value) : NOTHING }
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < CHUNK_ROWS) return
    lower = { gt: last[0] }
  }
}

/** A row with its key as text, and also as it is if it is no valid UTF-8, which is U+FFFD in the text. */
export type TextRow = [key: string, value: Uint8Array, exact?: Key]

/** Rows of {@link readTextRows} at once: a read costs a hundredth of what they do, and making them about 2 ms. */
const TEXT_CHUNK_ROWS = 1024

/** Bytes at once: beyond, a read gives the rows in several parts. */
const READ_BYTES = 512 * 1024

/** What {@link readTextRows} reads. */
interface TextRange extends Pick<RowRange, 'read'> {
  /** The first key, in ASCII. */
  from: string
  /** The first key that is not read any more, in ASCII. */
  to: string
}

/**
 * Reads rows in the order of their keys, many at a time, with the next ones being read while the consumer works on these.
 * Keys as text cost half of what keys as bytes do.
 */
export async function* readTextRows({ read, from, to }: TextRange): AsyncGenerator<TextRow[]> {
  let next: Promise<TextChunk> | undefined = readChunk(read, { gte: from }, to)
  while (next !== undefined) {
    const { rows, last }: TextChunk = await next
    next = rows.length < TEXT_CHUNK_ROWS || last === undefined ? undefined : readChunk(read, { gt: last }, to)
    // The consumer may leave while this one is under way.
    next?.catch(() => {})
    yield rows
  }
}

interface TextChunk {
  rows: TextRow[]
  /** The last key: as bytes if its text could not be made into the same bytes again. */
  last: string | Buffer | undefined
}

async function readChunk(
  read: RowRange['read'],
  lower: { gte: string } | { gt: string | Buffer },
  to: string
): Promise<TextChunk> {
  const common = {
    fillCache: false,
    limit: TEXT_CHUNK_ROWS,
    highWaterMarkBytes: READ_BYTES,
    valueEncoding: 'view'
  } as const
  const bounds = 'gte' in lower ? { gte: Buffer.from(lower.gte) } : { gt: Buffer.from(lower.gt) }
  const asBytes = async (): Promise<Array<[Buffer, Uint8Array]>> => {
    const options = { ...common, ...bounds, lt: Buffer.from(to), keyEncoding: 'buffer' } as const
    return (await read((level) => level.iterator<Buffer, Uint8Array>(options).all())) ?? []
  }
  if (!('gt' in lower && typeof lower.gt !== 'string')) {
    const options = { ...common, ...lower, lt: to, keyEncoding: 'utf8' } as IteratorOptions<string, Uint8Array>
    const rows = (await read((level) => level.iterator(options).all())) ?? []
    if (!rows.some(([key]) => isInexact(key))) {
      return { rows, last: rows.at(-1)?.[0] }
    }
  }
  const rows = await asBytes()
  return { rows: rows.map(([key, value]) => exactRow(key, value)), last: rows.at(-1)?.[0] }
}

function exactRow(key: Buffer, value: Uint8Array): TextRow {
  const text = key.toString()
  return isInexact(text) ? [text, value, new Key(key, false)] : [text, value]
}

/** The smallest key that is greater than every key that begins with `prefix`; undefined when there is none. */
function successor(prefix: Buffer): Buffer | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] as number
    if (byte < 0xff) return Buffer.concat([prefix.subarray(0, i), Buffer.of(byte + 1)])
  }
  return undefined
}
