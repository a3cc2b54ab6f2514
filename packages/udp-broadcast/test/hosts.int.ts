import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from '@penin/testing'
import { afterEach, describe, expect, it } from 'vitest'
import type { UdpBroadcastInit, UdpBroadcastStats } from '../src/index.js'
import { freePort } from './support.js'

interface Line {
  event?: 'started' | 'peer' | 'legacy' | 'error' | 'stopped'
  id?: string
  address?: string
  addresses?: string[]
  from?: string
  size?: number
  error?: { networkInterface: string; operation: string; code: string } | string
  stats?: UdpBroadcastStats
}

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
  }
})

/** How a process gets a network of its own here: as root, or as root of a user namespace, or not at all. */
const unshare = [['-n'], ['-r', '-n']].find((flags) => spawnSync('unshare', [...flags, 'true']).status === 0)
const hasPython = spawnSync('python3', ['-c', '']).status === 0
const withNamespaces = describe.skipIf(unshare === undefined || !hasPython) // no network namespaces or no Python here

/** A network of its own, held open by a process that sleeps in it. */
class Network {
  private constructor(private readonly pid: number) {}

  static async make(inside?: Network): Promise<Network> {
    const command = ['sh', '-c', 'ip link set lo up && echo ready && exec sleep 60']
    const child =
      inside == null ? spawn('unshare', [...(unshare ?? []), ...command]) : inside.spawn(['unshare', '-n', ...command])
    children.push(child)
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    return new Network(child.pid ?? 0)
  }

  spawn(command: string[]): ChildProcess {
    const user = unshare?.includes('-r') === true ? ['-U', '--preserve-credentials'] : []
    return spawn('nsenter', ['-t', String(this.pid), ...user, '-n', ...command], { stdio: ['pipe', 'pipe', 'inherit'] })
  }

  async ip(args: string): Promise<void> {
    const [code] = (await once(this.spawn(['ip', ...args.split(' ')]), 'exit')) as [number]
    expect(code, `ip ${args}`).toBe(0)
  }

  /** A cable between this network and another one, with these addresses for the ends and without any other route. */
  async cable(other: Network, mine: string[], theirs: string[]): Promise<void> {
    await this.ip(`link add lan0 type veth peer name lan0 netns ${other.pid}`)
    for (const [network, addresses] of [
      [this, mine],
      [other, theirs]
    ] as const) {
      await network.ip('link set lan0 addrgenmode none')
      for (const address of addresses) {
        await network.ip(`addr add ${address} dev lan0${address.includes(':') ? ' nodad' : ' broadcast +'}`)
      }
      await network.ip('link set lan0 up')
    }
  }
}

class Program {
  readonly lines: Line[] = []

  private constructor(private readonly child: ChildProcess) {
    children.push(child)
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.lines.push(JSON.parse(line) as Line)
    )
  }

  static async ours(network: Network | undefined, addresses: string[], init: UdpBroadcastInit = {}): Promise<Program> {
    const command = [process.execPath, fixture('host.mjs'), JSON.stringify({ addresses, init })]
    const [file = '', ...args] = command
    const child = network?.spawn(command) ?? spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const program = new Program(child)
    await program.until((line) => line.event === 'started')
    return program
  }

  static python(network: Network, port: number, name: string): Program {
    return new Program(network.spawn(['python3', '-S', '-I', fixture('ears.py'), String(port), name]))
  }

  get id(): string | undefined {
    return this.lines.find(({ event }) => event === 'started')?.id
  }

  get errors(): Line[] {
    return this.lines.filter(({ error }) => error != null)
  }

  async until(fits: (line: Line) => boolean): Promise<Line> {
    return until(() => this.lines.find(fits), { timeoutMs: 20_000, message: () => JSON.stringify(this.lines) })
  }

  write(): void {
    this.child.stdin?.write('\n')
  }

  /** Ends its input; nothing in it calls `process.exit`. */
  async end(): Promise<Line | undefined> {
    this.child.stdin?.end()
    const [code] = (await once(this.child, 'exit')) as [number]
    expect(code).toBe(0)
    return this.lines.at(-1)
  }
}

it('the process ends by itself after stop', async () => {
  const host = await Program.ours(undefined, ['/ip4/127.0.0.1/tcp/1'], {
    interfaces: ['127.0.0.1'],
    port: await freePort()
  })
  expect((await host.end())?.event).toBe('stopped')
})

