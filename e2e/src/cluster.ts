import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfigInput } from '@penin/node'
import { NodeProcess } from './node-process.js'
import { components } from './topology.js'
import { until } from './until.js'

/** Loopback only, and no discovery but what a test asks for. */
const QUIET: ConfigInput = {
  listen: ['/ip4/127.0.0.1/tcp/0'],
  discovery: { mdns: false, dht: false, pex: false }
}

/** The node processes of one test, and their data. Disposing it ends and removes everything, whatever has happened. */
export class Cluster implements AsyncDisposable {
  readonly nodes: NodeProcess[] = []
  #root?: Promise<string>

  /** The folder in which this test's data directories lie. */
  async root(): Promise<string> {
    this.#root ??= mkdtemp(join(tmpdir(), 'penin-e2e-')) // a promise: many nodes ask at once
    return this.#root
  }

  /** Makes a node process that is not started yet, with a data directory of its own. */
  async make(name: string, config: ConfigInput = {}): Promise<NodeProcess> {
    const node = new NodeProcess(name, { ...QUIET, dataDir: join(await this.root(), name), ...config })
    this.nodes.push(node)
    return node
  }

  /** Makes and starts one. */
  async start(name: string, config: ConfigInput = {}): Promise<NodeProcess> {
    return (await this.make(name, config)).start()
  }

  /** Makes and starts `count` at once, called `name-0`, `name-1`, … */
  async startMany(count: number, name: string, config: ConfigInput = {}): Promise<NodeProcess[]> {
    return Promise.all(Array.from({ length: count }, async (_, index) => this.start(`${name}-${index}`, config)))
  }

  get running(): NodeProcess[] {
    return this.nodes.filter((node) => node.isRunning)
  }

  /** Who is connected to whom among `nodes`, by id. */
  async links(nodes = this.running): Promise<Map<string, string[]>> {
    return new Map(await Promise.all(nodes.map(async (node) => [node.id, await node.connected()] as const)))
  }

  /** Waits until `nodes` form one connected component, and each has `minimum` peers at least. */
  async formed(options: { ms: number; nodes?: NodeProcess[]; minimum?: number }): Promise<void> {
    const nodes = options.nodes ?? this.running
    const { minimum = 1 } = options
    let links = new Map<string, string[]>()
    await until(
      async () => {
        links = await this.links(nodes)
        return components(links).length === 1 && [...links.values()].every((peers) => peers.length >= minimum)
      },
      {
        ms: options.ms,
        what: () => {
          const degrees = nodes.map((node) => `${node.name}: ${links.get(node.id)?.length ?? 0}`).join(', ')
          return `no single network (${components(links).length} parts; ${degrees})`
        }
      }
    )
  }

  /** Errors that nobody has handled, in any of the processes. */
  get unhandled(): string[] {
    return this.nodes.flatMap((node) => node.unhandled.map((error) => `${node.name}: ${error}`))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => node.kill()))
    if (this.#root != null) {
      await rm(await this.#root, { recursive: true, force: true })
    }
  }
}
