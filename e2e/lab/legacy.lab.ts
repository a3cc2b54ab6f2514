import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until, type NodeProcess } from '@penin/e2e'
import { lanOf, type Lab, type NetworkDescription } from '@penin/e2e/lab'
import type { ConfigInput } from '@penin/node'
import { expect, scenario } from './scenario.js'

const STAND_IN = fileURLToPath(new URL('../python/penin_standin.py', import.meta.url))
const PORT = 51_515

/** Seconds between beacons, of the Python nodes and of ours. */
const INTERVAL = 4

/** "Within two intervals", in milliseconds. */
const SOON = 2 * INTERVAL * 1_000

/** Nothing but beacons. */
const beaconsOnly: ConfigInput = {
  discovery: { mdns: false, dht: false, pex: false, udpBroadcast: { enabled: true, interval: INTERVAL * 1_000 } }
}

interface Line {
  event: string
  id?: string
  address?: string
  port?: number
  message?: string
  known_peers?: string[]
}

/** A stand-in for a Python node on a host. */
class PythonNode {
  readonly #lines: string[]
  readonly #ended: Promise<void>

  constructor(
    lab: Lab,
    readonly host: string,
    readonly id: string,
    ...extra: string[]
  ) {
    const args = ['--id', id, '--interval', String(INTERVAL), '--seconds', '300', ...extra]
    const { program, lines } = lab.run(['python3', STAND_IN, ...args], host)
    this.#lines = lines
    const closed = Promise.withResolvers<void>()
    program.once('close', () => {
      closed.resolve()
    })
    this.#ended = closed.promise
    this.end = async () => {
      program.kill('SIGTERM')
      await this.#ended
    }
  }

  /** Ends it as Ctrl-C does: it saves its state, if it has one. */
  readonly end: () => Promise<void>

  /** Whatever is no JSON is a line on its standard error. */
  get lines(): Line[] {
    return this.#lines.map((line) =>
      line.startsWith('{') ? (JSON.parse(line) as Line) : { event: 'stderr', message: line }
    )
  }

  of(event: string): Line[] {
    return this.lines.filter((line) => line.event === event)
  }

  /** Whom it knows, and where it believes them to be. */
  get peers(): Record<string, string> {
    return Object.fromEntries(this.of('peer').map(({ id = '', address = '', port }) => [id, `${address}:${port ?? 0}`]))
  }

  /** What it complains of. */
  get complaints(): string[] {
    return this.lines.flatMap(({ event, message = '' }) =>
      ['error', 'warning', 'stderr'].includes(event) ? message : []
    )
  }

  async ready(): Promise<this> {
    await until(() => this.of('ready').length > 0, { ms: 20_000, what: () => `${this.id}: ${this.complaints.join()}` })
    return this
  }
}

/** Ours by id, and the Python nodes by theirs, each with its address on the LAN. */
function addressesOf(lab: Lab, nodes: readonly NodeProcess[], pythons: readonly PythonNode[]): Record<string, string> {
  const of = (host: string): string => `${(lab.network.hosts[host]?.ports[0]?.ipv4 ?? '').split('/')[0] ?? ''}:${PORT}`
  return Object.fromEntries([
    ...nodes.map((node) => [node.id, of(lab.hostOf(node))] as const),
    ...pythons.map((python) => [python.id, of(python.host)] as const)
  ])
}

function without(all: Record<string, string>, ...ids: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(all).filter(([id]) => !ids.includes(id)))
}

async function legacyOf(node: NodeProcess): Promise<Record<string, string>> {
  const { peers } = await node.request('legacy', undefined)
  return Object.fromEntries(peers.map(({ id, address = '', port }) => [id, `${address}:${port}`]))
}

/** Polls until `actual` gives what is expected; on the way out both are shown. */
async function become(what: string, expected: unknown, actual: () => unknown, ms = SOON): Promise<void> {
  const text = (value: unknown): string => JSON.stringify(value, (_key, part: unknown) => sorted(part))
  let last: unknown
  await until(
    async () => {
      last = await actual()
      return text(last) === text(expected)
    },
    { ms, what: () => `${what}: ${text(last)} instead of ${text(expected)}` }
  )
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return [...(value as unknown[])].sort()
  }
  return typeof value === 'object' && value != null ? Object.fromEntries(Object.entries(value).sort()) : value
}

/** Whom a node has dialled or tried to; each by its id, since nothing else was configured. */
function dialled(node: NodeProcess): string[] {
  return node.events.flatMap(({ name, detail }) =>
    name === 'dial' || name === 'dialling' ? [String(detail['target'])] : []
  )
}

