import { join } from 'node:path'
import { systemClock } from '@penin/interface'
import { ClassicLevel } from 'classic-level'
import { MemoryDatastore } from 'datastore-core'
import { makeFolder } from './data-folder.js'
import { DatastoreCorruptError, SchemaTooNewError } from './errors.js'
import { tell } from './events.js'
import { GuardedDatastore } from './guarded-datastore.js'
import { describe, faultOf, openErrorOf, rootCause } from './leveldb-errors.js'
import { createPeerRecordCheck } from './peer-records.js'
import { leavePidNote, readPidNote, removePidNote } from './pid-note.js'
import { SCHEMA_KEY, SCHEMA_VERSION, decodeSchema, encodeSchema } from './schema.js'
import { findMissingCurrent, folderId, setAside } from './set-aside.js'
import { findDamagedTable } from './table-check.js'
import type { CorruptEvent, StoreEventListener, StoreStats } from './events.js'
import type { Level } from './level-rows.js'
import type { OverlayLimits } from './overlay.js'
import type { Clock } from '@penin/interface'
import type { Datastore } from 'interface-datastore'

/** Options of {@link openStore}. */
export interface OpenStoreOptions {
  /** The folder of the node's files; made with mode 0700 when absent. Without it everything stays in memory. */
  dataDir?: string | undefined
  /** Gives up opening; a database that is open by then is closed again. */
  signal?: AbortSignal | undefined
  /** @default systemClock */
  clock?: Clock | undefined
  /** Told of damage and of a sick disk, also while {@link openStore} runs. What it throws is ignored. */
  onEvent?: StoreEventListener | undefined
  /** How much is kept in memory while the disk takes no writes. @default 1000 records, 4 MiB */
  overlay?: OverlayLimits | undefined
}

/** What a node remembers. */
export interface Store extends AsyncDisposable {
  /** For libp2p and for the parts of this project; see {@link GuardedDatastore} for what it guards against. */
  readonly datastore: Datastore
  /** The folder of the database; absent when in memory. */
  readonly path?: string
  /** The damage that was found on opening, if any: the store started empty. */
  readonly recovered?: CorruptEvent
  /** Counters since the store was opened. */
  stats(): StoreStats
  /** Writes what is only in memory, if possible, and closes the database. Closing again does nothing. Never rejects. */
  close(): Promise<void>
}

/** One to find the damage and one to open the new database; the others are for a node that does the same meanwhile. */
const OPEN_ATTEMPTS = 4

/** The fault of a database that opens but says nonsense, or of a folder that LevelDB would take for a new one. */
interface Damage {
  damage: string
  cause?: unknown
}

/**
 * Opens what a node remembers: one LevelDB in `<dataDir>/db`, or memory.
 *
 * A damaged database (found by LevelDB, by a check of all its checksums, or by its malformed schema record) is moved to
 * `<dataDir>/db.corrupt-<ms>`, of which the 3 newest are kept, and an empty one takes its place; `onEvent` and
 * {@link Store.recovered} say so. It is not repaired: what it holds is a cache, and the identity lies elsewhere.
 *
 * @throws DatastoreLockedError at once if the database is open elsewhere
 * @throws DatastoreReadOnlyError, DatastorePermissionError, DatastoreFullError, NotADirectoryError
 * @throws SchemaTooNewError if a newer program wrote it; no record was changed
 * @throws DatastoreCorruptError if it is damaged and can't be moved aside, or the new one is damaged too
 * @throws DatastoreOpenError for anything else
 */
