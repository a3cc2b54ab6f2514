import { NotFoundError } from '@libp2p/interface'
import { InvalidArgumentError, NotRunningError, printable } from '@penin/interface'
import { BaseDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { DatastoreReadError, DatastoreWriteError } from './errors.js'
import { tell } from './events.js'
import { plainBytes, readRows, readTextRows } from './level-rows.js'
import { describe, faultOf } from './leveldb-errors.js'
import { deletion } from './overlay.js'
import { PEER_PREFIX } from './peer-records.js'
import { SafeWriter } from './safe-writer.js'
import type { StoreEventListener, StoreStats } from './events.js'
import type { RowRange, TextRow } from './level-rows.js'
import type { WriteOp } from './overlay.js'
import type { PeerRecordCheck } from './peer-records.js'
import type { SafeWriterInit } from './safe-writer.js'
import type { AbortOptions } from '@libp2p/interface'
import type { Batch, KeyQuery, Pair, Query } from 'interface-datastore'

/** What a {@link GuardedDatastore} is made of. */
export interface GuardedDatastoreInit extends SafeWriterInit {
  /** Says whether a record under `/peers/` is sound. */
  isSoundPeerRecord: PeerRecordCheck
}

/**
 * A datastore over an opened LevelDB that a sick disk or a damaged record does not stop.
 *
 * - Keys and values lie in LevelDB just as `datastore-level` lays them (keys as UTF-8), so either can open the other's.
 * - A write that the disk does not take is kept in memory and written later: see {@link SafeWriter}.
 * - A record under `/peers/` that libp2p could not decode is deleted, counted, and as good as absent: for `get`, and
 *   for `query` before any filter of the query sees it.
 * - A read that meets a damaged table counts as "absent", and ends a query early, with a `read-failed` event.
 *
 * Queries read in chunks: a query that is never finished holds nothing open, and is not a snapshot.
 */
export class GuardedDatastore extends BaseDatastore {
  readonly #init: GuardedDatastoreInit
  readonly #writer: SafeWriter
  readonly #onEvent: StoreEventListener | undefined
  #corruptRecords = 0
  #readErrors = 0
  #closing: Promise<void> | undefined

  constructor(init: GuardedDatastoreInit) {
    super()
    this.#init = init
    this.#onEvent = init.onEvent
    this.#writer = new SafeWriter(init)
  }

  /** The counters as they are now. */
  stats(): StoreStats {
    const { overlay, degraded, writeErrors, reopens, lost } = this.#writer
    return {
      state: this.#closing !== undefined ? 'closed' : degraded ? 'degraded' : 'ok',
      corruptRecords: this.#corruptRecords,
      writeErrors,
      readErrors: this.#readErrors,
      overlayKeys: overlay.size,
      overlayBytes: overlay.bytes,
      droppedWrites: overlay.dropped + lost,
      reopens
    }
  }

  /** Writes what is still only in memory, if the disk takes it now, and closes the database. */
  close(): Promise<void> {
    this.#closing ??= this.#writer.close()
    return this.#closing
  }

  override async put(key: Key, value: Uint8Array, options?: AbortOptions): Promise<Key> {
    await this.#write([putOp(key, value)], options)
    return key
  }

  override async delete(key: Key, options?: AbortOptions): Promise<void> {
    await this.#write([deletion(key)], options)
  }

  override batch(): Batch {
    let ops: WriteOp[] = []
    return {
      put: (key, value) => {
        ops.push(putOp(key, value))
      },
      delete: (key) => {
        ops.push(deletion(key))
      },
      commit: async (options) => {
        const all = ops
        ops = []
        if (all.length > 0) await this.#write(all, options)
      }
    }
  }

  override async get(key: Key, options?: AbortOptions): Promise<Uint8Array> {
    const value = await this.#read(key.toString(), options)
    if (value === undefined || !(await this.#isSound(key, value))) throw new NotFoundError()
    return value
  }

  override async has(key: Key, options?: AbortOptions): Promise<boolean> {
    return (await this.#read(key.toString(), options)) !== undefined
  }

  /**
   * The rows from one key to another, many at a time: a query of many small rows spends most of its time on handing over
   * each of them. Otherwise it is like a query, but doesn't check peer records, and gives values as LevelDB does.
   *
   * @param from the first key, in ASCII
   * @param to the first key that is left out, in ASCII
   */
  async *rows(from: string, to: string, options?: AbortOptions): AsyncGenerator<TextRow[]> {
    this.#assertOpen(options)
    const { overlay } = this.#writer
    try {
      for await (const rows of readTextRows({ read: (fn) => this.#writer.read(fn), from, to })) {
        this.#assertOpen(options)
        yield overlay.size === 0 ? rows : rows.filter(([key]) => overlay.get(key) === undefined)
      }
    } catch (err) {
      this.#assertOpen(options)
      this.#countReadError(err)
    }
    this.#assertOpen(options)
    const kept: TextRow[] = []
    for (const change of overlay.changes()) {
      if (change.type === 'put' && change.key >= from && change.key < to) kept.push([change.key, change.value])
    }
    yield kept
  }

  override async *_all(q: Query, options?: AbortOptions): AsyncGenerator<Pair> {
    for await (const { key, value } of this.#rows(q.prefix, true, options)) {
      if (await this.#isSound(key, value)) yield { key, value }
    }
  }

  override async *_allKeys(q: KeyQuery, options?: AbortOptions): AsyncGenerator<Key> {
    for await (const { key } of this.#rows(q.prefix, false, options)) yield key
  }

  async #write(ops: WriteOp[], options?: AbortOptions): Promise<void> {
    this.#assertOpen(options)
    try {
      await this.#writer.write(ops)
    } catch (err) {
      throw new DatastoreWriteError(this.#init.level.location, describe(err), { cause: err })
    }
  }

  async #read(key: string, options?: AbortOptions): Promise<Uint8Array | undefined> {
    this.#assertOpen(options)
    const change = this.#writer.overlay.get(key)
    if (change !== undefined) return change.type === 'put' ? change.value : undefined
    try {
      const value = await this.#writer.read((level) => level.get(key))
      return value && plainBytes(value)
    } catch (err) {
      this.#assertOpen(options)
      this.#countReadError(err)
      if (faultOf(err) === 'corrupt') return undefined
      throw new DatastoreReadError(this.#init.level.location, describe(err), { cause: err })
    }
  }

  /** Every row under a prefix: those on disk in the order of their keys, then those that are only in memory. */
  async *#rows(prefix: string | undefined, values: boolean, options?: AbortOptions): AsyncGenerator<Pair> {
    this.#assertOpen(options)
    const { overlay } = this.#writer
    try {
      const read: RowRange['read'] = (fn) => this.#writer.read(fn)
      for await (const row of readRows({ read, prefix, values })) {
        this.#assertOpen(options)
        if (overlay.get(row.key.toString()) === undefined) yield row
      }
    } catch (err) {
      this.#assertOpen(options)
      this.#countReadError(err)
    }
    this.#assertOpen(options)
    for (const change of overlay.changes()) {
      if (change.type === 'put' && change.key.startsWith(prefix ?? '')) {
        yield { key: new Key(change.key, false), value: change.value }
      }
    }
  }

  async #isSound(key: Key, value: Uint8Array): Promise<boolean> {
    if (!key.toString().startsWith(PEER_PREFIX) || this.#init.isSoundPeerRecord(key, value)) return true
    this.#corruptRecords++
    tell(this.#onEvent, { type: 'corrupt-record', key: printable(key.toString()) })
    await this.#writer.drop(key, value)
    return false
  }

  #countReadError(err: unknown): void {
    this.#readErrors++
    if (this.#readErrors > 1) return
    tell(this.#onEvent, { type: 'read-failed', path: this.#init.level.location, cause: describe(err) })
  }

  #assertOpen(options?: AbortOptions): void {
    options?.signal?.throwIfAborted()
    if (this.#closing !== undefined) throw new NotRunningError('the store')
  }
}

function putOp(key: Key, value: Uint8Array): WriteOp {
  if (!(value instanceof Uint8Array)) throw new InvalidArgumentError('value', typeof value, 'a Uint8Array')
  return { type: 'put', key: key.toString(), value }
}
