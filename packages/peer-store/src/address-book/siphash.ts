/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for short inputs whose outputs nobody can steer without the
 * key. It takes less than a microsecond for a peer id, where an HMAC of node:crypto takes several.
 */

/** Bytes of a key. */
export const SIPHASH_KEY_BYTES = 16

/** Four 64-bit words, as low and high halves. */
const state = new Int32Array(8)

function add(to: number, from: number): void {
  const low = ((state[to] as number) >>> 0) + ((state[from] as number) >>> 0)
  const carry = low > 0xffff_ffff ? 1 : 0
  state[to] = low
  state[to + 1] = (state[to + 1] as number) + (state[from + 1] as number) + carry
}

/** `word = rotl(word, by) ^ with`, for a rotation of less than 32 bits. */
function turn(word: number, by: number, other: number): void {
  const low = state[word] as number
  const high = state[word + 1] as number
  state[word] = ((low << by) | (high >>> (32 - by))) ^ (state[other] as number)
  state[word + 1] = ((high << by) | (low >>> (32 - by))) ^ (state[other + 1] as number)
}

function swap(word: number): void {
  const low = state[word] as number
  state[word] = state[word + 1] as number
  state[word + 1] = low
}

function rounds(count: number): void {
  for (let i = 0; i < count; i++) {
    add(0, 2)
    turn(2, 13, 0)
    swap(0)
    add(4, 6)
    turn(6, 16, 4)
    add(0, 6)
    turn(6, 21, 0)
    add(4, 2)
    turn(2, 17, 4)
    swap(4)
  }
}

function absorb(low: number, high: number): void {
  state[6] = (state[6] as number) ^ low
  state[7] = (state[7] as number) ^ high
  rounds(2)
  state[0] = (state[0] as number) ^ low
  state[1] = (state[1] as number) ^ high
}

/** The key as four 32-bit words, for {@link sipHash}. */
export function sipHashKey(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, SIPHASH_KEY_BYTES)
  return Int32Array.from([0, 4, 8, 12], (at) => view.getInt32(at, true))
}

/** The hash of the first `length` bytes of `data`, as its low and high 32 bits, both unsigned. */
export function sipHash(key: Int32Array, data: Uint8Array, length: number = data.byteLength): [number, number] {
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = key
  state[0] = k0 ^ 0x70736575
  state[1] = k1 ^ 0x736f6d65
  state[2] = k2 ^ 0x6e646f6d
  state[3] = k3 ^ 0x646f7261
  state[4] = k0 ^ 0x6e657261
  state[5] = k1 ^ 0x6c796765
  state[6] = k2 ^ 0x79746573
  state[7] = k3 ^ 0x74656462
  const whole = length & ~7
  for (let at = 0; at < whole; at += 8) {
    absorb(word(data, at, 4), word(data, at + 4, 4))
  }
  const rest = length - whole
  absorb(word(data, whole, Math.min(4, rest)), word(data, whole + 4, Math.max(0, rest - 4)) | ((length & 255) << 24))
  state[4] = (state[4] as number) ^ 0xff
  rounds(4)
  let low = 0
  let high = 0
  for (let i = 0; i < 8; i += 2) {
    low ^= state[i] as number
    high ^= state[i + 1] as number
  }
  return [low >>> 0, high >>> 0]
}

/** Up to four bytes, little-endian. */
function word(data: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i++) {
    value |= (data[at + i] as number) << (8 * i)
  }
  return value
}