withNamespaces('in networks of their own', () => {
  const everywhere = (port: number, ...ips: string[]): string[] =>
    ['127.0.0.1', ...ips].map((ip) => `/ip4/${ip}/tcp/${port}`)

  it('without any route: two hosts find each other by both broadcasts, and a Python node there hears both', async () => {
    const a = await Network.make()
    const b = await Network.make(a)
    await a.cable(b, ['10.77.1.1/24'], ['10.77.1.2/24'])
    const python = Program.python(b, 51_515, 'node-alpha')
    // its own beacon doesn't get out without a route; it listens nevertheless
    await python.until(({ error }) => error != null)
    const one = await Program.ours(a, everywhere(1, '10.77.1.1'), { interval: 1000 })
    const two = await Program.ours(b, everywhere(2, '10.77.1.2'), { interval: 1000 })
    expect(await one.until(({ event }) => event === 'peer')).toMatchObject({
      id: two.id,
      addresses: ['/ip4/10.77.1.2/tcp/2']
    })
    expect(await two.until(({ event }) => event === 'peer')).toMatchObject({ id: one.id })
    const heard = (id?: string): Line[] => python.lines.filter((line) => line.id === id)
    await until(() => heard(one.id).length >= 2 && heard(two.id).length >= 2)
    expect(new Set(heard(one.id).map(({ from }) => from))).toEqual(new Set(['10.77.1.1']))
    expect(Math.max(...heard(one.id).map(({ size }) => size ?? 0))).toBeLessThanOrEqual(1024)
    for (const host of [one, two]) {
      expect(host.errors).toEqual([])
      expect((await host.end())?.stats?.errors).toEqual({})
    }
  })

  it('a Python node with a default route is seen, from its address, also by a node on its own host and port', async () => {
    const a = await Network.make()
    const b = await Network.make(a)
    await a.cable(b, ['10.77.1.1/24'], ['10.77.1.2/24'])
    await b.ip('route add default dev lan0')
    const one = await Program.ours(a, everywhere(1, '10.77.1.1'), { interval: 1000 })
    const two = await Program.ours(b, everywhere(2, '10.77.1.2'), { interval: 1000 })
    const python = Program.python(b, 51_515, 'node-alpha')
    for (const host of [one, two]) {
      expect(await host.until(({ event }) => event === 'legacy')).toMatchObject({
        id: 'node-alpha',
        address: '10.77.1.2'
      })
    }
    await python.until(({ id }) => id === one.id)
    await python.until(({ id }) => id === two.id)
    expect(python.errors).toEqual([])
  })

  it('over IPv6 alone', async () => {
    const a = await Network.make()
    const b = await Network.make(a)
    await a.cable(b, ['fe80::1/64', 'fd00:77::1/64'], ['fe80::2/64', 'fd00:77::2/64'])
    const one = await Program.ours(a, ['/ip6/fd00:77::1/tcp/1', '/ip6/::1/tcp/1'], { interval: 1000 })
    const two = await Program.ours(b, ['/ip6/fd00:77::2/tcp/2'], { interval: 1000 })
    expect(await two.until(({ event }) => event === 'peer')).toMatchObject({
      id: one.id,
      addresses: ['/ip6/fd00:77::1/tcp/1']
    })
    expect(await one.until(({ event }) => event === 'peer')).toMatchObject({ id: two.id })
    expect([...one.errors, ...two.errors]).toEqual([])
  })

  it('over an interface that appears later, and without harm when it is pulled out', async () => {
    const a = await Network.make()
    const b = await Network.make(a)
    const init = { rescanInterval: 100, interval: 600_000 }
    const one = await Program.ours(a, ['/ip4/10.77.1.1/tcp/1'], init)
    await a.cable(b, ['10.77.1.1/24'], ['10.77.1.2/24'])
    const two = await Program.ours(b, ['/ip4/10.77.1.2/tcp/2'], init)
    await one.until(({ event, id }) => event === 'peer' && id === two.id)
    await a.ip('link del lan0')
    expect((await one.end())?.event).toBe('stopped')
  })

  it('nothing goes out in answer: what is on the wire is one beacon per destination and interval', async () => {
    const a = await Network.make()
    const b = await Network.make(a)
    await a.cable(b, ['10.77.1.1/24'], ['10.77.1.2/24'])
    await b.ip('route add default dev lan0')
    const one = await Program.ours(a, everywhere(1, '10.77.1.1'), { interval: 600_000, ipv6: false })
    const python = Program.python(b, 51_515, 'node-alpha')
    await one.until(({ event }) => event === 'legacy')
    for (let i = 0; i < 10; i++) {
      python.write()
    }
    await until(() => python.lines.filter(({ id }) => id === 'node-alpha').length === 11)
    const { stats } = (await one.end()) ?? {}
    expect(stats?.legacyBeacons).toBe(11)
    // one at start, one goodbye, each to two destinations
    expect(stats?.sent).toBe(4)
    await until(() => python.lines.filter(({ id }) => id === one.id).length >= 2)
    expect(python.lines.filter(({ id }) => id === one.id)).toHaveLength(2)
  })
})
