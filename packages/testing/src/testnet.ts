import { randomUUID } from 'node:crypto'
import { deadline, systemClock } from '@penin/interface'
import type { NodeOptions, PeninNode } from '@penin/node'
import { until } from './waiting.js'

export interface TestnetOptions {
  /** Connect every node to every other one, not only to the bootstrap node. @default false */
  mesh?: boolean
  /** Let the nodes look for each other by mDNS too, on 127.0.0.1 only. @default false */
  mdns?: boolean
  /** Options for every node, or for each by its number; the bootstrap node is number 0. */
  node?: NodeOptions | ((index: number) => NodeOptions)
  /** Milliseconds of real time until the test fails. @default 20_000 */
  timeoutMs?: number
  signal?: AbortSignal
}

/** A network of its own, of real nodes in this process, on loopback. */
export interface Testnet extends AsyncDisposable {
  /** All nodes; the bootstrap node is the first. */
  nodes: PeninNode[]
  bootstrap: PeninNode
  /** Starts one more node with the same settings, and returns it once it is connected to the bootstrap node. */
  add(options?: NodeOptions): Promise<PeninNode>
  /** Stops every node. Again does nothing. */
  stop(): Promise<void>
}

/**
 * Starts `n` nodes that share nothing with the machine: no environment variables, no data directory, no multicast, and a
 * network id that nobody else has.
 *
 * @throws ConditionTimeoutError, or what `createNode()` throws; whatever had been started is stopped again
 */
export async function createTestnet(n: number, options: TestnetOptions = {}): Promise<Testnet> {
  const { timeoutMs = 20_000, mesh = false } = options
  const net = new TestnetImpl(options)
  const limit = deadline(systemClock, timeoutMs, options.signal)
  const hold = setTimeout(() => undefined, timeoutMs + 1_000) // the system clock keeps no process alive
  try {
    await net.grow(Math.max(1, n), limit.signal)
    if (mesh) {
      await net.connectAll(limit.signal)
    }
    return net
  } catch (error) {
    await net.stop()
    throw error
  } finally {
    clearTimeout(hold)
    limit.clear()
  }
}

class TestnetImpl implements Testnet {
  readonly nodes: PeninNode[] = []
  readonly #options: TestnetOptions
  readonly #networkId = `testnet-${randomUUID()}`
  #started = 0
  #stopped = false

  constructor(options: TestnetOptions) {
    this.#options = options
  }

  get bootstrap(): PeninNode {
    return this.nodes[0] as PeninNode
  }

  async add(options: NodeOptions = {}): Promise<PeninNode> {
    const node = await this.#create(options)
    await this.#untilJoined([node])
    return node
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.allSettled(this.nodes.map(async (node) => node.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async grow(n: number, signal: AbortSignal): Promise<void> {
    await this.#create({}, signal)
    const results = await Promise.allSettled(Array.from({ length: n - 1 }, async () => this.#create({}, signal)))
    for (const result of results) {
      if (result.status === 'rejected') {
        throw result.reason
      }
    }
    await this.#untilJoined(this.nodes.slice(1), signal)
  }

  async connectAll(signal: AbortSignal): Promise<void> {
    for (const [index, node] of this.nodes.entries()) {
      await Promise.all(this.nodes.slice(0, index).map(async (other) => node.peers.add(addressOf(other), { signal })))
    }
    await this.#until(
      'every node is connected to every other',
      () => this.nodes.every((a) => this.nodes.every((b) => a === b || isConnected(a, b))),
      signal
    )
  }

  async #create(extra: NodeOptions, signal?: AbortSignal): Promise<PeninNode> {
    const { createNode } = await import('@penin/node') // whoever wants only the fake clock need not load libp2p
    const { node, mdns = false } = this.#options
    const index = this.#started++
    const given = typeof node === 'function' ? node(index) : node
    const made = await createNode({
      env: {},
      networkId: this.#networkId,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: this.nodes.length === 0 ? [] : [addressOf(this.bootstrap)],
      ...(signal == null ? {} : { signal }),
      ...given,
      ...extra,
      discovery: {
        mdns: mdns ? { enabled: true, interfaces: ['127.0.0.1'] } : false,
        ...given?.discovery,
        ...extra.discovery
      }
    })
    if (this.#stopped) {
      await made.stop()
    }
    this.nodes.push(made)
    return made
  }

  async #untilJoined(nodes: PeninNode[], signal?: AbortSignal): Promise<void> {
    await this.#until(
      'every node is connected to the bootstrap node',
      () => nodes.every((node) => isConnected(node, this.bootstrap) && isConnected(this.bootstrap, node)),
      signal
    )
  }

  async #until(message: string, condition: () => boolean, signal?: AbortSignal): Promise<void> {
    await until(() => signal?.aborted === true || condition(), {
      timeoutMs: this.#options.timeoutMs ?? 20_000,
      message
    })
    signal?.throwIfAborted()
  }
}

function addressOf(node: PeninNode): string {
  return (node.addresses[0] ?? '').toString()
}

function isConnected(from: PeninNode, to: PeninNode): boolean {
  return from.peers.list({ connected: true }).some((peer) => peer.id.equals(to.id))
}
