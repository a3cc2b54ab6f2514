import { readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DatastoreCorruptError } from './errors.js'
import { describe, errorCode } from './leveldb-errors.js'
import type { Clock } from '@penin/interface'

/** Damaged databases kept for a look at what went wrong; older ones are deleted so that a sick disk can't fill itself. */
export const KEPT_CORRUPT_DATABASES = 3

/** What tells a folder from another one that has taken its place: undefined when there is none. */
export type FolderId = string | undefined

/** The identity of a folder. */
export async function folderId(path: string): Promise<FolderId> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

/**
 * Renames a damaged database to `<path>.corrupt-<wall-clock ms>` and deletes all but the newest
 * {@link KEPT_CORRUPT_DATABASES} of them. The number is always greater than those of the earlier ones, so that none is
 * overwritten and the newest is the newest even if the clock was set back.
 *
 * @param folder the database that is damaged: another one that has taken its place meanwhile is left alone
 * @returns where it stands now; undefined if another process has moved it away
 * @throws DatastoreCorruptError if it can't be renamed
 */
export async function setAside(
  path: string,
  folder: FolderId,
  damage: string,
  clock: Clock
): Promise<string | undefined> {
  const earlier = await stampsOf(path)
  const stamp = Math.max(Math.floor(clock.now()), (earlier[0] ?? 0) + 1)
  const movedTo = `${path}.corrupt-${stamp}`
  if ((await folderId(path)) !== folder) return undefined
  try {
    await rename(path, movedTo)
  } catch (cause) {
    if ((await folderId(path)) !== folder) return undefined
    throw new DatastoreCorruptError(path, damage, { cause })
  }
  if ((await folderId(movedTo)) !== folder) {
    // Somebody was faster by a hair, and this is the new database: put it back.
    await rename(movedTo, path).catch(() => {})
    return undefined
  }
  for (const old of earlier.slice(KEPT_CORRUPT_DATABASES - 1)) {
    // What can't be deleted is only a waste of space.
    await rm(`${path}.corrupt-${old}`, { recursive: true, force: true }).catch(() => {})
  }
  return movedTo
}

/** The numbers of the damaged databases that were kept, greatest first. */
async function stampsOf(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.corrupt-`
  const names = await readdir(dirname(path)).catch(() => [])
  return names
    .filter((name) => name.startsWith(prefix) && /^\d{1,15}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a)
}

/**
 * What LevelDB would not notice: without CURRENT it takes a folder for a new database and deletes the old tables. A folder
 * with CURRENT missing and neither tables nor logs is one whose very first opening was interrupted, and is sound.
 */
export async function findMissingCurrent(path: string): Promise<string | undefined> {
  try {
    const names = await readdir(path)
    if (!names.some((name) => /^\d+\.(?:ldb|sst|log)$/.test(name))) return undefined
    await stat(join(path, 'CURRENT'))
    return undefined
  } catch (err) {
    // Whatever else is wrong with the folder is found, and named, when it is opened.
    const missing = errorCode(err) === 'ENOENT' && (await folderId(path)) !== undefined
    return missing ? `CURRENT is missing: ${describe(err)}` : undefined
  }
}
