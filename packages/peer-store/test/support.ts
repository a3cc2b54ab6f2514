import { spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { TypedEventEmitter } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { persistentPeerStore } from '@libp2p/peer-store'
import { ClassicLevel } from 'classic-level'
import { afterEach } from 'vitest'
import type { Libp2pEvents, Logger, PeerId, PeerStore } from '@libp2p/interface'
import type { Clock } from '@penin/interface'
import type { ChildProcess } from 'node:child_process'
import type { Datastore } from 'interface-datastore'

const made: string[] = []

afterEach(async () => {
  for (const dir of made.splice(0)) await rm(dir, { recursive: true, force: true })
})

/** A folder of its own for a test, deleted after it. */
export async function makeDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'penin-store-'))
  made.push(dir)
  return dir
}

/** A folder with a copy of another. */
export async function copyOf(dir: string): Promise<string> {
  const copy = await makeDir()
  await cp(dir, copy, { recursive: true })
  return copy
}

/** A clock that stands still unless moved. */
export function standingClock(wall = 1_700_000_000_000): Clock & { advance(ms: number): void } {
  let passed = 0
  const never = () => ({ clear: () => {} })
  return {
    now: () => wall + passed,
    monotonic: () => passed,
    setTimeout: never,
    setInterval: never,
    advance: (ms) => {
      passed += ms
    }
  }
}

/** Runs `fn` on the database of a data folder, past all guards. */
export async function withLevel<T>(
  dataDir: string,
  fn: (level: ClassicLevel<string, Uint8Array>) => Promise<T>
): Promise<T> {
  const level = new ClassicLevel<string, Uint8Array>(join(dataDir, 'db'), {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    compression: false
  })
  await level.open()
  try {
    return await fn(level)
  } finally {
    await level.close()
  }
}

/** Every record of a data folder's database, as text. */
export async function dump(dataDir: string): Promise<string[]> {
  return withLevel(dataDir, async (level) => {
    const rows = await level.iterator().all()
    return rows.map(([key, value]) => `${key}=${Buffer.from(value).toString('hex')}`)
  })
}

/** The content of every file of a folder. */
export async function files(dir: string): Promise<Map<string, string>> {
  const names = (await readdir(dir)).sort()
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name), 'hex')] as const)))
}

const silent: Logger = Object.assign(() => {}, {
  enabled: false,
  error: () => {},
  trace: () => {},
  newScope: () => silent
})

/** A new peer id. */
export async function makePeer(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

/** The genuine peer store of libp2p over a datastore. */
export async function peerStoreOver(datastore: Datastore): Promise<PeerStore> {
  return persistentPeerStore({
    peerId: await makePeer(),
    datastore,
    events: new TypedEventEmitter<Libp2pEvents>(),
    logger: { forComponent: () => silent }
  })
}

/** Starts one of the programs in `fixtures`, optionally behind another command. */
export function start(name: string, args: string[], before: string[] = []): ChildProcess {
  const script = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
  const [command = process.execPath, ...rest] = [...before, process.execPath, script, ...args]
  return spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Waits for a program's end; resolves with all it printed and how it ended. */
export async function ended(child: ChildProcess): Promise<{ out: string; err: string; signal: NodeJS.Signals | null }> {
  let out = ''
  let err = ''
  child.stdout?.on('data', (data: Buffer) => (out += data.toString()))
  child.stderr?.on('data', (data: Buffer) => (err += data.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (_code, signal) => {
      resolve({ out, err, signal })
    })
  })
}

/** Everything that an asynchronous or plain iterable yields. */
export async function collect<T>(source: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of source) all.push(item)
  return all
}
