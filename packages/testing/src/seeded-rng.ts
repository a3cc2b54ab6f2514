import type { Rng } from '@penin/interface'

/**
 * Randomness that is the same in every run with the same seed; for tests only, since anybody can predict it.
 *
 * The generator is sfc32 of C. Doty-Humphrey's PractRand 0.95: 128 bits of state of which 32 are a counter, so that no
 * seed leads into a short cycle. The first 12 numbers are thrown away, as its author does, to mix the seed in.
 */
export function seededRng(seed: number): Rng {
  const next = sfc32(seed)
  return {
    // 53 bits, as many as a double holds: 27 from one number and 26 from the next
    float: () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53,
    bytes: (length) => Uint8Array.from({ length }, () => next() >>> 24)
  }
}

function sfc32(seed: number): () => number {
  const state = Uint32Array.of(0, seed, Math.floor(seed / 2 ** 32), 1)
  const next = (): number => {
    const [a = 0, b = 0, c = 0, counter = 0] = state
    const sum = (a + b + counter) >>> 0
    state[0] = b ^ (b >>> 9)
    state[1] = c + (c << 3)
    state[2] = ((c << 21) | (c >>> 11)) + sum
    state[3] = counter + 1
    return sum
  }
  for (let i = 0; i < 12; i++) {
    next()
  }
  return next
}
