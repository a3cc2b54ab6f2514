import { RecordWriter, systemClock, systemRng, type Clock, type RecordWriterStats } from '@penin/interface'
import { Key } from 'interface-datastore'
import { GuardedDatastore } from '../guarded-datastore.js'
import { AddressBook } from './address-book.js'
import { DEFAULT_MAX_SIZE, MAX_BANS, MAX_MARKS } from './parameters.js'
import {
  decodeAnchors,
  decodeBan,
  decodeEntry,
  decodeKey,
  decodeMarks,
  encodeAnchors,
  encodeBan,
  encodeEntry,
  encodeKey,
  encodeMarks
} from './records.js'
import { SIPHASH_KEY_BYTES } from './siphash.js'
import type { AddressBookInit, BookPart } from './types.js'
import type { BookSnapshot, StoredEntry } from './entry.js'
import type { AbortOptions } from '@libp2p/interface'
import type { Datastore } from 'interface-datastore'

/** The prefix of the address book's records. */
export const BOOK_PREFIX = '/penin/book/'

const ENTRY_PREFIX = `${BOOK_PREFIX}entry/`

/**
 * Changes are written at the latest so long after they were made, in milliseconds: half of the second that a crash may
 * cost, for the write itself takes time too. Lower is more writes, higher is more loss.
 */
export const FLUSH_DELAY = 500

/** More records than a book can have are damage or somebody else's: the rest is not read. */
const MAX_ROWS = 2 * (DEFAULT_MAX_SIZE + MAX_MARKS + MAX_BANS)

/** More unwritten changes than this, on a disk that takes none, are given up for one writing of everything. */
const MAX_DIRTY = 2 * MAX_ROWS

/** Options of {@link openAddressBook}. */
export interface OpenAddressBookOptions extends Omit<AddressBookInit, 'secret' | 'onChange'>, AbortOptions {
  datastore: Datastore
}

/** What was found on the disk. */
export interface LoadReport {
  entries: number
  bans: number
  marks: number
  /** Records that were damaged or of no use any more; they are deleted. */
  dropped: number
  /** The secret key was absent or damaged: there is a new one, and all entries were placed anew. */
  newKey: boolean
  /** The database could not be read (to its end); the book has what was read. */
  failure?: string
}

/** Counters of a {@link StoredAddressBook}. */
export type BookStorageStats = RecordWriterStats

/** An address book that a datastore remembers. */
export interface StoredAddressBook extends AsyncDisposable {
  readonly book: AddressBook
  readonly loaded: LoadReport
  stats(): BookStorageStats
  /** Writes all changes made so far. It never rejects: what could not be written stays to be written. */
  flush(): Promise<void>
  /** Writes all changes and stops; the datastore stays open. Closing again does nothing. Never rejects. */
  close(): Promise<void>
}

/**
 * Opens the address book in a datastore. Whatever lies there, it opens: damaged records are dropped and counted, a
 * damaged key is replaced, and a datastore that can't be read gives an empty book.
 *
 * @throws the reason of `signal`, and InvalidArgumentError for a `maxSize` below 1
 */
export async function openAddressBook(options: OpenAddressBookOptions): Promise<StoredAddressBook> {
  const { datastore, clock = systemClock, rng = systemRng, signal, onRemoved, ...init } = options
  const rows = await readAll(datastore, signal)
  const secret = rows.key ?? rng.bytes(SIPHASH_KEY_BYTES)
  const writer = new BookWriter(datastore, clock)
  let isLoaded = false
  const book = new AddressBook({
    ...init,
    clock,
    rng,
    secret,
    onChange: (part, id) => {
      writer.change(part, id)
    },
    onRemoved: (id) => {
      if (isLoaded) {
        onRemoved?.(id)
      }
    }
  })
  const restored = await restoreAll(book, rows, signal)
  isLoaded = true
  writer.loaded(book, secret, rows, restored.changed)
  const loaded: LoadReport = {
    entries: restored.restored,
    bans: book.stats().bans,
    marks: rows.marks.length,
    dropped: rows.garbage.length + restored.dropped,
    newKey: rows.key == null,
    ...(rows.failure == null ? {} : { failure: rows.failure })
  }
  return {
    book,
    loaded,
    stats: () => writer.stats(),
    flush: async () => writer.flush(),
    close: async () => writer.close(),
    [Symbol.asyncDispose]: async () => writer.close()
  }
}

