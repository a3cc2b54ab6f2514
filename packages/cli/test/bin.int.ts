import { afterEach, describe, expect, it } from 'vitest'
import { endPrograms, Program, removeFolders, tempFolder } from '@penin/testing'

const bin = new URL('../dist/bin.js', import.meta.url)
const quiet = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns', '--no-udp', '--json']

function penin(...args: string[]): Program {
  return new Program(bin, args)
}

async function answer(...args: string[]): Promise<{ code: number | string; out: string; err: string }> {
  const program = penin(...args)
  const code = await program.exit
  return { code, out: program.stdout, err: program.stderr }
}

afterEach(async () => {
  await endPrograms()
  removeFolders()
})

describe('penin start and the commands that ask it', () => {
  it('start, peers, stats, explain, add and remove work together', async () => {
    const [a, b] = [tempFolder(), tempFolder()]
    const first = penin('start', ...quiet, '--data-dir', a)
    const second = penin('start', ...quiet, '--data-dir', b)
    const [, started] = await Promise.all([first.event('started'), second.event('started')])
    const id = String(started['id'])
    const [address = ''] = started['addresses'] as string[]
    expect(await answer('peers', '--data-dir', a)).toMatchObject({
      code: 0,
      out: expect.stringContaining('no peer is connected')
    })
    expect(await answer('add', address, '--data-dir', a)).toMatchObject({
      code: 0,
      out: expect.stringContaining(`${id} is connected`)
    })
    expect(await first.event('peer:connected')).toMatchObject({
      id,
      direction: 'outbound',
      agentVersion: expect.stringContaining('penin/')
    })
    const table = await answer('peers', '--data-dir', a)
    expect(table.out).toMatch(new RegExp(`^PEER[\\s\\S]*${id} +connected +outbound +manual`))
    expect(table.out).not.toContain('\u001b')
    expect(JSON.parse((await answer('peers', '--json', '--data-dir', a)).out)).toMatchObject([{ id }])
    expect(JSON.parse((await answer('stats', '--json', '--data-dir', a)).out)).toMatchObject({
      peers: { connected: 1 },
      messages: { sent: 0, received: 0, rtt: {}, broadcast: { running: false, total: { published: 0 } } }
    })
    expect((await answer('stats', '--data-dir', a)).out).toMatch(
      /\nmessages +0 out \(0 B\), 0 in [\s\S]*\nround trip +p50 -, p99 -\nbroadcast +not used yet\n/
    )
    expect((await answer('explain', id.slice(-6), '--data-dir', a)).out).toMatch(/this node dialled it/)
    expect(await answer('peers', '--data-dir', a, '--sort', 'health', '--tag', 'trusted')).toMatchObject({
      out: 'no peer is like that\n'
    })
    expect((await answer('trust', id.slice(-6), '--data-dir', a)).out).toBe(`${id} is trusted\n`)
    expect((await answer('peers', '--tag', 'trusted', '--source', 'manual', '--data-dir', a)).out).toContain(id)
    expect((await answer('history', id.slice(-6), '--data-dir', a)).out).toMatch(/trusted/)
    expect((await answer('ban', id.slice(-6), '--for', '1h', '--reason', 'test', '--data-dir', a)).out).toMatch(
      new RegExp(`^${id} is banned for (1 h 0|59) min\n$`)
    )
    expect((await answer('bans', '--data-dir', a)).out).toMatch(new RegExp(`${id} .*operator +test`))
    expect((await answer('peers', '--banned', '--data-dir', a)).out).toMatch(new RegExp(`${id} +banned`))
    expect((await answer('unban', id.slice(-6), '--data-dir', a)).out).toBe(`unbanned ${id}\n`)
    expect(JSON.parse((await answer('reputation', '--json', '--data-dir', a)).out)).toMatchObject({
      peers: { [id]: { trusted: true } }
    })
    expect(await answer('remove', id.slice(-6), '--data-dir', a)).toMatchObject({ code: 0, out: `removed ${id}\n` })
    expect(await answer('add', '127.0.0.1:1', '--data-dir', a)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^penin: could not dial [^\n]*\n$/)
    })
    const again = await answer('start', ...quiet, '--data-dir', a)
    expect(again).toMatchObject({ code: 3, err: expect.stringContaining(a) })
    first.child.kill('SIGINT')
    second.child.kill('SIGTERM')
    expect(await Promise.all([first.exit, second.exit])).toEqual([0, 0])
    expect(await answer('peers', '--data-dir', a)).toMatchObject({
      code: 5,
      err: expect.stringMatching(/^penin: no node is running at [^\n]*\n$/)
    })
  })

  it.for([
    [['pers'], /unknown command 'pers' \(Did you mean peers\?\)/],
    [['start', '--target', 'x'], /--target \(command line\)/],
    [['start', '--', '--bogus'], /unknown option '--bogus'/],
    [['explain'], /missing required argument 'id'/],
    [['ban', 'abcd', '--for', 'x'], /--for: expected a duration/],
    [['peers', '--sort', 'age'], /--sort/],
    [['demo', '--nodes', '1'], /--nodes: got "1"/],
    [[], /no command given/]
  ] as const)('%j ends with 2', async ([args, message]) => {
    const { code, err } = await answer(...args)
    expect(code).toBe(2)
    expect(err.trimEnd().split('\n').at(-1)).toMatch(message)
  })

  it('shows help, and its version', async () => {
    expect(await answer('start', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('Exit codes:') })
    expect(await answer('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^penin \d+\.\d+\.\d+ /) })
  })

  it('a reader that has gone is no crash', async () => {
    const program = penin('start', ...quiet)
    await program.event('started')
    program.child.stdout?.destroy()
    program.child.kill('SIGTERM')
    await program.exit
    expect(program.stderr).not.toContain('Unhandled')
  })
})
