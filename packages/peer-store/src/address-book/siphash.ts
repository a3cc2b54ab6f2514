/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for short inputs whose outputs nobody can steer without the
 * key. It takes less than a microsecond for a peer id, where an HMAC of node:crypto takes several.
 */

/** Bytes of a key. */
export const SIPHASH_KEY_BYTES = 16

/** The key as four 32-bit words, for {@link sipHash}. */
export function sipHashKey(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, SIPHASH_KEY_BYTES)
  return Int32Array.from([0, 4, 8, 12], (at) => view.getInt32(at, true))
}

/**
 * The hash of the first `length` bytes of `data`, as its low and high 32 bits, both unsigned.
 *
 * JavaScript has no fast 64-bit integers, so each of the four words is a low and a high half in plain variables; all is
 * in one function because that makes it five times as fast. A sum carries where both bits at the top were set, or one was
 * and the sum's is not.
 */
export function sipHash(key: Int32Array, data: Uint8Array, length: number = data.byteLength): [number, number] {
  // Not taken apart as a list, which goes through an iterator.
  let al = (key[0] as number) ^ 0x70736575
  let ah = (key[1] as number) ^ 0x736f6d65
  let bl = (key[2] as number) ^ 0x6e646f6d
  let bh = (key[3] as number) ^ 0x646f7261
  let cl = (key[0] as number) ^ 0x6e657261
  let ch = (key[1] as number) ^ 0x6c796765
  let dl = (key[2] as number) ^ 0x79746573
  let dh = (key[3] as number) ^ 0x74656462
  const whole = length & ~7
  for (let at = 0; at <= whole + 8; at += 8) {
    const isEnd = at > whole
    let low = 0
    let high = 0
    if (at < whole) {
      low = word(data, at, 4)
      high = word(data, at + 4, 4)
    } else if (isEnd) {
      cl ^= 0xff
    } else {
      low = word(data, at, Math.min(4, length - at))
      high = word(data, at + 4, Math.max(0, length - at - 4)) | ((length & 255) << 24)
    }
    dl ^= low
    dh ^= high
    for (let round = isEnd ? 4 : 2; round > 0; round--) {
      let sum = (al + bl) | 0
      ah = (ah + bh + (((al & bl) | ((al | bl) & ~sum)) >>> 31)) | 0
      al = sum
      let old = bl
      bl = ((bl << 13) | (bh >>> 19)) ^ al
      bh = ((bh << 13) | (old >>> 19)) ^ ah
      old = al
      al = ah
      ah = old
      sum = (cl + dl) | 0
      ch = (ch + dh + (((cl & dl) | ((cl | dl) & ~sum)) >>> 31)) | 0
      cl = sum
      old = dl
      dl = ((dl << 16) | (dh >>> 16)) ^ cl
      dh = ((dh << 16) | (old >>> 16)) ^ ch
      sum = (al + dl) | 0
      ah = (ah + dh + (((al & dl) | ((al | dl) & ~sum)) >>> 31)) | 0
      al = sum
      old = dl
      dl = ((dl << 21) | (dh >>> 11)) ^ al
      dh = ((dh << 21) | (old >>> 11)) ^ ah
      sum = (cl + bl) | 0
      ch = (ch + bh + (((cl & bl) | ((cl | bl) & ~sum)) >>> 31)) | 0
      cl = sum
      old = bl
      bl = ((bl << 17) | (bh >>> 15)) ^ cl
      bh = ((bh << 17) | (old >>> 15)) ^ ch
      old = cl
      cl = ch
      ch = old
    }
    al ^= low
    ah ^= high
  }
  return [(al ^ bl ^ cl ^ dl) >>> 0, (ah ^ bh ^ ch ^ dh) >>> 0]
}

/** Up to four bytes, little-endian. */
function word(data: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i++) {
    value |= (data[at + i] as number) << (8 * i)
  }
  return value
}
