import { mkdir } from 'node:fs/promises'
import { errorCode } from './leveldb-errors.js'

/**
 * Makes a folder for its owner only (mode 0700), with the folders above it. An existing one stays as it is.
 *
 * Node.js reports ENOENT for whatever keeps its recursive mkdir from making the first missing folder, a read-only file
 * system for one. A plain mkdir of that same folder tells the true reason.
 */
export async function makeFolder(path: string): Promise<void> {
  const options = { recursive: true, mode: 0o700 }
  try {
    await mkdir(path, options)
  } catch (err) {
    const { path: missing } = err as NodeJS.ErrnoException
    if (errorCode(err) !== 'ENOENT' || missing === undefined) throw err
    await mkdir(missing, options.mode)
    await mkdir(path, options)
  }
}
