import { constants } from 'node:fs'
import { copyFile, link, lstat, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf
} from '@libp2p/crypto/keys'
import { systemRng } from '@penin/interface'
import { makeFolder } from './data-folder.js'
import {
  IdentityKeyTypeError,
  IdentityMalformedError,
  IdentityUnreadableError,
  IdentityUnwritableError
} from './errors.js'
import { errorCode } from './leveldb-errors.js'
import type { Ed25519PrivateKey, PrivateKey } from '@libp2p/interface'
import type { FileHandle } from 'node:fs/promises'

/** The name of the identity file within the data folder. */
export const IDENTITY_FILE = 'identity.key'

/** An Ed25519 key takes 68 bytes and an RSA key of 8192 bits less than 5 KiB: more than this is no key. */
const MAX_KEY_FILE_BYTES = 16 * 1024

/** The length of an Ed25519 seed, the first half of a raw private key. */
const SEED_BYTES = 32

/** Options of {@link loadOrCreateIdentity}. */
export interface IdentityOptions {
  signal?: AbortSignal | undefined
}

/** A node's identity. */
export interface Identity {
  privateKey: Ed25519PrivateKey
  /** Whether this call made it. */
  created: boolean
  /** The file it lies in. */
  path: string
  /** What an operator should know, one line each: others could read the file. Never a byte of the key. */
  warnings: string[]
}

/**
 * Loads the private key in `<dataDir>/identity.key` (a libp2p protobuf key), or makes an Ed25519 one.
 *
 * An existing file is never overwritten or replaced, whatever is wrong with it: the key is the node's name, and a lost
 * one can't be made again. Of several processes that create it at once one wins, and all return its key.
 *
 * A file that the group or others may access is tightened to mode 0600, and a warning says that it was open (ssh would
 * refuse it; a node that has run for years should not stop for that). Where it can't be tightened, as on a mounted
 * secret, it is used all the same, with a warning.
 *
 * @throws IdentityMalformedError, IdentityKeyTypeError, IdentityUnreadableError if there is a file that is no good
 * @throws IdentityUnwritableError if there is none and none can be made
 */
export async function loadOrCreateIdentity(dataDir: string, options: IdentityOptions = {}): Promise<Identity> {
  const { signal } = options
  const path = join(dataDir, IDENTITY_FILE)
  signal?.throwIfAborted()
  const existing = await load(path)
  if (existing !== undefined) return existing
  signal?.throwIfAborted()
  const privateKey = await generateKeyPair('Ed25519')
  if (await create(dataDir, path, privateKeyToProtobuf(privateKey))) {
    return { privateKey, created: true, path, warnings: [] }
  }
  const winner = await load(path)
  if (winner === undefined) throw new IdentityUnreadableError(path, 'it vanished while it was being loaded')
  return winner
}

/** The identity in the file, or undefined when nothing stands at that path. */
async function load(path: string): Promise<Identity | undefined> {
  let file: FileHandle
  try {
    // Non-blocking, for a FIFO in its place would otherwise keep us waiting for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (err) {
    if (errorCode(err) !== 'ENOENT') throw new IdentityUnreadableError(path, errorCode(err), { cause: err })
    // Between the two calls another process may have made the file: then it is there to be loaded.
    return (await isAbsent(path)) ? undefined : load(path)
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new IdentityUnreadableError(path, 'it is not a regular file')
    const warnings = (stats.mode & 0o077) === 0 ? [] : [await tighten(file, path, stats.mode)]
    return { privateKey: await decode(path, await readKey(file, path)), created: false, path, warnings }
  } finally {
    await file.close()
  }
}

async function isAbsent(path: string): Promise<boolean> {
  try {
    if (!(await lstat(path)).isSymbolicLink()) return false
  } catch (err) {
    if (errorCode(err) === 'ENOENT') return true
    throw new IdentityUnreadableError(path, errorCode(err), { cause: err })
  }
  throw new IdentityUnreadableError(path, 'it is a symbolic link to nowhere')
}

async function tighten(file: FileHandle, path: string, mode: number): Promise<string> {
  const was = `${path} had mode ${(mode & 0o777).toString(8)}, so others could use the identity`
  try {
    await file.chmod(0o600)
    return `${was}; it is 600 now`
  } catch (err) {
    return `${was}; it could not be changed to 600 (${errorCode(err)})`
  }
}

async function readKey(file: FileHandle, path: string): Promise<Uint8Array> {
  const buffer = new Uint8Array(MAX_KEY_FILE_BYTES + 1)
  let length = 0
  try {
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
  } catch (err) {
    throw new IdentityUnreadableError(path, errorCode(err), { cause: err })
  }
  if (length === 0) throw new IdentityMalformedError(path, 'it is empty')
  if (length > MAX_KEY_FILE_BYTES) throw new IdentityMalformedError(path, `it is over ${MAX_KEY_FILE_BYTES} bytes long`)
  return buffer.subarray(0, length)
}

/** Errors of the decoder are neither passed on nor quoted: nothing that has seen the key may reach a log. */
async function decode(path: string, bytes: Uint8Array): Promise<Ed25519PrivateKey> {
  let key: PrivateKey
  try {
    key = privateKeyFromProtobuf(bytes)
  } catch {
    throw new IdentityMalformedError(path, 'it is no libp2p private key')
  }
  if (key.type !== 'Ed25519') throw new IdentityKeyTypeError(path, key.type)
  if (Buffer.compare(privateKeyToProtobuf(key), bytes) !== 0) {
    throw new IdentityMalformedError(path, 'there is something besides the key in it')
  }
  const derived = await generateKeyPairFromSeed('Ed25519', key.raw.subarray(0, SEED_BYTES))
  if (!derived.publicKey.equals(key.publicKey)) {
    throw new IdentityMalformedError(path, 'its public half does not belong to its private half')
  }
  return key
}

/** Creates the file with its full content at once. False when somebody else was faster. */
async function create(dataDir: string, path: string, bytes: Uint8Array): Promise<boolean> {
  const temp = `${path}.${process.pid}.${Buffer.from(systemRng.bytes(8)).toString('hex')}.tmp`
  try {
    await makeFolder(dataDir)
    await writeDurably(temp, bytes)
    const won = await linkOrCopy(temp, path)
    if (won) await syncFolder(dataDir)
    return won
  } catch (err) {
    throw new IdentityUnwritableError(path, errorCode(err), { cause: err })
  } finally {
    await rm(temp, { force: true }).catch(() => {})
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** File systems without hard links (FAT, some network mounts) get a copy, which never overwrites either. */
async function linkOrCopy(temp: string, path: string): Promise<boolean> {
  try {
    await link(temp, path).catch(async (err: unknown) => {
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errorCode(err))) throw err
      await copyFile(temp, path, constants.COPYFILE_EXCL)
    })
    return true
  } catch (err) {
    if (errorCode(err) === 'EEXIST') return false
    throw err
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
    // The key is in its file; only its name may be lost if the power fails right now.
  }
}
