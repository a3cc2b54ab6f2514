import { readlink, rm, symlink, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { wait, type Clock, type Rng } from '@penin/interface'
import { LegacyStateConflictError, LegacyStateUnwritableError } from './errors.js'
import { inTime } from './in-time.js'

/** Between two looks at a lock that somebody else holds; a save takes a few milliseconds. */
const POLL = 20

/** A lock that one and the same holder has kept for so many milliseconds is a dead one's. A save waits for little more. */
const STALE = 10_000

/** Holders to wait for, one after the other. */
const MAX_WAIT = 30_000

/** File systems and systems that make no symbolic links: there, saving works without a lock. */
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']

/** Of something else that bears the lock's name, and is not ours to take away. */
const NOBODY = 'something that is no lock'

export interface LockTools {
  clock: Clock
  rng: Rng
  signal?: AbortSignal | undefined
}

/** The saves of this process, one behind the other for each file. */
const queues = new Map<string, Promise<void>>()

/**
 * Runs `work` while no other program of this kind works on the same file. The lock is a symbolic link beside the file
 * whose target names its holder: made and filled in one step, and seen through when its holder was killed. A Python
 * node knows nothing of it.
 *
 * @param work gets the path of a temporary file that is the holder's alone. It vanishes when the lock is taken for a dead
 * one's: a program that was only stopped for long can then no longer put it in place
 * @throws LegacyStateConflictError, LegacyStateUnwritableError, or the signal's reason
 */
export async function withLock<T>(path: string, tools: LockTools, work: (temp: string) => Promise<T>): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve()
  const turn = Promise.withResolvers<void>()
  const end = Promise.all([before, turn.promise]).then(() => {
    if (queues.get(path) === end) {
      queues.delete(path)
    }
  })
  queues.set(path, end)
  try {
    await inTime(before, tools.signal)
    const lock = `${path}.lock`
    const holder = await acquire(path, lock, tools)
    try {
      return await work(tempOf(path, holder))
    } finally {
      if (holder != null) {
        await release(lock, holder)
      }
    }
  } finally {
    turn.resolve()
  }
}

/** In the same folder, so that it can be renamed. */
function tempOf(path: string, holder: string | undefined): string {
  const mark = /[0-9a-f]{16}$/.exec(holder ?? '')?.[0] ?? 'penin'
  return join(dirname(path), `.${basename(path)}.${mark}.tmp`)
}

/** What the lock says of us; undefined where there can be no lock. */
async function acquire(path: string, lock: string, { clock, rng, signal }: LockTools): Promise<string | undefined> {
  const own = `${process.pid}@${hostname()}:${Buffer.from(rng.bytes(8)).toString('hex')}`
  const began = clock.monotonic()
  let seen: { holder: string; at: number } | undefined
  for (;;) {
    signal?.throwIfAborted()
    try {
      await symlink(own, lock)
      return own
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code != null && NO_LINKS.includes(code)) {
        return undefined
      }
      if (code !== 'EEXIST') {
        throw new LegacyStateUnwritableError(path, code ?? 'no lock', { cause: error })
      }
    }
    const holder = await holderOf(lock)
    const now = clock.monotonic()
    if (holder !== seen?.holder) {
      seen = holder == null ? undefined : { holder, at: now }
    }
    if (seen != null && seen.holder !== NOBODY && (isDead(seen.holder) || now - seen.at >= STALE)) {
      await rm(tempOf(path, seen.holder), { force: true }).catch(() => {})
      await release(lock, seen.holder)
    } else if (now - began >= MAX_WAIT) {
      throw new LegacyStateConflictError(path, `${lock} is held by ${holder ?? 'one after the other'}`)
    } else if (holder != null) {
      await wait(clock, POLL, signal)
    }
  }
}

/** Takes the lock away if it still is the holder's. */
async function release(lock: string, holder: string): Promise<void> {
  if ((await holderOf(lock)) === holder) {
    await unlink(lock).catch(() => {}) // somebody else has seen through it as well
  }
}

async function holderOf(lock: string): Promise<string | undefined> {
  try {
    return await readlink(lock)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : NOBODY
  }
}

/** Only of this machine's processes can be known that they are gone. */
function isDead(holder: string): boolean {
  const [, pid, host] = /^(\d+)@(.*):[0-9a-f]{16}$/.exec(holder) ?? []
  if (pid == null || host !== hostname()) {
    return false
  }
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
