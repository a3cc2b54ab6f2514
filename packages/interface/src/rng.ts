import { randomBytes } from 'node:crypto'

/** The only source of randomness of this project's packages; tests hand in a seeded one. */
export interface Rng {
  /** A number in [0, 1), uniformly distributed. */
  float(): number
  /** `length` random bytes. */
  bytes(length: number): Uint8Array
}

/** Cryptographically strong randomness: an attacker can't predict what a node picks. */
export const systemRng: Rng = {
  float: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: (length) => new Uint8Array(randomBytes(length))
}

/** An integer in [0, below), uniformly distributed; 0 unless `below` is at least 1. */
export function randomInt(rng: Rng, below: number): number {
  return below >= 1 ? Math.floor(rng.float() * below) : 0
}

/** A copy of `items` in random order (Fisher-Yates). */
export function shuffled<T>(rng: Rng, items: Iterable<T>): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = randomInt(rng, i + 1)
    const a = out[i] as T
    out[i] = out[j] as T
    out[j] = a
  }
  return out
}
