import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from '@penin/e2e'
import { endPrograms, Program, removeFolders, tempFolder } from '@penin/testing'
import { afterEach, expect, it } from 'vitest'

const BOOTSTRAP = new URL('../../packages/bootstrap-node/dist/bin.js', import.meta.url)
const STAND_IN = fileURLToPath(new URL('../python/penin_standin.py', import.meta.url))

const undo: Array<() => Promise<void>> = []

afterEach(async () => {
  await Promise.all(undo.splice(0).map(async (step) => step()))
  await endPrograms()
  removeFolders()
})

/** A port that nobody else uses. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

/** `penin-bootstrap` with the settings of a Python node, on loopback. */
function bootstrap(port: number, dataDir: string, state: string): Program {
  const quiet = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns', '--no-dht', '--admin', 'off', '--json']
  const args = [...quiet, '--data-dir', dataDir, '--udp-interface', '127.0.0.1', '--legacy-state', state]
  return new Program(BOOTSTRAP, args, { PENIN_DISCOVERY_PORT: String(port), PENIN_DISCOVERY_INTERVAL: '1' })
}

interface PythonNode {
  /** What it has said so far. */
  said: (event: string) => Array<Record<string, unknown>>
  end: () => Promise<void>
}

/** A stand-in for a Python node whose beacons stay on this host. */
function python(id: string, port: number, ...extra: string[]): PythonNode {
  const args = ['--id', id, '--port', String(port), '--interval', '1', '--to', '127.255.255.255', ...extra]
  const child = spawn('python3', [STAND_IN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = once(child, 'close')
  const lines: Array<Record<string, unknown>> = []
  createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Record<string, unknown>))
  const end = async (): Promise<void> => {
    child.kill('SIGTERM')
    await gone
  }
  undo.push(end)
  return { said: (event) => lines.filter((line) => line['event'] === event), end }
}

async function known(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => '{}')
  return (JSON.parse(text) as { known_peers?: unknown }).known_peers
}

it('penin-bootstrap and a Python node see each other and share a state file, through a kill and a restart', async () => {
  const folder = tempFolder()
  const [dataDir, state] = [join(folder, 'data'), join(folder, 'state.json')]
  const port = await freePort()
  const rest = `"knowledge_base": {"big": ${2n ** 80n}, "small": 1e-07}, "task_history": [], "score_history": []`
  await writeFile(state, `{${rest}, "known_peers": ["192.168.1.100:51515"]}`)

  const first = bootstrap(port, dataDir, state)
  const { id } = await first.event('started')
  const alpha = python('node-alpha', port, '--state', state)
  await first.event('legacy:discovered', (line) => line['id'] === 'node-alpha' && line['address'] === '127.0.0.1')
  await until(() => alpha.said('peer').some((peer) => peer['id'] === id && peer['port'] === port), {
    ms: 10_000,
    what: 'the Python node does not see it'
  })
  const all = ['192.168.1.100:51515', `127.0.0.1:${port}`]
  await until(async () => JSON.stringify(await known(state)) === JSON.stringify(all), {
    ms: 15_000,
    what: 'the Python node is not in the file'
  })
  expect(await readFile(state, 'utf8')).toBe(`{${rest}, "known_peers": ${JSON.stringify(all).replace(',', ', ')}}`)

  first.child.kill('SIGKILL')
  await first.exit
  expect(await known(state)).toEqual(all)
  const second = bootstrap(port, dataDir, state)
  await second.event('started', (line) => line['id'] === id)
  await second.event('legacy:discovered')
  await alpha.end()
  expect([alpha.said('error'), alpha.said('warning')]).toEqual([[], []])
  expect(new Set((await known(state)) as string[])).toEqual(new Set(all))

  second.child.kill('SIGTERM')
  expect(await second.exit).toBe(0)
  expect(new Set((await known(state)) as string[])).toEqual(new Set(all))
  const text = await readFile(state, 'utf8')
  expect(text).toContain(String(2n ** 80n))
  expect(text).toContain('1e-07')
  expect(second.stderr).toBe('')
})
