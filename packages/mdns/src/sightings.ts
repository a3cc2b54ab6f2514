import { createHash } from 'node:crypto'
import type { Clock } from '@penin/interface'

/** Sightings remembered; about 100 bytes each. */
export const MAX_SIGHTINGS = 1024

/** A peer seen again with the same addresses within this many milliseconds isn't news. */
export const SIGHTING_INTERVAL = 30_000

/** Remembers which peer was seen at which addresses, so that an unchanged peer isn't reported at every answer. */
export class Sightings {
  readonly #seen = new Map<string, number>()

  constructor(private readonly clock: Clock) {}

  /** Number of remembered sightings; never above {@link MAX_SIGHTINGS}. */
  get size(): number {
    return this.#seen.size
  }

  /** True if this id with exactly these addresses wasn't seen in the last {@link SIGHTING_INTERVAL} milliseconds. */
  isNews(id: string, addresses: readonly string[]): boolean {
    // a hash, because 16 addresses of 255 bytes times 1024 would be 4 MiB
    const key = createHash('sha256')
      .update([id, ...[...addresses].sort()].join('\n'))
      .digest('base64url')
    const now = this.clock.monotonic()
    const last = this.#seen.get(key)
    if (last !== undefined && now - last < SIGHTING_INTERVAL) return false
    this.#seen.delete(key)
    this.#seen.set(key, now)
    if (this.#seen.size > MAX_SIGHTINGS) {
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest)
        break
      }
    }
    return true
  }

  /** Forgets everything. */
  clear(): void {
    this.#seen.clear()
  }
}
