import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from './leveldb-errors.js'

/**
 * Makes a folder for its owner only (mode 0700), with the folders above it. An existing one stays as it is.
 *
 * One by one: Node.js's recursive mkdir reports ENOENT for whatever keeps it from making the first missing folder, a
 * read-only file system for one, and never ends where the system says ENOENT for a folder whose parent is there (/proc).
 */
export async function makeFolder(path: string): Promise<void> {
  const parent = dirname(path)
  try {
    await mkdir(path, 0o700)
  } catch (err) {
    if (errorCode(err) === 'EEXIST' && (await isFolder(path))) {
      return
    }
    if (errorCode(err) !== 'ENOENT' || parent === path || (await isFolder(parent))) {
      throw err
    }
    await makeFolder(parent)
    await mkdir(path, 0o700)
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false
  )
}