/** Beacons go to everybody and to nobody in particular, and nothing at all goes to those who can't be connected to. */
async function expectSilence(lab: Lab, nodes: readonly NodeProcess[], pythonOnly: readonly string[]): Promise<void> {
  const everybody = 'dst host 255.255.255.255 or dst host 10.77.0.255 or dst host ff02::50:454e'
  expect(await lab.packets('lan', `udp and not (${everybody})`)).toEqual([])
  for (const address of pythonOnly) {
    expect(await lab.packets('lan', `ip and dst host ${address}`)).toEqual([])
  }
  expect(await lab.packets('lan', 'ip and host 0.0.0.0')).toEqual([])
  const ours = nodes.map((node) => node.id)
  for (const node of nodes) {
    expect(dialled(node).filter((target) => !ours.includes(target))).toEqual([])
  }
}

/** Two Python nodes, one of them on a host and port that it shares with one of our three. */
async function sharedLan(lab: Lab): Promise<{ nodes: NodeProcess[]; pythons: PythonNode[] }> {
  const pythons = [new PythonNode(lab, 'h1', 'node-alpha'), new PythonNode(lab, 'h2', 'node-beta')]
  const nodes = await Promise.all(['h2', 'h3', 'h4'].map(async (host) => lab.startOn(host, beaconsOnly)))
  await Promise.all(pythons.map(async (python) => python.ready()))
  return { nodes, pythons }
}

scenario(
  '2 Python nodes and 3 of ours on a LAN, two of them on one port, all see each other within two intervals',
  lanOf(4),
  async (lab) => {
    const { nodes, pythons } = await sharedLan(lab)
    const all = addressesOf(lab, nodes, pythons)
    const ids = nodes.map((node) => node.id)
    await Promise.all([
      ...pythons.map(async (python) => become(python.id, without(all, python.id), () => python.peers)),
      ...nodes.map(async (node) => become(node.name, without(all, ...ids), async () => legacyOf(node))),
      lab.formed({ ms: SOON, nodes, minimum: 2 })
    ])
    for (const node of nodes) {
      const peers = await node.request('peers', { connected: true })
      expect(peers.every(({ sources }) => sources.includes('udp'))).toBe(true)
    }
    expect(pythons.flatMap(({ complaints }) => complaints)).toEqual([])
    expect(nodes.flatMap(dialled)).not.toEqual([])
    await expectSilence(lab, nodes, ['10.77.0.1'])
    expect(lab.unhandled).toEqual([])
  }
)

scenario(
  'without a default route Python nodes hear ours, though their own beacons do not get out',
  lanOf(4, { gateway: 'none' }),
  async (lab) => {
    const { nodes, pythons } = await sharedLan(lab)
    const ours = addressesOf(lab, nodes, [])
    await Promise.all([
      ...pythons.map(async (python) => become(python.id, ours, () => python.peers)),
      lab.formed({ ms: SOON, nodes, minimum: 2 })
    ])
    // a Python node sends to 255.255.255.255 from a socket of no interface, and the system knows none for it
    for (const { complaints } of pythons) {
      expect(new Set(complaints)).toEqual(new Set(['broadcast failed: [Errno 101] Network is unreachable']))
    }
    for (const node of nodes) {
      expect(await legacyOf(node)).toEqual({})
    }
    await expectSilence(lab, nodes, ['10.77.0.1'])
    expect(lab.unhandled).toEqual([])
  }
)

scenario('2 Python nodes and 3 of ours on one host and port all see each other', lanOf(1), async (lab) => {
  const pythons = [new PythonNode(lab, 'h1', 'node-alpha'), new PythonNode(lab, 'h1', 'node-beta')]
  const nodes = await Promise.all(['a', 'b', 'c'].map(async (name) => lab.startOn('h1', beaconsOnly, name)))
  await Promise.all(pythons.map(async (python) => python.ready()))
  const all = addressesOf(lab, nodes, pythons)
  const ids = nodes.map((node) => node.id)
  await Promise.all([
    ...pythons.map(async (python) => become(python.id, without(all, python.id), () => python.peers)),
    ...nodes.map(async (node) => become(node.name, without(all, ...ids), async () => legacyOf(node))),
    lab.formed({ ms: SOON, nodes, minimum: 2 })
  ])
  expect(pythons.flatMap(({ complaints }) => complaints)).toEqual([])
  await expectSilence(lab, nodes, [])
  expect(lab.unhandled).toEqual([])
})

