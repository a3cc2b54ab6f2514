import { canReopen } from './disk-probe.js'
import { tell } from './events.js'
import { errorCode, writeFailureOf } from './leveldb-errors.js'
import { deletion, Overlay } from './overlay.js'
import type { StoreEventListener, WriteFailure } from './events.js'
import type { Level } from './level-rows.js'
import type { OverlayLimits, WriteOp } from './overlay.js'
import type { Clock } from '@penin/interface'
import type { BatchOperation } from 'classic-level'
import type { Key } from 'interface-datastore'

type LevelOp = BatchOperation<Level, string | Uint8Array, Uint8Array>

/** What a {@link SafeWriter} needs. */
export interface SafeWriterInit {
  /** Opened already. */
  level: Level
  clock: Clock
  onEvent?: StoreEventListener | undefined
  /** How much is kept in memory while the disk takes no writes. */
  overlay?: OverlayLimits
  /** Says whether the database can be opened again and then take this many bytes. @default {@link canReopen} */
  probe?: (dir: string, bytes: number) => Promise<boolean>
}

/** How long to leave a sick disk alone before it is tried again, in milliseconds: a try costs a file and an fsync. */
export const PROBE_INTERVAL_MS = 5000

/** What a read gets when the database is closed under it. */
const INTERRUPTED: ReadonlySet<string> = new Set(['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_ITERATOR_NOT_OPEN'])

/**
 * Writes to LevelDB, one group of records after the other, and survives a disk that takes none.
 *
 * After one failed write LevelDB 1.20 accepts further writes and loses them: the log has a torn record in it, and what
 * comes after it is thrown away the next time the database is opened (or, if a compaction failed, it refuses every
 * write for ever). So after a failure nothing more is written to it. Changes go to a bounded {@link Overlay} in memory,
 * which readers ask first, until a later write finds that the disk is well: then the database is closed, opened (which
 * starts a new log), and given everything in the overlay. The writers wait for that; none of them sees an error.
 *
 * One group is under way at a time, and all that arrives meanwhile is the next group. So writes stay in order, and no
 * write can succeed after another has failed.
 */
export class SafeWriter {
  readonly overlay: Overlay
  /** Groups of writes that failed. */
  writeErrors = 0
  /** How often the database was opened again. */
  reopens = 0
  /** Changes that were only in memory when the database was closed. */
  lost = 0

  readonly #init: SafeWriterInit
  readonly #probe: NonNullable<SafeWriterInit['probe']>
  #degraded = false
  #nextProbe = 0
  #waiting: WriteOp[] = []
  #nextGroup: Promise<void> | undefined
  #lastGroup: Promise<unknown> = Promise.resolve()
  #reopening: Promise<boolean> | undefined

  constructor(init: SafeWriterInit) {
    this.#init = init
    this.#probe = init.probe ?? canReopen
    this.overlay = new Overlay(init.overlay)
  }

  /** Whether changes are kept in memory because the disk does not take them. */
  get degraded(): boolean {
    return this.#degraded
  }

  /** Resolves when the changes are in LevelDB or in the overlay. Rejects only for a reason that lies in the program. */
  write(ops: WriteOp[]): Promise<void> {
    for (const op of ops) this.#waiting.push(op)
    if (this.#nextGroup === undefined) {
      this.#nextGroup = this.#lastGroup.then(() => this.#writeGroup())
      this.#lastGroup = this.#nextGroup.catch(() => {})
    }
    return this.#nextGroup
  }

  /**
   * Reads from LevelDB with `fn`, after a reopening that is under way, and again if one began meanwhile.
   *
   * @returns undefined when the database could not be opened again, so that only the overlay is left
   */
  async read<T>(fn: (level: Level) => Promise<T>): Promise<T | undefined> {
    const { level } = this.#init
    for (;;) {
      await this.#reopening
      if (level.status !== 'open') return undefined
      try {
        return await fn(level)
      } catch (err) {
        if (!INTERRUPTED.has(errorCode(err))) throw err
      }
    }
  }

  /** Deletes a damaged record, by the bytes of its key, unless it has been replaced since it was read. */
  async drop(key: Key, value: Uint8Array): Promise<void> {
    const { level } = this.#init
    const text = key.toString()
    const change = this.overlay.get(text)
    if (this.#degraded || change !== undefined) {
      if (change === undefined || (change.type === 'put' && change.value === value)) {
        this.overlay.add([deletion(key)])
      }
      return
    }
    const bytes = key.uint8Array()
    try {
      const now = level.getSync(bytes, { keyEncoding: 'view', valueEncoding: 'view' })
      if (now !== undefined && Buffer.compare(now, value) === 0) await level.del(bytes, { keyEncoding: 'view' })
    } catch {
      // It stays where it is, and the next reader drops it.
    }
  }

  /** Waits for the writes under way, tries once more to write what is only in memory, and closes the database. */
  async close(): Promise<void> {
    await this.#lastGroup
    if (this.#degraded) await this.#recover()
    this.lost += this.overlay.size
    // Nothing is left to do about a database that can't even be closed; the process gives up its lock when it ends.
    await this.#init.level.close().catch(() => {})
  }

  async #writeGroup(): Promise<void> {
    const ops = this.#waiting
    this.#waiting = []
    this.#nextGroup = undefined
    if (this.#degraded) {
      this.overlay.add(ops)
      if (this.#init.clock.monotonic() >= this.#nextProbe) await this.#recover()
      return
    }
    try {
      await this.#commit(ops)
    } catch (err) {
      const reason = writeFailureOf(err)
      if (reason === undefined) throw err
      this.#degrade(reason, ops)
    }
  }

  async #commit(ops: WriteOp[]): Promise<void> {
    const { level } = this.#init
    const [first] = ops
    if (first === undefined) return
    if (ops.length > 1 || 'bytes' in first) await level.batch(ops.map(levelOp), {})
    else if (first.type === 'put') await level.put(first.key, first.value)
    else await level.del(first.key)
  }

  #degrade(reason: WriteFailure, ops: WriteOp[]): void {
    this.writeErrors++
    this.#degraded = true
    this.#nextProbe = this.#init.clock.monotonic() + PROBE_INTERVAL_MS
    this.overlay.add(ops)
    tell(this.#init.onEvent, { type: 'write-failed', reason, path: this.#init.level.location })
  }

  /** Runs between groups only, so the overlay changes under it by nothing but {@link SafeWriter.drop}. */
  async #recover(): Promise<void> {
    const { level, clock, onEvent } = this.#init
    this.#nextProbe = clock.monotonic() + PROBE_INTERVAL_MS
    if (!(await this.#probe(level.location, this.overlay.bytes).catch(() => false))) return
    this.#reopening = this.#reopen()
    const opened = await this.#reopening
    this.#reopening = undefined
    if (!opened) return
    const changes = this.overlay.changes()
    try {
      if (changes.length > 0) await level.batch(changes.map(levelOp), { sync: true })
    } catch {
      this.writeErrors++
      return
    }
    this.#degraded = false
    this.overlay.clear()
    tell(onEvent, { type: 'write-recovered', path: level.location, flushed: changes.length })
  }

  async #reopen(): Promise<boolean> {
    const { level } = this.#init
    try {
      await level.close()
      await level.open({ createIfMissing: false })
      this.reopens++
      return true
    } catch {
      return false
    }
  }
}

/** A change as classic-level's `batch` takes it. */
function levelOp(op: WriteOp): LevelOp {
  return op.type === 'del' && op.bytes != null ? { type: 'del', key: op.bytes, keyEncoding: 'view' } : op
}
