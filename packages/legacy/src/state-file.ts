import { constants, type Stats } from 'node:fs'
import { lstat, open, readlink, realpath, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { wait } from '@penin/interface'
import {
  JsonProblem,
  LegacyStateConflictError,
  LegacyStateMalformedError,
  LegacyStateTooLargeError,
  LegacyStateUnreadableError,
  LegacyStateUnwritableError
} from './errors.js'
import { withLock, type LockTools } from './save-lock.js'
import { StateDocument } from './state-document.js'
import { stayAlive } from './stay-alive.js'

/** A state file is at most this many bytes; one with full histories of 1000 entries each is far below 1 MiB. */
export const MAX_STATE_BYTES = 16 * 1024 * 1024

/** Times that a save begins anew because somebody has changed the file meanwhile. */
const MAX_ATTEMPTS = 20

/** Between two looks at a file that a Python node may be in the midst of writing, in place as it does. */
const SETTLE_POLL = 50

/** As many links may lead to each other, as in Linux. */
const MAX_LINKS = 40

export interface StateFileTools extends LockTools {
  /** Milliseconds for a file that can't be parsed to become whole. */
  settleTime: number
  maxBytes: number
}

/** Where the file is, and where the new one is made. */
interface Paths {
  target: string
  temp: string
}

/** One reading of the file. */
interface Reading {
  file: FileHandle
  stats: Stats
  bytes: Buffer
}

/**
 * Reads a state file; undefined if there is none.
 *
 * @throws LegacyStateMalformedError, LegacyStateTooLargeError, LegacyStateUnreadableError, or the signal's reason
 */
export async function readState(path: string, tools: StateFileTools): Promise<StateDocument | undefined> {
  return stayAlive(async () => {
    const reading = await openState(path, tools)
    try {
      return reading == null ? undefined : await settled(path, reading, tools)
    } finally {
      await reading?.file.close()
    }
  })
}

/**
 * Changes the state file in one step: whoever looks sees the old one or the new one, also after a crash. `change` gets
 * what stands in the file now, and is asked again if somebody else changes it before the new one is in place.
 *
 * @returns what now stands in the file
 * @throws LegacyStateConflictError, LegacyStateUnwritableError, and what {@link readState} throws
 */
export async function updateState(
  path: string,
  change: (now: StateDocument | undefined) => StateDocument,
  tools: StateFileTools
): Promise<StateDocument> {
  const target = await targetOf(path)
  return stayAlive(async () =>
    withLock(target, tools, async (temp) => {
      const saved = await exchange({ target, temp }, change, tools)
      if (saved == null) {
        throw new LegacyStateConflictError(path, 'others change it all the time')
      }
      return saved
    })
  )
}

/** Undefined if somebody was faster every time. */
async function exchange(
  { target, temp }: Paths,
  change: (now: StateDocument | undefined) => StateDocument,
  tools: StateFileTools
): Promise<StateDocument | undefined> {
  let lost: StateDocument | undefined
  let written: StateDocument | undefined
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    tools.signal?.throwIfAborted()
    const reading = await openState(target, tools)
    try {
      const now = reading && (await settled(target, reading, tools))
      const next = change(lost != null && now?.text === written?.text ? lost : now)
      if (now?.text === next.text) {
        return next
      }
      if (await replaced({ target, temp }, reading, next.text, tools)) {
        lost = reading && (await overlooked(target, reading, tools))
        written = next
        if (lost == null) {
          return next
        }
      }
    } finally {
      await reading?.file.close()
    }
  }
  return undefined
}

/** False if the file is no longer the one that was read. */
async function replaced(
  { target, temp }: Paths,
  reading: Reading | undefined,
  text: string,
  tools: StateFileTools
): Promise<boolean> {
  const bytes = Buffer.from(text)
  if (bytes.length > tools.maxBytes) {
    throw new LegacyStateTooLargeError(target, bytes.length, tools.maxBytes)
  }
  if (reading != null && (reading.stats.mode & 0o222) === 0) {
    throw new LegacyStateUnwritableError(target, 'it is read-only') // the folder's rights would let us do it
  }
  try {
    await writeDurably(temp, bytes, reading?.stats)
    const now = await openState(target, tools)
    await now?.file.close()
    if (!isSame(now, reading)) {
      return false
    }
    await rename(temp, target)
  } catch (error) {
    throw asStateError(target, error)
  } finally {
    await rm(temp, { force: true }).catch(() => {})
  }
  await syncFolder(dirname(target))
  return true
}

function isSame(a: Reading | undefined, b: Reading | undefined): boolean {
  return a == null || b == null ? a === b : a.stats.ino === b.stats.ino && a.bytes.equals(b.bytes)
}

/**
 * A Python node that opened the file just before it was replaced has written to where nobody sees it. The handle that
 * we still hold does.
 */
async function overlooked(target: string, reading: Reading, tools: StateFileTools): Promise<StateDocument | undefined> {
  const bytes = await readAll(target, reading.file, tools.maxBytes)
  if (bytes.equals(reading.bytes)) {
    return undefined
  }
  try {
    return await settled(target, { ...reading, bytes }, tools)
  } catch (error) {
    if (error instanceof LegacyStateMalformedError) {
      return undefined // it was killed in the midst of it: there is nothing whole to be saved
    }
    throw error
  }
}