scenario(
  'where the beacons of a Python node come from 0.0.0.0, it is shown without an address and 0.0.0.0 is never dialled',
  { switches: ['lan'], hosts: { h1: { ports: [] } } },
  async (lab) => {
    await lab.sandbox.sh('ip link set lo multicast on && ip route add default dev lo', 'h1')
    const legacyState = join(await lab.root(), 'state.json')
    const nodes = await Promise.all(
      ['a', 'b'].map(async (name) =>
        lab.startOn('h1', { ...beaconsOnly, ...(name === 'a' ? { legacyState } : {}) }, name)
      )
    )
    const python = await new PythonNode(lab, 'h1', 'node-alpha').ready()
    await Promise.all([
      ...nodes.map(async (node) => become(node.name, { 'node-alpha': `:${PORT}` }, async () => legacyOf(node))),
      become('node-alpha', Object.fromEntries(nodes.map(({ id }) => [id, `127.0.0.1:${PORT}`])), () => python.peers),
      lab.formed({ ms: SOON, nodes, minimum: 1 })
    ])
    expect((await nodes[0]?.request('legacy', undefined))?.knownPeers).toEqual([])
    expect(python.complaints).toEqual([])
    await expectSilence(lab, nodes, [])
    expect(lab.unhandled).toEqual([])
  }
)

scenario(
  'on an IPv6-only LAN the beacons find everybody',
  lanOf(3, { ipv4: false, ipv6: true, gateway: 'none' }),
  async (lab) => {
    const nodes = await lab.startEverywhere(beaconsOnly)
    await lab.formed({ ms: SOON, nodes, minimum: 2 })
    expect((await lab.packets('lan', `udp and dst host ff02::50:454e and dst port ${PORT}`)).length).toBeGreaterThan(0)
    await expectSilence(lab, nodes, [])
    expect(lab.unhandled).toEqual([])
  }
)

/** h1 stands on the left one, the others on the right one. */
const twoLans: NetworkDescription = {
  switches: ['left', 'lan'],
  hosts: {
    h1: { ports: [{ switch: 'left', ipv4: '10.1.0.1/24', noIpv6: true }] },
    h2: { ports: [{ switch: 'lan', ipv4: '10.77.0.2/24', noIpv6: true }] },
    h3: { ports: [{ switch: 'lan', ipv4: '10.77.0.3/24', noIpv6: true }] }
  }
}

scenario('an interface that appears after the start is used by the beacons', twoLans, async (lab) => {
  const nodes = await Promise.all(['h1', 'h2'].map(async (host) => lab.startOn(host, beaconsOnly)))
  const python = await new PythonNode(lab, 'h3', 'node-alpha').ready()
  await lab.plug('h1', 'eth9', { switch: 'lan', ipv4: '10.77.0.9/24', noIpv6: true })
  const [late, there] = nodes as [NodeProcess, NodeProcess]
  await Promise.all([
    become('h1', { 'node-alpha': `10.77.0.3:${PORT}` }, async () => legacyOf(late), 20_000),
    become('h3', { [late.id]: `10.77.0.9:${PORT}`, [there.id]: `10.77.0.2:${PORT}` }, () => python.peers, 20_000),
    lab.formed({ ms: 20_000, nodes })
  ])
  expect((await late.request('stats', undefined)).udp?.interfaces.sort()).toEqual(['eth0', 'eth9'])
  expect(python.complaints).toEqual([])
  expect(lab.unhandled).toEqual([])
})

/** Holds the port without sharing it. */
const HOLD = `
import socket, sys
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.bind(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
`

scenario('a port that is taken is a warning, others hear this node, and mDNS goes on', lanOf(3), async (lab) => {
  const { lines } = lab.run(['python3', '-c', HOLD, String(PORT)], 'h1')
  await until(() => lines.includes('ready'), { ms: 20_000, what: () => lines.join() })
  const discovery = { ...beaconsOnly.discovery, mdns: true }
  const deaf = await lab.startOn('h1', { ...beaconsOnly, discovery })
  expect(deaf.warnings.filter((text) => text.includes('UDP port'))).toEqual([
    `UDP port ${PORT} (IPv4) is taken by a program that does not share it: no beacon is heard`
  ])
  const python = await new PythonNode(lab, 'h2', 'node-alpha').ready()
  const mdnsOnly = await lab.startOn('h3', { discovery: { mdns: true, dht: false, pex: false } })
  await Promise.all([
    become('h2', { [deaf.id]: `10.77.0.1:${PORT}` }, () => python.peers),
    lab.formed({ ms: 20_000, nodes: [deaf, mdnsOnly] })
  ])
  expect(await legacyOf(deaf)).toEqual({})
  expect(lab.unhandled).toEqual([])
})

