import { readFile, rm, writeFile } from 'node:fs/promises'

/**
 * A note beside the database that says which process has it open. It is no lock (LevelDB has its own), only what makes
 * the message about a locked database useful. Nothing depends on it, so no failure here is an error.
 */
export async function leavePidNote(path: string): Promise<void> {
  await writeFile(path, `${process.pid}\n`, { mode: 0o600 }).catch(() => {})
}

/** Takes the note away. */
export async function removePidNote(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => {})
}

/** The process in the note, if it is alive; a note that a killed process left behind names nobody. */
export async function readPidNote(path: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(path, 'utf8'), 10)
    if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
    process.kill(pid, 0)
    return pid
  } catch {
    return undefined
  }
}
