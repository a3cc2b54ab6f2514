import { RecordWriter, systemClock, type Clock, type RecordWriterStats } from '@penin/interface'
import { Key } from 'interface-datastore'
import { FLUSH_DELAY, MAX_BANS, MAX_GROUP_BANS, MAX_PEERS, SWEEP_INTERVAL } from './parameters.js'
import { decodeBan, decodePeer, encodeBan, encodePeer } from './records.js'
import { Reputation } from './reputation.js'
import type { ReputationSnapshot, RestoreReport } from './snapshot.js'
import type { ReputationInit, ReputationPart } from './types.js'
import type { AbortOptions } from '@libp2p/interface'
import type { Datastore } from 'interface-datastore'

/** The prefix of the reputation's records. */
export const REPUTATION_PREFIX = '/penin/reputation/'

/** More records than there can be are damage or somebody else's: the rest is not read. */
function maxRows(maxPeers: number): number {
  return 2 * (maxPeers + MAX_BANS + MAX_GROUP_BANS)
}

/** Options of {@link openReputation}. */
export interface OpenReputationOptions extends Pick<ReputationInit, 'clock' | 'maxPeers'>, AbortOptions {
  datastore: Datastore
}

/** What was found on the disk. `dropped` were damaged or of no use any more; they are deleted. */
export interface ReputationLoadReport extends RestoreReport {
  /** The database could not be read (to its end). */
  failure?: string
}

/** A reputation that a datastore remembers. */
export interface StoredReputation extends AsyncDisposable {
  readonly reputation: Reputation
  readonly loaded: ReputationLoadReport
  stats(): RecordWriterStats
  /** Writes all changes made so far. It never rejects: what could not be written stays to be written. */
  flush(): Promise<void>
  /** Writes everything and stops; the datastore stays open. Closing again does nothing. Never rejects. */
  close(): Promise<void>
}

/**
 * Opens the reputation in a datastore. Whatever lies there, it opens: damaged records are dropped and counted, and a
 * datastore that can't be read gives an empty one. Reports, bans and trust are on the disk within a second; of the parts
 * of a score a crash may take one point.
 *
 * @throws the reason of `signal`, and InvalidArgumentError for a `maxPeers` below 1
 */
export async function openReputation(options: OpenReputationOptions): Promise<StoredReputation> {
  const { datastore, clock = systemClock, maxPeers = MAX_PEERS, signal } = options
  const limit = maxRows(maxPeers)
  const rows = await readAll(datastore, clock, limit, signal)
  let onChange = (_part: ReputationPart, _key: string): void => undefined
  const reputation = new Reputation({
    maxPeers,
    clock,
    onChange: (part, key) => {
      onChange(part, key)
    }
  })
  const report = reputation.import(rows.snapshot)
  const writer = new ReputationWriter(datastore, clock, reputation, limit)
  writer.loaded(rows.snapshot, rows.garbage)
  onChange = (part, key) => {
    writer.note(nameOf(part, key))
  }
  const loaded: ReputationLoadReport = {
    ...report,
    dropped: report.dropped + rows.garbage.length,
    ...(rows.failure == null ? {} : { failure: rows.failure })
  }
  const sweeping = clock.setInterval(() => {
    reputation.sweep()
  }, SWEEP_INTERVAL)
  const close = async (): Promise<void> => {
    sweeping.clear()
    await writer.close()
  }
  return {
    reputation,
    loaded,
    stats: () => writer.stats(),
    flush: async () => writer.flush(),
    close,
    [Symbol.asyncDispose]: close
  }
}

/** A group's name is escaped: that of an IPv6 /64 has a slash in it. */
function nameOf(part: ReputationPart, key: string): string {
  return `${part}/${encodeURIComponent(key)}`
}

interface Rows {
  snapshot: ReputationSnapshot
  /** Keys of records that are of no use. */
  garbage: Key[]
  failure?: string
}