type BookRow = readonly [text: string, value: Uint8Array, key?: Key]

/** What lies on the disk, the entries not decoded yet: there are many, and each is when the book takes it. */
interface Rows extends Omit<BookSnapshot, 'entries'> {
  /** In parts, that may still have to be read. */
  entries: Iterable<readonly BookRow[]> | AsyncIterable<readonly BookRow[]>
  key?: Uint8Array
  /** Keys of records that are of no use. */
  garbage: Key[]
  failure?: string
}

/** The first key after all of a prefix that ends in a slash. */
const after = (prefix: string): string => `${prefix.slice(0, -1)}0`

/** Reads all but the entries, on which the places and the rights of entries depend, and then the entries. */
async function readAll(datastore: Datastore, signal: AbortSignal | undefined): Promise<Rows> {
  signal?.throwIfAborted()
  const rows: Rows = { entries: [], bans: [], marks: [], anchors: [], garbage: [] }
  const options = signal == null ? {} : { signal }
  try {
    if (datastore instanceof GuardedDatastore) {
      await readOthers(rows, datastore.rows(BOOK_PREFIX, ENTRY_PREFIX, options))
      await readOthers(rows, datastore.rows(after(ENTRY_PREFIX), after(BOOK_PREFIX), options))
      rows.entries = datastore.rows(ENTRY_PREFIX, after(ENTRY_PREFIX), options)
    } else {
      const entries: BookRow[] = []
      rows.entries = [entries]
      await readByQuery(rows, entries, datastore, signal)
    }
  } catch (error) {
    signal?.throwIfAborted()
    rows.failure = String(error)
  }
  return rows
}

async function readOthers(rows: Rows, chunks: AsyncIterable<readonly BookRow[]>): Promise<void> {
  let left = MAX_ROWS
  for await (const chunk of chunks) {
    for (const [text, value, key] of chunk) {
      if (!readOther(rows, text.slice(BOOK_PREFIX.length), value)) {
        rows.garbage.push(key ?? new Key(text, false))
      }
    }
    left -= chunk.length
    if (left <= 0) {
      return
    }
  }
}

async function readByQuery(
  rows: Rows,
  entries: BookRow[],
  datastore: Datastore,
  signal: AbortSignal | undefined
): Promise<void> {
  let left = MAX_ROWS
  for await (const { key, value } of datastore.query({ prefix: BOOK_PREFIX }, signal == null ? {} : { signal })) {
    signal?.throwIfAborted()
    const text = key.toString()
    if (text.startsWith(ENTRY_PREFIX)) {
      entries.push([text, value, key])
    } else if (!readOther(rows, text.slice(BOOK_PREFIX.length), value)) {
      rows.garbage.push(key)
    }
    if (--left === 0) {
      return
    }
  }
}

/** Gives the book all that was read. */
async function restoreAll(
  book: AddressBook,
  rows: Rows,
  signal: AbortSignal | undefined
): Promise<ReturnType<AddressBook['restore']>> {
  const { bans, marks, anchors, garbage } = rows
  const total = book.restore({ entries: [], bans, marks, anchors })
  let left = MAX_ROWS
  try {
    for await (const chunk of rows.entries) {
      signal?.throwIfAborted()
      const { restored, dropped, changed } = book.restore({ ...NOTHING, entries: storedEntries(chunk, garbage) })
      total.restored += restored
      total.dropped += dropped
      total.changed.push(...changed)
      left -= chunk.length
      if (left <= 0) {
        break
      }
    }
  } catch (error) {
    signal?.throwIfAborted()
    rows.failure = String(error)
  }
  return total
}

const NOTHING: Omit<BookSnapshot, 'entries'> = { bans: [], marks: [], anchors: [] }

/** Decodes entries, one after the other. */
function* storedEntries(chunk: readonly BookRow[], garbage: Key[]): Generator<StoredEntry> {
  for (const row of chunk) {
    const entry = decodeEntry(row[0].slice(ENTRY_PREFIX.length), row[1], true)
    if (entry == null) {
      garbage.push(row[2] ?? new Key(row[0], false))
    } else {
      yield entry
    }
  }
}

