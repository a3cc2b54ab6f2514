import { existsSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { endPrograms, Program, removeFolders, tempFolder } from '@penin/testing'

const bin = new URL('../dist/bin.js', import.meta.url)

interface Result {
  ok: boolean
  reason?: string
  formedMs: number | null
  rejoinedMs: number | null
  messages: unknown
  broadcast: unknown
  nodes: Array<{ id: string; addresses: string[]; connections: number; discoveredBy: Record<string, number> }>
}

afterEach(async () => {
  await endPrograms()
  removeFolders()
})

function result(program: Program): Result {
  return JSON.parse(program.stdout.trimEnd().split('\n').at(-1) ?? '') as Result
}

describe('penin demo', () => {
  it('forms a network, and takes a node back without the bootstrap node', { timeout: 120_000 }, async () => {
    const program = new Program(bin, ['demo', '--nodes', '3', '--json'], {
      PENIN_NETWORK_ID: 'another',
      TMPDIR: tempFolder()
    })
    expect(await program.exit, program.stderr).toBe(0)
    expect(program.stdout.trimEnd().split('\n')).toHaveLength(1)
    const outcome = result(program)
    expect(Object.keys(outcome)).toEqual(['ok', 'nodes', 'formedMs', 'rejoinedMs', 'messages', 'broadcast'])
    expect(outcome.ok).toBe(true)
    expect(outcome.nodes).toHaveLength(3)
    for (const node of outcome.nodes) {
      expect(node.addresses[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/)
      expect(node.connections).toBe(2)
      expect(Object.values(node.discoveredBy).reduce((sum, n) => sum + n, 0)).toBe(2)
    }
    const times = { p50Ms: expect.any(Number) as number, p99Ms: expect.any(Number) as number }
    expect(outcome.messages).toEqual({ sent: 6, delivered: 6, ...times })
    expect(outcome.broadcast).toEqual({ sent: 2, delivered: 2, ...times })
    expect(program.stderr).toMatch(/formed in[\s\S]*is back in[\s\S]*delivered 6 of 6 messages, 2 of 2 broadcasts/)
  })

  it('cleans up and says why when it is interrupted', async () => {
    const folder = tempFolder()
    const program = new Program(bin, ['demo', '--nodes', '2', '--json', '--keep'], { TMPDIR: folder })
    await new Promise<void>((resolve) => {
      program.child.stderr?.on('data', () => {
        if (program.stderr.includes('node-1 listens')) resolve()
      })
    })
    program.child.kill('SIGINT')
    expect(await program.exit).toBe(130)
    expect(result(program)).toMatchObject({
      ok: false,
      reason: 'interrupted (SIGINT)',
      formedMs: null,
      rejoinedMs: null,
      messages: null,
      broadcast: null
    })
    const [, kept = ''] = /data is in (\S+)/.exec(program.stderr) ?? []
    expect(kept.startsWith(folder)).toBe(true)
    expect(existsSync(`${kept}/node-1/db.pid`)).toBe(false) // its node has stopped in order
  })

  it('a network that does not form in time is told, with how far it came', async () => {
    const program = new Program(bin, ['demo', '--nodes', '12', '--timeout', '1'], { TMPDIR: tempFolder() })
    expect(await program.exit).toBe(1)
    expect(program.stderr).toMatch(/^penin: the network has not formed in 1 s: /)
  })
})