/** The document, once it is whole: a Python node empties the file and then fills it again. */
async function settled(path: string, reading: Reading, tools: StateFileTools): Promise<StateDocument> {
  const { clock, settleTime, signal } = tools
  let until = clock.monotonic() + settleTime
  for (let { bytes } = reading; ;) {
    try {
      return parse(path, bytes)
    } catch (error) {
      if (clock.monotonic() >= until) {
        throw error
      }
      await wait(clock, SETTLE_POLL, signal)
    }
    const again = await readAll(path, reading.file, tools.maxBytes)
    if (!again.equals(bytes)) {
      until = Math.max(until, clock.monotonic() + SETTLE_POLL * 2) // it is being written: that may take its time
    }
    reading.bytes = bytes = again
  }
}

function parse(path: string, bytes: Buffer): StateDocument {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    const offset = firstBadByte(bytes)
    const before = bytes.toString('utf8', 0, offset)
    throw malformed(path, 'no UTF-8', offset, before, error)
  }
  try {
    return new StateDocument(text)
  } catch (error) {
    if (error instanceof JsonProblem) {
      throw malformed(path, error.problem, error.offset, text.slice(0, error.offset), error)
    }
    throw error
  }
}

function malformed(
  path: string,
  problem: string,
  offset: number,
  before: string,
  cause: unknown
): LegacyStateMalformedError {
  const line = before.split('\n').length
  const column = before.length - before.lastIndexOf('\n')
  return new LegacyStateMalformedError(path, problem, offset, line, column, { cause })
}

/** The length of the longest beginning that is UTF-8, an incomplete last character included. */
function firstBadByte(bytes: Buffer): number {
  let good = 0
  let bad = bytes.length + 1 // as if one more, for the text may be good up to an end that comes too early
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: middle <= bytes.length })
      good = middle
    } catch {
      bad = middle
    }
  }
  return Math.min(good, bytes.length)
}

/** Where the file really is: a symbolic link stays one, also one to a file that doesn't exist yet. */
async function targetOf(path: string): Promise<string> {
  let at = resolve(path)
  try {
    for (let links = 0; links < MAX_LINKS; links++) {
      const stats = await lstat(at).catch(ignoreAbsence)
      if (!stats?.isSymbolicLink()) {
        return join(await realpath(dirname(at)), basename(at))
      }
      at = resolve(await realpath(dirname(at)), await readlink(at))
    }
  } catch (error) {
    throw new LegacyStateUnwritableError(path, codeOf(error), { cause: error })
  }
  throw new LegacyStateUnreadableError(path, 'ELOOP')
}

async function openState(path: string, { maxBytes }: StateFileTools): Promise<Reading | undefined> {
  let file: FileHandle
  try {
    // Non-blocking, for a FIFO in its place would otherwise keep us waiting for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return undefined
    }
    throw new LegacyStateUnreadableError(path, codeOf(error), { cause: error })
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile()) {
      throw new LegacyStateUnreadableError(path, 'it is not a regular file')
    }
    return { file, stats, bytes: await readAll(path, file, maxBytes) }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readAll(path: string, file: FileHandle, maxBytes: number): Promise<Buffer> {
  try {
    const { size } = await file.stat()
    if (size > maxBytes) {
      throw new LegacyStateTooLargeError(path, size, maxBytes)
    }
    const buffer = Buffer.alloc(size + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length)
      if (bytesRead === 0) {
        break
      }
      length += bytesRead
    }
    // What grows while it is read is being written: its beginning alone will not parse, and is read again.
    return buffer.subarray(0, length)
  } catch (error) {
    if (error instanceof LegacyStateTooLargeError) {
      throw error
    }
    throw new LegacyStateUnreadableError(path, codeOf(error), { cause: error })
  }
}

/** With the mode and the owner of the old file, so that whoever could use that one can use the new one. */
async function writeDurably(temp: string, bytes: Buffer, old: Stats | undefined): Promise<void> {
  await rm(temp, { force: true }) // of a save that was killed: nobody else is here, for we hold the lock
  const file = await open(temp, 'wx', old == null ? 0o666 : 0o600)
  try {
    const fresh = await file.stat()
    if (old != null && (old.uid !== fresh.uid || old.gid !== fresh.gid)) {
      await file.chown(old.uid, old.gid)
    }
    if (old != null) {
      await file.chmod(old.mode & 0o7777)
    }
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the new name survive a power cut. Windows can't open folders, and needs no such thing. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch {
    // Both files are whole; after a power cut right now it may be the old one that has the name.
  }
}

function asStateError(target: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error)) {
    return error
  }
  const { code, syscall } = error as NodeJS.ErrnoException
  return code === 'ENOENT' && syscall === 'rename'
    ? new LegacyStateConflictError(target, 'another program has taken the lock meanwhile, and the new file with it')
    : new LegacyStateUnwritableError(target, codeOf(error), { cause: error })
}

function ignoreAbsence(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') {
    throw error
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message
}