async function readAll(
  datastore: Datastore,
  clock: Clock,
  limit: number,
  signal: AbortSignal | undefined
): Promise<Rows> {
  signal?.throwIfAborted()
  const snapshot: ReputationSnapshot = { version: 1, savedAt: clock.now(), peers: {}, bans: {}, groups: {} }
  const rows: Rows = { snapshot, garbage: [] }
  let left = limit
  try {
    for await (const { key, value } of datastore.query(
      { prefix: REPUTATION_PREFIX },
      signal == null ? {} : { signal }
    )) {
      signal?.throwIfAborted()
      if (!readRow(snapshot, key.toString().slice(REPUTATION_PREFIX.length), value)) {
        rows.garbage.push(key)
      }
      if (--left === 0) {
        break
      }
    }
  } catch (error) {
    signal?.throwIfAborted()
    rows.failure = String(error)
  }
  return rows
}

function readRow({ peers, bans, groups }: ReputationSnapshot, name: string, value: Uint8Array): boolean {
  const [part = '', escaped = ''] = name.split('/')
  const key = unescaped(escaped)
  if (part === 'peer') {
    return put(peers, key, decodePeer(name, value))
  }
  if (part === 'ban' || part === 'group') {
    return put(part === 'ban' ? bans : groups, key, decodeBan(name, value))
  }
  return false
}

function put<T>(into: Record<string, T>, key: string | undefined, value: T | undefined): boolean {
  if (key == null || value == null) {
    return false
  }
  into[key] = value
  return true
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Writes what changes, and deletes what lies on the disk without being of use. */
class ReputationWriter {
  readonly #writer: RecordWriter<Key>
  readonly #reputation: Reputation
  /** Unwritten changes. */
  readonly #limit: number

  constructor(datastore: Datastore, clock: Clock, reputation: Reputation, limit: number) {
    this.#limit = limit
    this.#reputation = reputation
    this.#writer = new RecordWriter({
      datastore,
      clock,
      delay: FLUSH_DELAY,
      keyOf: (name) => new Key(`${REPUTATION_PREFIX}${name}`),
      encode: (name) => this.#encode(name)
    })
  }

  /** What lies on the disk and was not taken over is to be deleted. */
  loaded({ peers, bans, groups }: ReputationSnapshot, garbage: Key[]): void {
    const parts = [['peer', peers] as const, ['ban', bans] as const, ['group', groups] as const]
    for (const [part, members] of parts) {
      for (const key of Object.keys(members)) {
        if (this.#valueOf(part, key) == null) {
          this.note(nameOf(part, key))
        }
      }
    }
    this.#writer.discard(garbage)
  }

  note(name: string): void {
    this.#writer.note(name)
    if (this.#writer.dirty.size > this.#limit) {
      this.#forgetDeletions()
    }
  }

  stats(): RecordWriterStats {
    return this.#writer.stats()
  }

  async flush(): Promise<void> {
    await this.#writer.flush()
  }

  async close(): Promise<void> {
    if (!this.#writer.isClosed) {
      this.#reputation.saveAll()
    }
    await this.#writer.close()
  }

  /**
   * A disk that takes no writes while ids come and go: deletions are given up, since only they have no other bound. What
   * then stays on the disk is read at the next start, and thinned out like everything else.
   */
  #forgetDeletions(): void {
    const { dirty } = this.#writer
    for (const name of dirty) {
      if (this.#encode(name) == null) {
        dirty.delete(name)
      }
    }
  }

  /** The record of that name as it should be now; undefined if there should be none. */
  #encode(name: string): Uint8Array | undefined {
    const [part, escaped = ''] = name.split('/')
    const key = unescaped(escaped)
    return key == null ? undefined : this.#valueOf(part as ReputationPart, key)
  }

  #valueOf(part: ReputationPart, key: string): Uint8Array | undefined {
    const name = nameOf(part, key)
    if (part === 'peer') {
      const peer = this.#reputation.storedPeer(key)
      return peer == null ? undefined : encodePeer(name, peer)
    }
    const ban = this.#reputation.storedBan(part, key)
    return ban == null ? undefined : encodeBan(name, ban)
  }
}
