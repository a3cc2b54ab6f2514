import { chmod, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { describe, expect, it } from 'vitest'
import { IDENTITY_FILE, loadOrCreateIdentity } from '../src/index.js'
import { makeDir } from './support.js'

async function withFile(content: Uint8Array, mode = 0o600): Promise<{ dataDir: string; path: string }> {
  const dataDir = await makeDir()
  const path = join(dataDir, IDENTITY_FILE)
  await writeFile(path, content)
  await chmod(path, mode)
  return { dataDir, path }
}

async function ed25519(): Promise<Uint8Array> {
  return privateKeyToProtobuf(await generateKeyPair('Ed25519'))
}

describe('loadOrCreateIdentity', () => {
  it('makes a key once, readable by its owner only, and loads it ever after', async () => {
    const dataDir = join(await makeDir(), 'made')
    const first = await loadOrCreateIdentity(dataDir)
    expect(first).toMatchObject({ created: true, path: join(dataDir, 'identity.key'), warnings: [] })
    const second = await loadOrCreateIdentity(dataDir)
    expect(second).toMatchObject({ created: false, warnings: [] })
    expect(second.privateKey.equals(first.privateKey)).toBe(true)
    expect((await stat(first.path)).mode & 0o777).toBe(0o600)
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
    expect(privateKeyFromProtobuf(await readFile(first.path)).equals(first.privateKey)).toBe(true)
    expect(await readdir(dataDir)).toEqual(['identity.key'])
  })

  it('gives all of 8 that create it at once the same key, and one says it made it', async () => {
    for (let round = 0; round < 10; round++) {
      const dataDir = await makeDir()
      const all = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateIdentity(dataDir)))
      expect(new Set(all.map(({ privateKey }) => privateKey.publicKey.toString())).size).toBe(1)
      expect(all.filter(({ created }) => created)).toHaveLength(1)
      expect(await readdir(dataDir)).toEqual([IDENTITY_FILE])
    }
  })

  it('does nothing for an aborted signal', async () => {
    const dataDir = await makeDir()
    await expect(loadOrCreateIdentity(dataDir, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError'
    })
    expect(await readdir(dataDir)).toEqual([])
  })

  it('follows a symbolic link, as mounted secrets are', async () => {
    const { dataDir, path } = await withFile(await ed25519())
    await rename(path, join(dataDir, 'secret'))
    await symlink('secret', path)
    expect((await loadOrCreateIdentity(dataDir)).created).toBe(false)
  })

  it.each([0o644, 0o660, 0o604])('tightens a file of mode %o and warns', async (mode) => {
    const { dataDir, path } = await withFile(await ed25519(), mode)
    const { warnings } = await loadOrCreateIdentity(dataDir)
    expect(warnings).toEqual([expect.stringContaining(`had mode ${mode.toString(8)}`)])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await loadOrCreateIdentity(dataDir)).warnings).toEqual([])
  })
})

describe('an identity file that is no good is refused, left as it is, and no byte of it is told', () => {
  async function expectRefused(content: Uint8Array, expected: object): Promise<void> {
    const { dataDir, path } = await withFile(content)
    const error: unknown = await loadOrCreateIdentity(dataDir).catch((err: unknown) => err)
    expect(error).toMatchObject({ path, ...expected })
    const { message, cause } = error as Error
    expect(message).not.toContain('\n')
    expect(cause).toBeUndefined()
    for (const encoding of ['hex', 'base64'] as const) {
      const secret = Buffer.from(content).subarray(8, 32).toString(encoding)
      // two letters may stand in any text
      if (secret.length >= 8) expect(JSON.stringify(error) + message).not.toContain(secret)
    }
    expect(new Uint8Array(await readFile(path))).toEqual(new Uint8Array(content))
    expect(await readdir(dataDir)).toEqual([IDENTITY_FILE])
  }
  const malformed = { name: 'IdentityMalformedError' }

  it('when it is empty', () => expectRefused(new Uint8Array(), malformed))

  it('when it is cut short, anywhere', async () => {
    const key = await ed25519()
    for (let length = 1; length < key.length; length++) await expectRefused(key.subarray(0, length), malformed)
  })

  it('when bytes follow the key', async () => {
    await expectRefused(Buffer.concat([await ed25519(), Buffer.from('\n')]), malformed)
    await expectRefused(Buffer.concat([await ed25519(), Buffer.of(0x1a, 1, 65)]), malformed)
  })

  it('when its public half belongs to another key', async () => {
    const [mine, other] = [await ed25519(), await ed25519()]
    await expectRefused(Buffer.concat([mine.subarray(0, -32), other.subarray(-32)]), malformed)
  })

  it('when it is text, or far too long', async () => {
    await expectRefused(Buffer.from('-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n'), malformed)
    await expectRefused(Buffer.alloc(100_000, 1), malformed)
  })

  it('when it is a key of another type', async () => {
    for (const type of ['secp256k1', 'ECDSA', 'RSA'] as const) {
      const key = privateKeyToProtobuf(await generateKeyPair(type))
      await expectRefused(key, { name: 'IdentityKeyTypeError', found: type })
    }
  })
})

describe('something else in the place of the identity file', () => {
  it('is refused when it is a folder', async () => {
    const dataDir = await makeDir()
    await mkdir(join(dataDir, IDENTITY_FILE))
    await expect(loadOrCreateIdentity(dataDir)).rejects.toMatchObject({ name: 'IdentityUnreadableError' })
  })

  it('is refused when it is a symbolic link to nowhere, and nothing is made there', async () => {
    const dataDir = await makeDir()
    await symlink(join(dataDir, 'elsewhere'), join(dataDir, IDENTITY_FILE))
    await expect(loadOrCreateIdentity(dataDir)).rejects.toMatchObject({
      name: 'IdentityUnreadableError',
      why: 'it is a symbolic link to nowhere'
    })
    expect(await readdir(dataDir)).toEqual([IDENTITY_FILE])
  })

  it('is refused when the data folder is a file', async () => {
    const file = join(await makeDir(), 'file')
    await writeFile(file, '')
    await expect(loadOrCreateIdentity(file)).rejects.toMatchObject({ name: 'IdentityUnreadableError', why: 'ENOTDIR' })
  })
})
