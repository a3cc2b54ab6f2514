import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort, until } from './support.js'
import type { ChildProcess } from 'node:child_process'
import type { MdnsInit } from '../src/index.js'

interface Line {
  event: 'started' | 'peer' | 'interfaces' | 'error' | 'stopped'
  id: string
  addresses: string[]
  interfaces: string[]
  error: { networkInterface: string; operation: string; code: string }
}

const script = fileURLToPath(new URL('fixtures/host.mjs', import.meta.url))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** How a process gets a network of its own here: as root, or as root of a user namespace, or not at all. */
const unshare = [['-n'], ['-r', '-n']].find((flags) => spawnSync('unshare', [...flags, 'true']).status === 0)
const withNamespaces = describe.skipIf(unshare === undefined) // the kernel or the container permits no network namespaces

/** A network of its own, held open by a process that sleeps in it. */
class Network {
  private constructor(private readonly pid: number) {}

  static async make(inside?: Network): Promise<Network> {
    const command = ['sh', '-c', 'ip link set lo up && echo ready && exec sleep 60']
    const flags = inside === undefined ? (unshare ?? []) : ['-n']
    const child =
      inside === undefined ? spawn('unshare', [...flags, ...command]) : inside.spawn(['unshare', ...flags, ...command])
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

  /** A cable between this network and another one. Neither gets a route beyond its subnet. */
  async cable(other: Network, subnet: number): Promise<void> {
    await this.ip(`link add lan${subnet} type veth peer name lan${subnet} netns ${other.pid}`)
    for (const [network, host] of [
      [this, 1],
      [other, 2]
    ] as const) {
      await network.ip(`addr add 10.77.${subnet}.${host}/24 dev lan${subnet}`)
      await network.ip(`addr add fd00:77:${subnet}::${host}/64 dev lan${subnet} nodad`)
      await network.ip(`link set lan${subnet} addrgenmode none`)
      await network.ip(`addr add fe80::${subnet}:${host}/64 dev lan${subnet} nodad`)
      await network.ip(`link set lan${subnet} up`)
    }
  }
}

class Host {
  readonly lines: Line[] = []

  private constructor(private readonly child: ChildProcess) {
    children.push(child)
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.lines.push(JSON.parse(line) as Line)
    )
  }

  static async start(
    network: Network | undefined,
    kind: 'ours' | 'upstream',
    addresses: string[],
    init: MdnsInit
  ): Promise<Host> {
    const args = [script, JSON.stringify({ kind, addresses, init })]
    const host = new Host(
      network === undefined
        ? spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
        : network.spawn([process.execPath, ...args])
    )
    await host.until('started')
    return host
  }

  get id(): string | undefined {
    return this.lines.find(({ event }) => event === 'started')?.id
  }

  async until(event: Line['event'], fits: (line: Line) => boolean = () => true): Promise<Line> {
    const find = (): Line | undefined => this.lines.find((line) => line.event === event && fits(line))
    await until(() => find() !== undefined)
    return find() as Line
  }

  /** Ends its input; nothing in it calls `process.exit`. */
  async end(): Promise<number> {
    this.child.stdin?.end()
    const [code] = (await once(this.child, 'exit')) as [number]
    return code
  }
}

it('the process ends by itself after stop', async () => {
  const host = await Host.start(undefined, 'ours', ['/ip4/127.0.0.1/tcp/1'], {
    interfaces: ['127.0.0.1'],
    port: await freePort()
  })
  expect(await host.end()).toBe(0)
  expect(host.lines.at(-1)?.event).toBe('stopped')
})

withNamespaces('in networks of their own', () => {
  it('a node and a plain @libp2p/mdns find each other', async () => {
    const network = await Network.make()
    await network.ip('link set lo multicast on')
    await network.ip('route add default dev lo src 127.0.0.1')
    const theirs = await Host.start(network, 'upstream', ['/ip4/127.0.0.1/tcp/5001'], { interval: 1000 })
    const ours = await Host.start(network, 'ours', ['/ip4/127.0.0.1/tcp/5002'], { interfaces: ['lo'], ipv6: false })
    expect(await ours.until('peer')).toMatchObject({ id: theirs.id, addresses: ['/ip4/127.0.0.1/tcp/5001'] })
    expect(await theirs.until('peer')).toMatchObject({ id: ours.id, addresses: ['/ip4/127.0.0.1/tcp/5002'] })
  })

  it('two hosts without any route find each other on the interface that they share, each with its address there', async () => {
    const a = await Network.make()
    const b = await Network.make(a)
    const c = await Network.make(a)
    await a.cable(b, 1)
    await a.cable(c, 2)
    const everywhere = (port: number, ...ips: string[]): string[] =>
      ['127.0.0.1', ...ips].map((ip) => `/ip4/${ip}/tcp/${port}`)
    const middle = await Host.start(a, 'ours', everywhere(1, '10.77.1.1', '10.77.2.1'), {})
    const left = await Host.start(b, 'ours', everywhere(2, '10.77.1.2'), {})
    const right = await Host.start(c, 'ours', everywhere(3, '10.77.2.2'), {})
    expect((await left.until('peer')).addresses).toEqual(['/ip4/10.77.1.1/tcp/1'])
    expect((await right.until('peer')).addresses).toEqual(['/ip4/10.77.2.1/tcp/1'])
    await middle.until('peer', ({ id }) => id === left.id)
    await middle.until('peer', ({ id }) => id === right.id)
    // there is no forwarding between the two cables
    expect(left.lines.filter(({ event, id }) => event === 'peer' && id !== middle.id)).toEqual([])
    for (const host of [middle, left, right]) {
      expect(await host.end()).toBe(0)
      expect(host.lines.filter(({ event }) => event === 'error')).toEqual([])
    }
  })

  it('two hosts find each other over IPv6 alone', async () => {
    const a = await Network.make()
    const b = await Network.make(a)
    await a.cable(b, 1)
    const one = await Host.start(a, 'ours', ['/ip6/fd00:77:1::1/tcp/1', '/ip6/::1/tcp/1'], { ipv4: false })
    const two = await Host.start(b, 'ours', ['/ip6/fd00:77:1::2/tcp/2'], { ipv4: false })
    expect(await two.until('peer')).toMatchObject({ id: one.id, addresses: ['/ip6/fd00:77:1::1/tcp/1'] })
    expect(await one.until('peer')).toMatchObject({ id: two.id })
  })

  it('an interface that appears later is used, and one that is pulled out is given up without harm', async () => {
    const a = await Network.make()
    const b = await Network.make(a)
    const init = { rescanInterval: 100, interval: 600_000 }
    const one = await Host.start(a, 'ours', ['/ip4/10.77.1.1/tcp/1'], init)
    expect(one.lines[0]?.interfaces).toEqual(['lo']) // a host without a network
    await a.cable(b, 1)
    await one.until('interfaces', ({ interfaces }) => interfaces.join() === 'lan1')
    const two = await Host.start(b, 'ours', ['/ip4/10.77.1.2/tcp/2'], init)
    await one.until('peer', ({ id }) => id === two.id)
    one.lines.splice(0)
    await a.ip('link del lan1')
    await one.until('interfaces', ({ interfaces }) => interfaces.join() === 'lo')
    one.lines.splice(0)
    await a.cable(b, 1)
    await one.until('interfaces', ({ interfaces }) => interfaces.join() === 'lan1')
    expect(await one.end()).toBe(0)
  })
})