export async function openStore(options: OpenStoreOptions = {}): Promise<Store> {
  options.signal?.throwIfAborted()
  if (options.dataDir === undefined) return memoryStore()
  const path = join(options.dataDir, 'db')
  const note = `${path}.pid`
  await requireFolder(options.dataDir)
  const { level, recovered } = await openLevel(path, note, options)
  await leavePidNote(note)
  const datastore = new GuardedDatastore({
    level,
    clock: options.clock ?? systemClock,
    onEvent: options.onEvent,
    isSoundPeerRecord: await createPeerRecordCheck(),
    ...(options.overlay === undefined ? {} : { overlay: options.overlay })
  })
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= Promise.all([datastore.close(), removePidNote(note)]).then(() => {})
    return closed
  }
  return {
    datastore,
    path,
    ...(recovered === undefined ? {} : { recovered }),
    stats: () => datastore.stats(),
    close,
    [Symbol.asyncDispose]: close
  }
}

function memoryStore(): Store {
  let state: StoreStats['state'] = 'ok'
  const none = { corruptRecords: 0, writeErrors: 0, readErrors: 0, overlayKeys: 0, overlayBytes: 0, droppedWrites: 0 }
  const close = (): Promise<void> => {
    state = 'closed'
    return Promise.resolve()
  }
  return {
    datastore: new MemoryDatastore(),
    stats: () => ({ state, ...none, reopens: 0 }),
    close,
    [Symbol.asyncDispose]: close
  }
}

async function requireFolder(path: string): Promise<void> {
  try {
    await makeFolder(path)
  } catch (err) {
    throw openErrorOf(err, path)
  }
}

/** Opens the database, or moves it aside and opens an empty one. */
async function openLevel(
  path: string,
  note: string,
  { signal, onEvent, clock = systemClock }: OpenStoreOptions
): Promise<{ level: Level; recovered: CorruptEvent | undefined }> {
  let recovered: CorruptEvent | undefined
  let last: Damage = { damage: 'unknown' }
  // Two nodes may find the same damage at once. One moves it away, and the other has to look again.
  for (let attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
    await requireFolder(path)
    const folder = await folderId(path)
    const found = await tryOpen(path, note, signal)
    if (!('damage' in found)) return { level: found, recovered }
    last = found
    const movedTo = await setAside(path, folder, found.damage, clock)
    if (movedTo === undefined) continue
    recovered = { type: 'corrupt', path, movedTo, cause: found.damage }
    tell(onEvent, recovered)
  }
  throw new DatastoreCorruptError(path, last.damage, { cause: last.cause })
}

async function tryOpen(path: string, note: string, signal?: AbortSignal): Promise<Level | Damage> {
  signal?.throwIfAborted()
  const damage = await findMissingCurrent(path)
  if (damage !== undefined) return { damage }
  // Compression off, as in datastore-level: peer records are keys and signatures, which don't compress.
  const level: Level = new ClassicLevel(path, { keyEncoding: 'utf8', valueEncoding: 'view', compression: false })
  try {
    await level.open()
    const malformed = await checkContents(level, signal)
    if (malformed === undefined) return level
    await level.close()
    return malformed
  } catch (err) {
    await level.close().catch(() => {})
    if (err instanceof SchemaTooNewError || signal?.aborted === true) throw err
    const cause = rootCause(err)
    if (faultOf(err) === 'corrupt') return { damage: describe(cause), cause }
    throw openErrorOf(err, path, faultOf(err) === 'locked' ? await readPidNote(note) : undefined)
  }
}

/** Says what is wrong with an opened database; marks a new one with the schema. */
async function checkContents(level: Level, signal?: AbortSignal): Promise<Damage | undefined> {
  const damage = await findDamagedTable(level, signal)
  if (damage !== undefined) return { damage }
  const record = await level.get(SCHEMA_KEY)
  const version = record === undefined ? undefined : decodeSchema(record)
  if (record !== undefined && version === undefined) return { damage: 'the schema record is malformed' }
  if (version !== undefined && version > SCHEMA_VERSION) {
    throw new SchemaTooNewError(level.location, version, SCHEMA_VERSION)
  }
  signal?.throwIfAborted()
  // A database without a schema is new, or was written by a plain libp2p: its peer records are good.
  if (record === undefined) await level.put(SCHEMA_KEY, encodeSchema(), { sync: true })
  return undefined
}
