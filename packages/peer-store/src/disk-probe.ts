import { open, readdir, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** What LevelDB writes besides the records when it opens: a manifest, a log, CURRENT, its own LOG. */
const OPEN_OVERHEAD_BYTES = 128 * 1024

/** One block of every common file system: enough to learn that a file can't be written. */
const PROBE_BYTES = 4096

/**
 * Says whether a database can be closed and opened again without getting stuck in between: opening turns the log into a
 * table, so as much space as the logs take must be free, and a file must be writable and reach the disk.
 *
 * @param dir the folder of the database
 * @param extraBytes what is to be written right afterwards
 */
export async function canReopen(dir: string, extraBytes: number): Promise<boolean> {
  const probe = join(dir, 'probe.tmp')
  try {
    const { bavail, bsize } = await statfs(dir)
    if (bavail * bsize < OPEN_OVERHEAD_BYTES + extraBytes + (await logBytes(dir))) return false
    const handle = await open(probe, 'w', 0o600)
    try {
      await handle.write(Buffer.alloc(PROBE_BYTES))
      await handle.sync()
    } finally {
      await handle.close()
    }
    return true
  } catch {
    return false
  } finally {
    await rm(probe, { force: true }).catch(() => {})
  }
}

async function logBytes(dir: string): Promise<number> {
  const logs = (await readdir(dir)).filter((name) => name.endsWith('.log'))
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(dir, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
