import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readAdminFile, startBootstrapNode } from '../src/index.js'
import { removeFolders, tempFolder } from '@penin/testing'

afterAll(removeFolders)

const quiet = { listen: ['/ip4/127.0.0.1/tcp/0'], discovery: { mdns: false, dht: false } }

describe('startBootstrapNode()', () => {
  it('is a bridge, keeps its identity in its data directory, and has no admin endpoint unless asked', async () => {
    const dataDir = tempFolder()
    const first = await startBootstrapNode({ ...quiet, env: {}, dataDir })
    expect(first.node.config).toMatchObject({ profile: 'bridge', connections: { target: 64, max: 128 } })
    expect(first.admin).toBeUndefined()
    await first.stop()
    await first.stop()
    await using second = await startBootstrapNode({ ...quiet, env: {}, dataDir })
    expect(second.node.id.toString()).toBe(first.node.id.toString())
  })

  it('leaves admin.json while it runs, and a token of the environment is no unknown setting', async () => {
    const dataDir = tempFolder()
    const token = 'x'.repeat(20)
    const env = { PENIN_ADMIN_TOKEN: token }
    const bootstrap = await startBootstrapNode({ ...quiet, env, dataDir, admin: { token } })
    expect(await readAdminFile(dataDir)).toEqual({ url: bootstrap.admin?.url, token, pid: process.pid })
    expect(bootstrap.node.warnings).toEqual([])
    await bootstrap.stop()
    expect(await readAdminFile(dataDir)).toBeUndefined()
  })

  it('a taken admin port stops the node again and frees its data directory', async () => {
    const dataDir = tempFolder()
    await using first = await startBootstrapNode({ ...quiet, env: {}, admin: {} })
    const port = Number(new URL(first.admin?.url ?? '').port)
    const second = startBootstrapNode({ ...quiet, env: {}, dataDir, admin: { port } })
    await expect(second).rejects.toMatchObject({ name: 'AdminListenError' })
    await using third = await startBootstrapNode({ ...quiet, env: {}, dataDir })
    expect(third.node.isRunning).toBe(true)
  })

  it('reload() rereads the list from the file, says what has changed, and keeps the old one if the file is bad', async () => {
    const configFile = join(tempFolder(), 'config.json')
    const write = (bootstrap: string[]): void => {
      writeFileSync(configFile, JSON.stringify({ bootstrap }))
    }
    write(['127.0.0.1:1', '127.0.0.1:2'])
    await using running = await startBootstrapNode({ ...quiet, env: {}, configFile })
    expect(running.reload()).toEqual({ added: [], removed: [] })
    write(['127.0.0.1:2', '127.0.0.1:3'])
    expect(running.reload()).toEqual({ added: ['127.0.0.1:3'], removed: ['127.0.0.1:1'] })
    writeFileSync(configFile, '{')
    expect(() => running.reload()).toThrow(expect.objectContaining({ name: 'ConfigError' }))
    expect(running.node.config.bootstrap).toEqual(['127.0.0.1:2', '127.0.0.1:3'])
    expect(running.reload([])).toEqual({ added: [], removed: ['127.0.0.1:2', '127.0.0.1:3'] })
  })
})
