import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/** Shorter payloads are not compressed: the call costs more than it saves. */
const MIN_BYTES = 1024

/** Longer ones are compressed off the main thread: 64 KiB take about 0.2 ms. */
const MAX_SYNC_BYTES = 65_536

/** It pays if at least an eighth is saved. */
const WORTHWHILE = 7 / 8

/** Bytes of a payload that are looked at to guess whether it can be compressed. */
const SAMPLE = 512

/** Values that random bytes show in a sample of 512: 221 of 256 on average. Text shows below 100. */
const RANDOM_VALUES = 200

/** The fastest level that zstd calls normal: on a LAN the time counts as much as the bytes. */
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

const compressLater = promisify(zstdCompress)
const seen = new Uint8Array(256)

/** A payload as it goes on the wire, or a promise of it for a long one; undefined if it should go as it is. */
export function compress(payload: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined> {
  if (payload.length <= MIN_BYTES || looksRandom(payload)) {
    return undefined
  }
  if (payload.length <= MAX_SYNC_BYTES) {
    return worthwhile(payload, zstdCompressSync(payload, OPTIONS))
  }
  return compressLater(payload, OPTIONS).then((compressed) => worthwhile(payload, compressed))
}

function worthwhile(payload: Uint8Array, compressed: Uint8Array): Uint8Array | undefined {
  return compressed.length <= payload.length * WORTHWHILE ? compressed : undefined
}

/** Compressed and encrypted payloads have nearly all values in equal parts; a look at some bytes tells. */
function looksRandom(payload: Uint8Array): boolean {
  seen.fill(0)
  const step = payload.length / SAMPLE
  let values = 0
  for (let i = 0; i < SAMPLE; i++) {
    const byte = payload[Math.floor(i * step)] as number
    values += seen[byte] === 0 ? 1 : 0
    seen[byte] = 1
  }
  return values >= RANDOM_VALUES
}

/**
 * The payload as it was; undefined unless it is exactly as long as was said. No more memory than that is ever used,
 * whatever a frame of zstd claims of itself.
 */
export function decompress(payload: Uint8Array, size: number): Uint8Array | undefined {
  try {
    const bytes = zstdDecompressSync(payload, { maxOutputLength: Math.max(1, size) })
    return bytes.length === size ? bytes : undefined
  } catch {
    return undefined
  }
}
