import { printable } from '@penin/interface'
import {
  DatastoreFullError,
  DatastoreLockedError,
  DatastoreOpenError,
  DatastorePermissionError,
  DatastoreReadOnlyError,
  NotADirectoryError
} from './errors.js'
import type { WriteFailure } from './events.js'
import type { PeninError } from '@penin/interface'

/**
 * What an error of LevelDB, or of the file system under it, means. LevelDB has no codes for these: it ends its message
 * in the C library's text for the error, which is English whatever the locale is, for Node.js sets none.
 */
export type Fault = 'locked' | 'full' | 'read-only' | 'permission' | 'not-a-directory' | 'corrupt' | 'io' | 'other'

const TEXTS: ReadonlyArray<readonly [RegExp, Fault]> = [
  [/No space left on device|Disk quota exceeded|File too large/i, 'full'],
  [/Read-only file system/i, 'read-only'],
  [/Permission denied|Operation not permitted/i, 'permission'],
  [/Input\/output error/i, 'io'],
  // A file that CURRENT or the manifest names is absent, too short, or its name is nonsense.
  [/No such file|Invalid argument|Is a directory|Not a directory|File name too long|symbolic links/i, 'corrupt']
]

const CODES: Readonly<Record<string, Fault>> = {
  LEVEL_LOCKED: 'locked',
  LEVEL_CORRUPTION: 'corrupt',
  // The folder was there a moment ago: it vanished under the open.
  ENOENT: 'corrupt',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EROFS: 'read-only',
  EACCES: 'permission',
  EPERM: 'permission',
  ENOTDIR: 'not-a-directory',
  EEXIST: 'not-a-directory',
  EIO: 'io'
}

/** The error that abstract-level wrapped into LEVEL_DATABASE_NOT_OPEN, or the error itself. */
export function rootCause(err: unknown): unknown {
  const wrapped = err instanceof Error && errorCode(err) === 'LEVEL_DATABASE_NOT_OPEN' && err.cause instanceof Error
  return wrapped ? err.cause : err
}

/** The `code` of an error of Node.js or classic-level; an empty string if it has none. */
export function errorCode(err: unknown): string {
  const code = (err as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** One line that says what `err` is, safe for a terminal. */
export function describe(err: unknown): string {
  return printable(err instanceof Error ? err.message : String(err), 300)
}

/** Says what an error of LevelDB or of a file operation means. */
export function faultOf(err: unknown): Fault {
  const cause = rootCause(err)
  const code = errorCode(cause)
  const known = CODES[code]
  if (known !== undefined) return known
  // Only a message of LevelDB is searched: a system error without an entry above is nothing we can name.
  if (code !== 'LEVEL_IO_ERROR' && !(code === '' && cause instanceof Error)) return 'other'
  const text = describe(cause)
  return TEXTS.find(([pattern]) => pattern.test(text))?.[1] ?? (code === 'LEVEL_IO_ERROR' ? 'io' : 'other')
}

/** Why a write failed, or undefined when the disk is not to blame. */
export function writeFailureOf(err: unknown): WriteFailure | undefined {
  switch (faultOf(err)) {
    case 'full':
      return 'disk-full'
    case 'read-only':
    case 'permission':
      return 'read-only'
    case 'corrupt':
      return 'corrupt'
    case 'io':
      return 'io'
    default:
      return undefined
  }
}

/** The typed error for a failed open. A damaged database is the caller's business and ends here as DatastoreOpenError. */
export function openErrorOf(err: unknown, path: string, pid?: number): PeninError {
  const cause = rootCause(err)
  switch (faultOf(err)) {
    case 'locked':
      return new DatastoreLockedError(path, pid, { cause })
    case 'full':
      return new DatastoreFullError(path, { cause })
    case 'read-only':
      return new DatastoreReadOnlyError(path, { cause })
    case 'permission':
      return new DatastorePermissionError(path, { cause })
    case 'not-a-directory':
      return new NotADirectoryError(path, { cause })
    default:
      return new DatastoreOpenError(path, describe(cause), { cause })
  }
}
