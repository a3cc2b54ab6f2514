const ALPHABET = Buffer.from('123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz', 'latin1')

/** Digits that are worked out at once: 58^4 times 2^24 is still a whole number of a double. */
const DIGITS = 4
const LIMB = 58 ** DIGITS

/** The bytes of a peer id that contains an Ed25519 key, but for their leading zero: identity, and the key as protobuf. */
const PREFIX = Uint8Array.of(0x24, 0x08, 0x01, 0x12, 0x20)
const KEY_BYTES = 32

/** The bytes in words of three, which they are not a multiple of. */
const WORD = 3
const PADDING = WORD - ((PREFIX.byteLength + KEY_BYTES) % WORD)
const input = new Uint8Array(PADDING + PREFIX.byteLength + KEY_BYTES)
input.set(PREFIX, PADDING)

/** 51 digits whatever the key is, since all numbers begin alike; the leading zero is one more. */
const TEXT_LENGTH = 52
const limbs = new Float64Array(Math.ceil(TEXT_LENGTH / DIGITS))
const text = Buffer.alloc(TEXT_LENGTH)

/**
 * The text of the peer id of an Ed25519 key, as `PeerId.toString()` has it. Peers are known by it, and making a PeerId for
 * every record that somebody tells of, only to ask it for its text, would take most of the time that a useless one costs.
 *
 * @param key where its 32 bytes begin in `bytes` is said by `at`
 */
export function peerIdText(bytes: Uint8Array, at: number): string {
  for (let i = 0; i < KEY_BYTES; i++) {
    input[PADDING + PREFIX.byteLength + i] = bytes[at + i] as number
  }
  let used = 0
  for (let i = 0; i < input.byteLength; i += WORD) {
    let carry = ((input[i] as number) << 16) | ((input[i + 1] as number) << 8) | (input[i + 2] as number)
    for (let j = 0; j < used || carry > 0; j++) {
      const sum = (j < used ? (limbs[j] as number) : 0) * 0x100_0000 + carry
      carry = Math.floor(sum / LIMB)
      limbs[j] = sum - carry * LIMB
      used = Math.max(used, j + 1)
    }
  }
  for (let i = 0; i < TEXT_LENGTH; i += DIGITS) {
    let limb = limbs[limbs.length - 1 - i / DIGITS] as number
    for (let j = DIGITS - 1; j >= 0; j--) {
      const rest = Math.floor(limb / 58)
      text[i + j] = ALPHABET[limb - rest * 58] as number
      limb = rest
    }
  }
  return text.toString('latin1')
}
