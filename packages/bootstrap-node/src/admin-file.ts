import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AdminFileError } from './errors.js'

/** The file in a data directory that says how to reach the node that runs there. */
export const ADMIN_FILE = 'admin.json'

/** What {@link ADMIN_FILE} holds. Who can read it may control the node. */
export interface AdminFile {
  url: string
  token: string
  pid: number
}

/**
 * Writes the file with mode 0600, in one step: a reader sees the old one or the new one. A stale one is replaced.
 *
 * @throws AdminFileError
 */
export async function writeAdminFile(dataDir: string, content: AdminFile): Promise<void> {
  const path = join(dataDir, ADMIN_FILE)
  const draft = `${path}.new`
  try {
    await rm(draft, { force: true }) // left by a process that was killed; it may have another mode
    await writeFile(draft, `${JSON.stringify(content)}\n`, { mode: 0o600, flag: 'wx' })
    await rename(draft, path)
  } catch (error) {
    throw new AdminFileError(path, `cannot be written (${codeOf(error)})`, { cause: error })
  }
}

/** Removes the file if it is still what was written; a successor's stays. Never rejects. */
export async function removeAdminFile(dataDir: string, written: AdminFile): Promise<void> {
  try {
    const found = await readAdminFile(dataDir)
    if (found?.pid === written.pid && found.token === written.token) {
      await rm(join(dataDir, ADMIN_FILE), { force: true })
    }
  } catch {
    // Unreadable by now: somebody else's business. A stale file does no harm, the next start replaces it.
  }
}

/** Removes what a killed process has left. Only for whoever holds the data directory, since it asks nothing. */
export async function discardAdminFile(dataDir: string): Promise<void> {
  await rm(join(dataDir, ADMIN_FILE), { force: true }).catch(() => undefined)
}

/**
 * Reads the file.
 *
 * @returns nothing if there is none: no node runs there, or one without an admin endpoint
 * @throws AdminFileError
 */
export async function readAdminFile(dataDir: string): Promise<AdminFile | undefined> {
  const path = join(dataDir, ADMIN_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return undefined
    }
    throw new AdminFileError(path, `cannot be read (${code})`, { cause: error })
  }
  const content = parse(text)
  if (content == null) {
    throw new AdminFileError(path, 'is no admin file; start the node again')
  }
  return content
}

function parse(text: string): AdminFile | undefined {
  try {
    const { url, token, pid } = JSON.parse(text) as Partial<Record<keyof AdminFile, unknown>>
    const usable = typeof url === 'string' && url.startsWith('http://') && URL.canParse(url)
    return usable && typeof token === 'string' && typeof pid === 'number' ? { url, token, pid } : undefined
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'error'
}