/** Sends so many beacons of so many Python nodes, of broken ones, and of one that claims to have a record. */
const CHATTER = `
import json, socket, sys, time
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for i in range(100):
    beacon = {"id": "node-%d" % i, "port": ${PORT}, "timestamp": time.time()}
    for text in (json.dumps(beacon), json.dumps({**beacon, "v": 2, "net": "penin", "seq": i, "record": "CiQ"}), "[]"):
        for to in ("10.77.0.255", "10.77.0.1"):
            end.sendto(text.encode(), (to, ${PORT}))
    time.sleep(0.05)
print("done", flush=True)
sys.stdin.read()
`

scenario('whatever beacons arrive, nothing is sent because of them', lanOf(2), async (lab) => {
  const config = {
    ...beaconsOnly,
    discovery: { ...beaconsOnly.discovery, udpBroadcast: { enabled: true, interval: 3_600_000 } }
  }
  const node = await lab.startOn('h1', config)
  // the first beacon, and those about the addresses of the listeners that came up after it
  let last = -1
  await until(
    async () => {
      const before = last
      last = (await node.request('stats', undefined)).udp?.sent ?? 0
      return last > 0 && last === before
    },
    { ms: 30_000, interval: 4_000, what: 'it does not come to rest' }
  )
  const sent = async (): Promise<string[]> => lab.packets('lan', 'ip and src host 10.77.0.1')
  const before = await sent()
  expect(before.length).toBeGreaterThan(0)
  const { lines } = lab.run(['python3', '-c', CHATTER], 'h2')
  await until(() => lines.includes('done'), { ms: 30_000, what: () => lines.join() })
  const { udp } = await node.request('stats', undefined)
  expect(udp?.legacy).toBe(8) // of one address no more are kept
  expect(udp?.dropped).toMatchObject({ 'bad-record': expect.any(Number) as number })
  expect(await sent()).toEqual(before)
  expect(lab.unhandled).toEqual([])
})

/** What a Python node has in its file beside the peers, with what JavaScript's numbers would lose. */
const STATE = `{
  "knowledge_base": {"art": {"__type__": "NumericVectorArtifact", "vector": [0.1, 1e-07], "metadata": {"big": ${2n ** 80n}}}},
  "task_history": {"__type__": "deque", "items": [{"id": 9007199254740993}], "maxlen": 1000},
  "score_history": {"__type__": "deque", "items": [], "maxlen": 1000},
  "known_peers": ["192.168.1.100:51515"]
}`

scenario('a Python node and ours share a state file, and neither loses what is in it', lanOf(3), async (lab) => {
  const legacyState = join(await lab.root(), 'state.json')
  await writeFile(legacyState, STATE)
  const saved = async (): Promise<Record<string, unknown>> =>
    JSON.parse(await readFile(legacyState, 'utf8')) as Record<string, unknown>
  const sharer = await new PythonNode(lab, 'h1', 'node-alpha', '--state', legacyState).ready()
  const node = await lab.startOn('h1', { ...beaconsOnly, legacyState })
  const other = await new PythonNode(lab, 'h2', 'node-beta').ready()
  const third = await lab.startOn('h3', beaconsOnly)
  const all = addressesOf(lab, [node, third], [sharer, other])
  await Promise.all([
    become('h1', without(all, sharer.id), () => sharer.peers),
    become('h1, ours', without(all, node.id, third.id), async () => legacyOf(node))
  ])
  const old = '192.168.1.100:51515'
  const mine = [`10.77.0.1:${PORT}`, `10.77.0.2:${PORT}`]
  // ours saves by itself, the Python node at its end, and all of its own list
  await become('the file', [old, ...mine], async () => (await saved())['known_peers'], 15_000)
  await sharer.end()
  const theirs = [old, `10.77.0.1:${PORT}`, `10.77.0.2:${PORT}`, `10.77.0.3:${PORT}`]
  await become('the file after its end', theirs, async () => (await saved())['known_peers'])
  await node.stop()
  await become('the file after ours', theirs, async () => (await saved())['known_peers'])
  const text = await readFile(legacyState, 'utf8')
  for (const kept of [String(2n ** 80n), '1e-07', '9007199254740993', 'NumericVectorArtifact']) {
    expect(text).toContain(kept)
  }
  const again = await new PythonNode(lab, 'h1', 'node-alpha', '--state', legacyState).ready()
  expect(again.of('loaded')[0]?.known_peers).toEqual(theirs.sort())
  expect([...sharer.complaints, ...other.complaints, ...again.complaints]).toEqual([])
  expect(lab.unhandled).toEqual([])
})
