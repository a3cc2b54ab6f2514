import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, errorCode } from './leveldb-errors.js'
import type { Level } from './level-rows.js'

/**
 * Reads every table (`.ldb` file) of an opened database and compares its checksums.
 *
 * LevelDB has these checksums but looks at them only if asked to, and its binding can't ask. Without this check a
 * flipped bit in a value goes unnoticed, and a nonsense length at the end of a table makes LevelDB ask for that much
 * memory, which ends the process, at that start and at every later one.
 *
 * The manifest and the log need no check: LevelDB always compares theirs.
 *
 * @returns what is wrong with the first damaged table, or undefined
 */
export async function findDamagedTable(level: Level, signal?: AbortSignal): Promise<string | undefined> {
  // Lines such as ` 9:345940['/a' @ 3 : 1 .. '/z' @ 9 : 1]`. Other .ldb files are what a killed process left unfinished.
  const live = level.getProperty('leveldb.sstables').matchAll(/^ (\d+):\d+\[/gm)
  for (const [, number = ''] of live) {
    signal?.throwIfAborted()
    const name = `${number.padStart(6, '0')}.ldb`
    try {
      const problem = checkTable(await readFile(join(level.location, name)))
      if (problem !== undefined) return `${name}: ${problem}`
    } catch (err) {
      // A compaction that LevelDB started meanwhile may have replaced the table.
      if (errorCode(err) !== 'ENOENT') return `${name}: ${describe(err)}`
    }
  }
  return undefined
}

// The table format, from LevelDB's own description of it (doc/table_format.md).
const FOOTER_BYTES = 48
const HANDLES_BYTES = 40
const MAGIC = 0xdb4775248b80fb57n
const TRAILER_BYTES = 5
const UNCOMPRESSED = 0
const CRC_MASK_DELTA = 0xa282ead8

/** Where a block lies in its table. */
interface Handle {
  offset: number
  size: number
}

/** A place in bytes, moved on by {@link readVarint}. */
interface Cursor {
  bytes: Buffer
  at: number
}

/**
 * Compares the checksums of one table, from the footer at its end to every block that its index names.
 *
 * @returns what is wrong, or undefined
 */
export function checkTable(table: Buffer): string | undefined {
  if (table.length < FOOTER_BYTES) return 'it is cut short'
  const footer = table.subarray(table.length - FOOTER_BYTES)
  if (footer.readBigUInt64LE(HANDLES_BYTES) !== MAGIC) return 'its end is damaged or missing'
  const cursor = { bytes: footer.subarray(0, HANDLES_BYTES), at: 0 }
  for (const handle of [readHandle(cursor), readHandle(cursor)]) {
    const directory = handle && soundBlock(table, handle)
    if (directory === undefined) return 'its index is damaged'
    // A database that another program wrote with compression has compressed indexes; theirs is the only checksum compared.
    if (table[directory.byteOffset - table.byteOffset + directory.length] !== UNCOMPRESSED) continue
    for (const inner of handlesIn(directory)) {
      if (inner === undefined || soundBlock(table, inner) === undefined) return 'a block in it is damaged'
    }
  }
  return undefined
}

/** The contents of a block if it lies within the table and its checksum is right. */
function soundBlock(table: Buffer, { offset, size }: Handle): Buffer | undefined {
  if (offset + size + TRAILER_BYTES > table.length - FOOTER_BYTES) return undefined
  const masked = table.readUInt32LE(offset + size + 1)
  const contents = table.subarray(offset, offset + size)
  return masked === mask(crc32c(table.subarray(offset, offset + size + 1))) ? contents : undefined
}

/** The values of an index block, which are handles; undefined for one that is none. */
function* handlesIn(block: Buffer): Generator<Handle | undefined> {
  const restarts = block.length >= 4 ? block.readUInt32LE(block.length - 4) : 0
  const end = block.length - 4 - 4 * restarts
  const cursor = { bytes: block.subarray(0, Math.max(0, end)), at: 0 }
  while (cursor.at < cursor.bytes.length) {
    readVarint(cursor)
    const suffixBytes = readVarint(cursor)
    const valueBytes = readVarint(cursor)
    if (suffixBytes === undefined || valueBytes === undefined) {
      yield undefined
      return
    }
    const value = { bytes: cursor.bytes, at: cursor.at + suffixBytes }
    yield readHandle(value)
    cursor.at += suffixBytes + valueBytes
  }
}

function readHandle(cursor: Cursor): Handle | undefined {
  const offset = readVarint(cursor)
  const size = readVarint(cursor)
  return offset === undefined || size === undefined ? undefined : { offset, size }
}

function readVarint(cursor: Cursor): number | undefined {
  let value = 0
  for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
    const byte = cursor.bytes[cursor.at++]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return Number.isSafeInteger(value) ? value : undefined
  }
  return undefined
}

/** LevelDB stores a checksum turned and shifted, so that checksums of data with checksums in it stay meaningful. */
function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + CRC_MASK_DELTA) >>> 0
}

/** CRC-32C (Castagnoli), reflected, bit by bit for each byte value. */
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

function crc32c(bytes: Uint8Array): number {
  let crc = -1
  for (let i = 0; i < bytes.length; i++) {
    crc = (CRC_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}
