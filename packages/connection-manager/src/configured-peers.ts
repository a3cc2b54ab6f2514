import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Rng } from '@penin/interface'
import type { PeerBook } from './peer-book.js'
import { backoff, CANDIDATE_BACKOFF, PERSISTENT_BACKOFF } from './backoff.js'
import type { DialTarget } from './dialler.js'

/** A peer that is redialled for ever, and why. */
export type Persistence = 'bootstrap' | 'persistent'

/** A peer that the configuration names. Without an id the one that answers at the address is taken. */
export interface ConfiguredPeer {
  id?: PeerId
  addresses: Multiaddr[]
  /** A `seed` is dialled while peers are missing, to be asked for others; the others are redialled for ever. */
  persistence: Persistence | 'seed'
}

/** A {@link ConfiguredPeer} and how dials to it went. Times are of the monotonic clock. */
export interface ConfiguredEntry extends Readonly<ConfiguredPeer> {
  readonly key: string
  failures: number
  /** Links in a row that were of no use. */
  brief: number
  lastAttemptAt: number
  nextAttemptAt: number
  lastError?: string
  /** Not dialled before this time whatever else is said: whoever answers there is unwanted. */
  heldUntil: number
  /** Who answered there last. It may be somebody else next time: a server that was set up anew has another identity. */
  answeredBy?: PeerId
}

/**
 * While a node has no peer at all it waits at most this long between two dials to the same configured peer, in
 * milliseconds: a lonely node has nothing better to do, and its users are waiting.
 */
export const ISOLATED_CAP = 10_000

/** A seed that has been asked is not asked again before, in milliseconds: no peer may be asked more often. */
const SEED_INTERVAL = 600_000

/** The peers of the configuration, with ids and without. They are dialled whatever the address book thinks of them. */
export class ConfiguredPeers {
  readonly #entries = new Map<string, ConfiguredEntry>()
  readonly #byId = new Map<string, ConfiguredEntry>()

  constructor(private readonly rng: Rng) {}

  /** Takes the place of all entries; those that stay keep what is known of them. */
  replace(peers: readonly ConfiguredPeer[]): void {
    const before = new Map(this.#entries)
    this.#entries.clear()
    for (const peer of peers) {
      const key = `${peer.persistence} ${peer.id?.toString() ?? peer.addresses.map(String).join(',')}`
      const fresh = { failures: 0, brief: 0, lastAttemptAt: -Infinity, nextAttemptAt: 0, heldUntil: 0 }
      this.#entries.set(key, { ...(before.get(key) ?? fresh), ...peer, key })
    }
    this.#index()
  }

  /** Marks those that are redialled for ever as never to be displaced, and takes the mark off all others. */
  markIn(book: Pick<PeerBook, 'mark' | 'marked'>): void {
    const lasting = new Set(
      [...this.#entries.values()].flatMap(({ id, persistence }) =>
        id == null || persistence === 'seed' ? [] : [id.toString()]
      )
    )
    for (const { id, marks } of book.marked()) {
      if (marks.persistent === true && !lasting.has(id)) {
        book.mark(id, { persistent: false })
      }
    }
    for (const id of lasting) {
      book.mark(id, { persistent: true })
    }
  }

  remove(entry: ConfiguredEntry): void {
    this.#entries.delete(entry.key)
    this.#index()
  }

  /** The entry of a peer, by its id or because it has answered at its address last; one that is no seed before a seed. */
  of(id: PeerId | string): ConfiguredEntry | undefined {
    return this.#byId.get(id.toString())
  }

  /** Those that may be dialled at `at`. */
  due(at: number, isolated: boolean, isBusy: (entry: ConfiguredEntry) => boolean): ConfiguredEntry[] {
    return [...this.#entries.values()].filter((entry) => {
      const isTime = entry.nextAttemptAt <= at || (isolated && entry.lastAttemptAt + ISOLATED_CAP <= at)
      return isTime && entry.heldUntil <= at && !isBusy(entry)
    })
  }

  /** Dials what an entry names, and notes how it went. @returns the connection, if it is one */
  async attempt(
    entry: ConfiguredEntry,
    dial: (target: DialTarget) => Promise<Connection>,
    monotonic: () => number
  ): Promise<Connection | undefined> {
    const { id, addresses } = entry
    this.recordAttempt(entry, monotonic())
    try {
      const connection = await dial({ ...(id == null ? {} : { id }), addresses })
      this.recordAnswer(entry, connection.remotePeer, monotonic())
      return connection
    } catch (error) {
      const { name, message } = error as Error
      if (name === 'DialSelfError') {
        this.remove(entry) // the same list on all servers names each of them, too
      } else {
        this.recordFailure(entry, monotonic(), message)
      }
      return undefined
    }
  }

  /** A dial begins. Whatever comes of it, and though nobody should tell: the next one is not at once. */
  recordAttempt(entry: ConfiguredEntry, at: number): void {
    entry.lastAttemptAt = at
    entry.nextAttemptAt = Math.max(entry.nextAttemptAt, at + PERSISTENT_BACKOFF.base)
  }

  /** Notes who answers there. */
  recordAnswer(entry: ConfiguredEntry, id: PeerId, at: number): void {
    entry.answeredBy = id
    this.#index()
    entry.failures = 0
    delete entry.lastError
    if (entry.persistence === 'seed') {
      entry.nextAttemptAt = at + SEED_INTERVAL
    }
  }

  /**
   * The link to a peer is gone: the next dial waits a little, and longer each time if the links are of no use. Otherwise a
   * bootstrap node that is full and says so to everybody would be redialled by everybody, each second, for ever. A peer may
   * have several entries: it is in two lists, or answers at two addresses.
   */
  recordEnd(id: PeerId, at: number, wasUseful: boolean): void {
    for (const entry of this.#entries.values()) {
      if ((entry.id ?? entry.answeredBy)?.equals(id) === true) {
        entry.failures = wasUseful ? 0 : entry.brief
        entry.brief = wasUseful ? 0 : entry.brief + 1
        this.recordFailure(entry, at)
      }
    }
  }

  /** A dial has failed: the next one waits a little. */
  recordFailure(entry: ConfiguredEntry, at: number, error?: string): void {
    const policy = entry.persistence === 'seed' ? CANDIDATE_BACKOFF : PERSISTENT_BACKOFF
    entry.failures++
    entry.lastAttemptAt = at
    entry.nextAttemptAt = Math.max(
      entry.persistence === 'seed' ? entry.nextAttemptAt : 0,
      at + backoff(policy, entry.failures, this.rng)
    )
    if (error != null) {
      entry.lastError = error
    }
  }

  /** Forgets how long to wait: the world has changed. */
  clearBackoffs(): void {
    for (const entry of this.#entries.values()) {
      entry.nextAttemptAt = 0
    }
  }

  #index(): void {
    this.#byId.clear()
    for (const entry of this.#entries.values()) {
      const id = (entry.id ?? entry.answeredBy)?.toString()
      if (id != null && (entry.persistence !== 'seed' || !this.#byId.has(id))) {
        this.#byId.set(id, entry)
      }
    }
  }
}
