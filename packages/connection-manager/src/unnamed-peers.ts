import type { PeerId } from '@libp2p/interface'
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
  /** Not dialled before this time whatever else is said: whoever answers there is unwanted. */
  heldUntil: number
  /** Who answered there last. It may be somebody else next time: a server that was set up anew has another identity. */
  answeredBy?: PeerId
}

/** A seed that has not answered so often is given up. */
const SEED_ATTEMPTS = 3

/** Configured addresses without a peer id, until a dial has shown who answers there. */
export class UnnamedPeers {
  readonly #entries = new Map<string, UnnamedPeer>()

  constructor(private readonly rng: Rng) {}

  /** Takes the place of all entries; those that stay keep what is known of them. */
  replace(entries: ReadonlyArray<Pick<UnnamedPeer, 'addresses' | 'persistence'>>): void {
    const before = new Map(this.#entries)
    this.#entries.clear()
    for (const { addresses, persistence } of entries) {
      const key = addresses.map(String).join(',')
      const fresh = { failures: 0, lastAttemptAt: 0, nextAttemptAt: 0, heldUntil: 0 }
      this.#entries.set(key, { ...(before.get(key) ?? fresh), key, addresses, persistence })
    }
  }

  get(key: string): UnnamedPeer | undefined {
    return this.#entries.get(key)
  }

  remove(key: string): void {
    this.#entries.delete(key)
  }

  /** The entry at whose address a peer has answered last. */
  answeredBy(id: PeerId): UnnamedPeer | undefined {
    return [...this.#entries.values()].find((entry) => entry.answeredBy?.equals(id) === true)
  }

  /** Those that may be dialled at `at` of the monotonic clock. */
  due(at: number, isolated: boolean, isConnected: (id: PeerId) => boolean): UnnamedPeer[] {
    return [...this.#entries.values()].filter((entry) => {
      const isSatisfied = entry.answeredBy != null && isConnected(entry.answeredBy)
      const isTime = entry.nextAttemptAt <= at || (isolated && entry.lastAttemptAt + ISOLATED_CAP <= at)
      return isTime && !isSatisfied && entry.heldUntil <= at
    })
  }

  /** Notes who answers there. A seed has then done its part. */
  recordAnswer(entry: UnnamedPeer, id: PeerId, at: number): void {
    entry.answeredBy = id
    entry.failures = 0
    entry.lastAttemptAt = at
    if (entry.persistence === 'seed') {
      this.remove(entry.key)
    }
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
