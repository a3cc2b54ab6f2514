import type { Multiaddr } from '@multiformats/multiaddr'
import type { Rng } from '@penin/interface'
import { backoff, PERSISTENT_BACKOFF } from './backoff.js'
import type { Persistence } from './known-peers.js'
import { ISOLATED_CAP } from './plan-dials.js'

/** A configured address of which nobody has said whose it is: `host:port`, or a `/dnsaddr` name. */
export interface UnnamedPeer {
  readonly key: string
  readonly addresses: Multiaddr[]
  readonly persistence: Persistence | 'seed'
  failures: number
  lastAttemptAt: number
  nextAttemptAt: number
}

/** A seed that has not answered so often is given up. */
const SEED_ATTEMPTS = 3

/** Configured addresses without a peer id, until a dial has shown who answers there. */
export class UnnamedPeers {
  readonly #entries = new Map<string, UnnamedPeer>()

  constructor(private readonly rng: Rng) {}

  add(addresses: Multiaddr[], persistence: UnnamedPeer['persistence']): void {
    const key = addresses.map(String).join(',')
    this.#entries.set(key, { key, addresses, persistence, failures: 0, lastAttemptAt: 0, nextAttemptAt: 0 })
  }

  get(key: string): UnnamedPeer | undefined {
    return this.#entries.get(key)
  }

  remove(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  /** Those that may be dialled at `at` of the monotonic clock. */
  due(at: number, isolated: boolean): UnnamedPeer[] {
    return [...this.#entries.values()].filter(
      (entry) => entry.nextAttemptAt <= at || (isolated && entry.lastAttemptAt + ISOLATED_CAP <= at)
    )
  }

  recordFailure(entry: UnnamedPeer, at: number): void {
    entry.failures++
    if (entry.persistence === 'seed' && entry.failures >= SEED_ATTEMPTS) {
      this.remove(entry.key)
    }
    entry.lastAttemptAt = at
    entry.nextAttemptAt = at + backoff(PERSISTENT_BACKOFF, entry.failures, this.rng)
  }

  clearBackoffs(): void {
    for (const entry of this.#entries.values()) {
      entry.nextAttemptAt = 0
    }
  }
}
