import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { readAdminFile } from '../src/index.js'
import { endPrograms, Program, removeFolders, tempFolder } from '@penin/testing'

const bin = new URL('../dist/bin.js', import.meta.url)
const quiet = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns', '--json']

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  return new Program(bin, args, env)
}

afterEach(async () => {
  await endPrograms()
  removeFolders()
})

describe('penin-bootstrap', () => {
  it.for(['SIGTERM', 'SIGINT'] as const)('starts, serves its operator, and stops on %s within 5 s', async (signal) => {
    const dataDir = tempFolder()
    const program = run([...quiet, '--data-dir', dataDir, '--admin', '127.0.0.1:0'])
    const started = await program.event('started')
    expect(started).toMatchObject({ level: 'info', pid: program.child.pid, dataDir })
    const file = await readAdminFile(dataDir)
    expect(file).toMatchObject({ url: started['admin'], pid: program.child.pid })
    const answer = await fetch(`${file?.url ?? ''}/readyz`)
    expect(answer.status).toBe(200)
    program.child.kill(signal)
    const late = AbortSignal.timeout(5_000)
    expect(await Promise.race([program.exit, once(late, 'abort')])).toBe(0)
    await program.event('stopped')
    expect(program.stderr).toBe('')
    expect(await readAdminFile(dataDir)).toBeUndefined()
  })

  it('a second one on the same data directory ends with 3 and names it', async () => {
    const dataDir = tempFolder()
    const args = [...quiet, '--data-dir', dataDir, '--admin', 'off']
    await run(args).event('started')
    const second = run(args)
    expect(await second.exit).toBe(3)
    expect(second.stderr).toMatch(/^penin-bootstrap: [^\n]*\n$/)
    expect(second.stderr).toContain(dataDir)
    await second.event('error', ({ name }) => name === 'DatastoreLockedError')
  })

  it('a taken port ends with 4, that of the node as well as that of the admin endpoint', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const node = run(['--listen', `/ip4/127.0.0.1/tcp/${port}`, '--no-mdns', '--admin', 'off'])
    expect(await node.exit).toBe(4)
    expect(node.stderr).toMatch(/^penin-bootstrap: listen: [^\n]*EADDRINUSE[^\n]*\n$/)
    const admin = run([...quiet, '--admin', `127.0.0.1:${port}`])
    expect(await admin.exit).toBe(4)
    expect(admin.stderr).toMatch(/^penin-bootstrap: admin: [^\n]*EADDRINUSE[^\n]*\n$/)
    server.close()
  })

  it.for([
    [['--targt', '4'], /unknown option '--targt' \(Did you mean --target\?\)/],
    [['--target', 'x'], /--target \(command line\)/],
    [['--admin', 'nonsense'], /--admin \(command line\)/],
    [['--admin', '0.0.0.0:0'], /needs a token/],
    [['--config', '/nonexistent.json'], /readable file/],
    [['extra'], /too many arguments/]
  ] as const)('%j ends with 2 and one line', async ([args, message]) => {
    const program = run([...quiet, ...args])
    expect(await program.exit).toBe(2)
    expect(program.stderr).toMatch(/^penin-bootstrap: [^\n]*\n$/)
    expect(program.stderr).toMatch(message)
    await program.event('error')
  })

  it('a bad state file of a Python node ends with 2, names the place in it and leaves it alone', async () => {
    const folder = tempFolder()
    const path = join(folder, 'state.json')
    writeFileSync(path, '{"known_peers": [}')
    const program = run([
      ...quiet,
      '--no-udp',
      '--data-dir',
      join(folder, 'data'),
      '--admin',
      'off',
      '--legacy-state',
      path
    ])
    expect(await program.exit).toBe(2)
    expect(program.stderr).toContain(`${path}:1:18: `)
    await program.event('error', ({ name }) => name === 'LegacyStateMalformedError')
    expect(readFileSync(path, 'utf8')).toBe('{"known_peers": [}')
  })

  it('SIGHUP rereads the bootstrap list from the configuration file and says what has changed', async () => {
    const config = join(tempFolder(), 'config.json')
    writeFileSync(config, '{"bootstrap":["127.0.0.1:1"]}')
    const program = run([...quiet, '--admin', 'off', '--config', config])
    await program.event('started')
    writeFileSync(config, '{"bootstrap":["127.0.0.1:2"]}')
    program.child.kill('SIGHUP')
    expect(await program.event('reloaded')).toMatchObject({ added: ['127.0.0.1:2'], removed: ['127.0.0.1:1'] })
    writeFileSync(config, 'nonsense')
    program.child.kill('SIGHUP')
    await program.event('warning', ({ message }) => String(message).includes('stays as it was'))
    program.child.kill('SIGTERM')
    expect(await program.exit).toBe(0)
  })

  it('shows help with examples and exit codes, and its version', async () => {
    const help = run(['--help'])
    expect(await help.exit).toBe(0)
    expect(help.stdout).toMatch(/Examples:[\s\S]*Exit codes:/)
    const version = run(['--version'])
    expect(await version.exit).toBe(0)
    expect(version.stdout).toMatch(/^penin-bootstrap \d+\.\d+\.\d+ /)
  })
})
