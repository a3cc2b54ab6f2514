import type { Clock, Timer } from './clock.js'

/** Records written at once: other writers of the database get their turn in between. */
const BATCH = 500

/** What a datastore calls a batch. */
export interface WriteBatch<K> {
  put(key: K, value: Uint8Array): unknown
  delete(key: K): unknown
  commit(): unknown
}

/** What a {@link RecordWriter} works with. */
export interface RecordWriterInit<K> {
  datastore: { batch(): WriteBatch<K> }
  clock: Clock
  /** Changes are written at the latest so long after they were made, in milliseconds. */
  delay: number
  keyOf: (name: string) => K
  /** The record of that name as it should be now; undefined if there should be none. */
  encode: (name: string) => Uint8Array | undefined
  /** Called before each write. @default nothing */
  prepare?: () => Promise<void>
}

/** Counters of a {@link RecordWriter}. */
export interface RecordWriterStats {
  /** Changes not yet written. */
  dirty: number
  /** Records written or deleted. */
  written: number
  /** Writes that failed; their changes are written again later. */
  writeErrors: number
}

/**
 * Collects the names of records that have changed, and writes the records in batches, soon. Nothing of it rejects: what
 * could not be written stays to be written.
 */
export class RecordWriter<K> {
  readonly dirty = new Set<string>()
  readonly #init: RecordWriterInit<K>
  /** By their keys as they were read: one that is no valid UTF-8 can't be made again from its text. */
  #garbage: readonly K[] = []
  #timer?: Timer | undefined
  #writing: Promise<void> | undefined
  #isClosed = false
  #written = 0
  #writeErrors = 0

  constructor(init: RecordWriterInit<K>) {
    this.#init = init
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Records that are of no use, to be deleted. */
  discard(keys: readonly K[]): void {
    this.#garbage = keys
    if (keys.length > 0) {
      this.schedule()
    }
  }

  /** The record of that name has changed. */
  note(name: string): void {
    if (!this.#isClosed) {
      this.dirty.add(name)
      this.schedule()
    }
  }

  stats(): RecordWriterStats {
    return { dirty: this.dirty.size, written: this.#written, writeErrors: this.#writeErrors }
  }

  /** Writes all changes made so far. */
  async flush(): Promise<void> {
    // Changes made while a write is under way may have been too late for it.
    await this.#writing
    this.#timer?.clear()
    this.#timer = undefined
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
    await this.#writing
  }

  /** Writes all changes, and takes no more of them. Closing again does nothing. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      await this.flush()
    }
    await this.#writing
  }

  /** Has a write made soon. */
  schedule(): void {
    if (!this.#isClosed && this.#timer == null) {
      this.#timer = this.#init.clock.setTimeout(() => {
        this.#timer = undefined
        void this.flush()
      }, this.#init.delay)
    }
  }

  async #write(): Promise<void> {
    try {
      await this.#init.prepare?.()
      await this.#deleteGarbage()
      await this.#writeDirty()
    } catch {
      this.#writeErrors++
      this.schedule()
    }
    if (this.dirty.size > 0 || this.#garbage.length > 0) {
      this.schedule()
    }
  }

  async #writeDirty(): Promise<void> {
    const { datastore, keyOf, encode } = this.#init
    while (this.dirty.size > 0) {
      const names = [...this.dirty].slice(0, BATCH)
      const batch = datastore.batch()
      for (const name of names) {
        this.dirty.delete(name)
        const value = encode(name)
        if (value == null) {
          batch.delete(keyOf(name))
        } else {
          batch.put(keyOf(name), value)
        }
      }
      try {
        await batch.commit()
      } catch (error) {
        for (const name of names) {
          this.dirty.add(name)
        }
        throw error
      }
      this.#written += names.length
    }
  }

  async #deleteGarbage(): Promise<void> {
    while (this.#garbage.length > 0) {
      const keys = this.#garbage.slice(0, BATCH)
      const batch = this.#init.datastore.batch()
      for (const key of keys) {
        batch.delete(key)
      }
      await batch.commit()
      this.#garbage = this.#garbage.slice(BATCH)
      this.#written += keys.length
    }
  }
}