function readOther(rows: Rows, name: string, value: Uint8Array): boolean {
  const [part = '', id = ''] = name.split('/')
  const { bans, marks } = rows
  switch (part) {
    case 'ban': {
      const until = decodeBan(id, value)
      return pushIfFound(bans, until == null ? undefined : { id, until })
    }
    case 'marks': {
      const found = decodeMarks(id, value)
      return pushIfFound(marks, found == null ? undefined : { id, marks: found })
    }
    case 'anchors': {
      const found = decodeAnchors(value)
      rows.anchors = found ?? []
      return found != null
    }
    case 'key': {
      const found = decodeKey(value)
      rows.key = found ?? rows.key
      return found != null
    }
    default:
      return false
  }
}

function pushIfFound<T>(list: T[], item: T | undefined): boolean {
  if (item != null) {
    list.push(item)
  }
  return item != null
}

/** Writes what changes; on a disk that takes nothing it gives up to remember what, and writes everything later. */
class BookWriter {
  readonly #datastore: Datastore
  readonly #writer: RecordWriter<Key>
  #book?: AddressBook
  #secret = new Uint8Array()
  #all = false

  constructor(datastore: Datastore, clock: Clock) {
    this.#datastore = datastore
    this.#writer = new RecordWriter({
      datastore,
      clock,
      delay: FLUSH_DELAY,
      keyOf: (name) => new Key(`${BOOK_PREFIX}${name}`),
      encode: (name) => this.#encode(name),
      prepare: async () => this.#collectAll()
    })
  }

  /**
   * Begins to note changes. What was restored as it lay on the disk need not be written again; the rest (`changed`) must
   * be, or be deleted.
   */
  loaded(book: AddressBook, secret: Uint8Array, { bans, garbage, key }: Rows, changed: readonly string[]): void {
    this.#book = book
    this.#secret = Uint8Array.from(secret)
    if (key == null) {
      this.#note('key')
    }
    this.#writer.discard(garbage)
    for (const id of changed) {
      this.#note(`entry/${id}`)
    }
    for (const { id } of bans) {
      if (book.storedBan(id) == null) {
        this.#note(`ban/${id}`)
      }
    }
  }

  change(part: BookPart, id: string): void {
    if (this.#book == null) {
      return
    }
    this.#note(part === 'anchors' ? part : `${part}/${id}`)
  }

  stats(): BookStorageStats {
    return this.#writer.stats()
  }

  async flush(): Promise<void> {
    await this.#writer.flush()
  }

  async close(): Promise<void> {
    await this.#writer.close()
  }

  #note(name: string): void {
    if (this.#all) {
      return
    }
    this.#writer.note(name)
    if (this.#writer.dirty.size > MAX_DIRTY) {
      this.#writer.dirty.clear()
      this.#all = true
    }
  }

  /** Once it was given up: marks everything as changed, what the book holds, and what lies on the disk. */
  async #collectAll(): Promise<void> {
    if (!this.#all) {
      return
    }
    const names = new Set(['key', 'anchors'])
    for await (const key of this.#datastore.queryKeys({ prefix: BOOK_PREFIX })) {
      names.add(key.toString().slice(BOOK_PREFIX.length))
    }
    const { entries, bans, marks } = this.#book?.snapshot() ?? { entries: [], bans: [], marks: [] }
    const parts = [['entry', entries] as const, ['ban', bans] as const, ['marks', marks] as const]
    for (const [part, items] of parts) {
      for (const { id } of items) {
        names.add(`${part}/${id}`)
      }
    }
    this.#all = false
    for (const name of names) {
      this.#writer.dirty.add(name)
    }
  }

  /** The record of that name as it should be now; undefined if there should be none. */
  #encode(name: string): Uint8Array | undefined {
    const book = this.#book
    const [part, id = '', ...rest] = name.split('/')
    if (book == null || rest.length > 0) {
      return undefined
    }
    switch (part) {
      case 'entry': {
        const entry = book.stored(id)
        return entry == null ? undefined : encodeEntry(entry)
      }
      case 'ban': {
        const until = book.storedBan(id)
        return until == null ? undefined : encodeBan(id, until)
      }
      case 'marks': {
        const marks = book.marks(id)
        return Object.keys(marks).length === 0 ? undefined : encodeMarks(id, marks)
      }
      case 'anchors':
        return name === part && book.anchorIds().length > 0 ? encodeAnchors(book.anchorIds()) : undefined
      case 'key':
        return name === part ? encodeKey(this.#secret) : undefined
      default:
        return undefined
    }
  }
}
