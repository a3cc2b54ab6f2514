import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ADMIN_FILE, parseAdminAddress, readAdminFile, removeAdminFile, writeAdminFile } from '../src/index.js'
import { removeFolders, tempFolder } from '@penin/testing'

afterAll(removeFolders)

const content = { url: 'http://127.0.0.1:9', token: 'secret', pid: 7 }

describe('admin.json', () => {
  it('is written for its owner only, replaces a stale one, and is read back', async () => {
    const folder = tempFolder()
    const path = join(folder, ADMIN_FILE)
    writeFileSync(path, 'stale')
    writeFileSync(`${path}.new`, 'left by a process that was killed')
    chmodSync(path, 0o644)
    await writeAdminFile(folder, content)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await readAdminFile(folder)).toEqual(content)
    expect(existsSync(`${path}.new`)).toBe(false)
  })

  it("is removed by whoever wrote it; a successor's stays", async () => {
    const folder = tempFolder()
    await writeAdminFile(folder, { ...content, token: 'successor' })
    await removeAdminFile(folder, content)
    expect(await readAdminFile(folder)).toMatchObject({ token: 'successor' })
    await removeAdminFile(folder, { ...content, token: 'successor' })
    expect(await readAdminFile(folder)).toBeUndefined()
    await removeAdminFile(folder, content)
  })

  it.for(['', '{}', '{"url":"file:///etc/passwd","token":"x","pid":1}', '{"url":"http://127.0.0.1:1"}', 'null'])(
    '%j is no admin file',
    async (text) => {
      const folder = tempFolder()
      writeFileSync(join(folder, ADMIN_FILE), text)
      await expect(readAdminFile(folder)).rejects.toMatchObject({ name: 'AdminFileError' })
    }
  )

  it('a folder in its place is an AdminFileError on reading and writing', async () => {
    const folder = tempFolder()
    mkdirSync(join(folder, ADMIN_FILE))
    await expect(readAdminFile(folder)).rejects.toMatchObject({ name: 'AdminFileError' })
    await expect(writeAdminFile(folder, content)).rejects.toMatchObject({ name: 'AdminFileError' })
  })

  it('there is none where no node has ever been', async () => {
    expect(await readAdminFile(join(tempFolder(), 'nowhere'))).toBeUndefined()
  })
})

describe('the address of an admin endpoint', () => {
  it.for([
    ['off', undefined],
    ['127.0.0.1:9090', { host: '127.0.0.1', port: 9090 }],
    ['localhost:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['0.0.0.0:9090', { host: '0.0.0.0', port: 9090 }]
  ] as const)('%s', ([text, expected]) => {
    expect(parseAdminAddress(text)).toEqual(expected)
  })

  it.for(['', '9090', ':9090', 'host', '1.2.3.4:99999', '::1:80', '[zz]:80', 'a b:1', 'http://x:1'])(
    '%j is a ConfigError',
    (text) => {
      expect(() => parseAdminAddress(text)).toThrow(expect.objectContaining({ name: 'ConfigError', key: '--admin' }))
    }
  )
})
