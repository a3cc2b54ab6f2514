import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRng, type Clock, type Rng } from '@penin/interface'
import { profileDefaults } from '@penin/node'
import { DemoMessageError, DemoTimeoutError } from '../errors.js'
import { discoveredBy, enoughPeers, isFormed, isSettled, type NodeView } from './formation.js'
import { DemoNetwork } from './network.js'
import type { Delivery } from './tally.js'

export interface DemoOptions {
  /** Nodes beside the bootstrap node. */
  nodes: number
  /** Milliseconds for each of the three things that have to happen. */
  timeout: number
  /** Leaves the folder with all data where it is. */
  keep: boolean
}

/** What came of a demo; the one JSON object that `--json` prints. */
export interface DemoResult {
  ok: boolean
  nodes: Array<{ id: string; addresses: string[]; connections: number; discoveredBy: Record<string, number> }>
  /** Milliseconds from the first start until the network had formed; null if it has not. */
  formedMs: number | null
  /** Milliseconds from the restart of a node until it had enough peers again, without the bootstrap node. */
  rejoinedMs: number | null
  /** One message of each node to each other one; null if it did not come to that. */
  messages: Delivery | null
  /** One broadcast of the restarted node to all others; null if it did not come to that. */
  broadcast: Delivery | null
  reason?: string
}

/** Who watches a demo. */
export interface DemoWatcher {
  /** Something has happened; `nodes` is how things stand now. */
  onChange(line: string, nodes: readonly NodeView[]): void
  /** A new part of the demo has begun. */
  onPhase(text: string): void
}

/** Where the parts of a demo come from; a test may hand in others. */
export interface DemoParts {
  watcher: DemoWatcher
  signal: AbortSignal
  clock?: Clock
  rng?: Rng
}

/** Milliseconds after the restart in which the other nodes may notice it as well, for the summary. */
const SETTLE = 3_000

const BOOTSTRAP = 'bootstrap'

/** One demo: a network of processes that forms, loses its bootstrap node, takes a node back without it, and talks. */
export class Demo {
  readonly result: DemoResult = {
    ok: false,
    nodes: [],
    formedMs: null,
    rejoinedMs: null,
    messages: null,
    broadcast: null
  }
  readonly #options: DemoOptions
  readonly #parts: DemoParts
  readonly #clock: Clock
  readonly #names: string[]
  #folder?: string
  #network?: DemoNetwork

  constructor(options: DemoOptions, parts: DemoParts) {
    this.#options = options
    this.#parts = parts
    this.#clock = parts.clock ?? systemClock
    this.#names = Array.from({ length: options.nodes }, (_, index) => `node-${index + 1}`)
  }

  /** The folder with all data, once there is one. */
  get folder(): string | undefined {
    return this.#folder
  }

  /** How the nodes stand now, by the order of their names. */
  get nodes(): NodeView[] {
    return this.#network?.views.filter(({ name }) => name !== BOOTSTRAP) ?? []
  }

  /**
   * Runs all of it. Afterwards no process and, unless told otherwise, no folder is left.
   *
   * @throws DemoTimeoutError, ChildDiedError, the signal's reason; {@link result} says how far it came
   */
  async run(): Promise<DemoResult> {
    try {
      const network = await this.#prepare()
      await this.#form(network)
      await this.#rejoin(network)
      await this.#talk(network)
      this.result.ok = true
      return this.result
    } catch (error) {
      this.result.reason = (error as Error).message
      throw error
    } finally {
      this.#note()
      this.#parts.watcher.onPhase('stopping all nodes')
      await this.#network?.stopAll()
      await this.#clean()
    }
  }

  /** For a hurried end: kills all processes without waiting. */
  kill(): void {
    this.#network?.killAll()
  }

  async #prepare(): Promise<DemoNetwork> {
    const folder = await mkdtemp(join(tmpdir(), 'penin-demo-'))
    this.#folder = folder
    const tag = Buffer.from((this.#parts.rng ?? systemRng).bytes(4)).toString('hex')
    const configFile = join(folder, 'config.json')
    // A service name of its own keeps the demo apart from other nodes on this machine.
    await writeFile(
      configFile,
      JSON.stringify({
        discovery: { mdns: { serviceTag: `_penin-${tag}._udp.local` }, udpBroadcast: false },
        // Everybody will talk to everybody.
        connections: { max: Math.max(profileDefaults().connections.max, this.#options.nodes + 1) }
      })
    )
    const network = new DemoNetwork({
      folder,
      networkId: `demo-${tag}`,
      configFile,
      scripts: demoScripts(),
      env: scrubbed(process.env),
      clock: this.#clock
    })
    network.on('change', (line) => {
      this.#parts.watcher.onChange(line, network.views)
    })
    network.on('death', () => undefined) // whoever waits is told
    this.#network = network
    return network
  }

  async #form(network: DemoNetwork): Promise<void> {
    const { nodes, timeout } = this.#options
    const { watcher } = this.#parts
    const limit = this.#phase(timeout)
    watcher.onPhase(`starting a bootstrap node and ${nodes} nodes`)
    const started = this.#clock.monotonic()
    const least = enoughPeers(nodes)
    try {
      const bootstrap = await network.startBootstrap(BOOTSTRAP, limit.signal)
      const waiting = [...this.#names]
      const starter = async (): Promise<void> => {
        for (let name = waiting.shift(); name != null; name = waiting.shift()) {
          await network.startNode(name, bootstrap, limit.signal)
        }
      }
      // Starting costs a second of computing each; more at once than processors only makes all of them late.
      await Promise.all(Array.from({ length: availableParallelism() }, starter))
      await network.until(() => isFormed(network.views, least), timeout, limit.signal)
    } catch (error) {
      throw limit.expired() ? new DemoTimeoutError('formed', timeout, progress(network.views, least)) : error
    } finally {
      limit.clear()
    }
    this.result.formedMs = Math.round(this.#clock.monotonic() - started)
    watcher.onPhase(`formed in ${seconds(this.result.formedMs)}: one network, at least ${least} peers each`)
  }

  async #rejoin(network: DemoNetwork): Promise<void> {
    const { nodes, timeout } = this.#options
    const { watcher } = this.#parts
    const [name = ''] = this.#names
    const limit = this.#phase(timeout)
    const least = enoughPeers(nodes - 1)
    const rejoin = async (): Promise<number> => {
      watcher.onPhase('stopping the bootstrap node for good')
      await network.stop(BOOTSTRAP)
      watcher.onPhase(`stopping ${name}, then starting it again with its data; its bootstrap node is dead`)
      await network.stop(name)
      const started = this.#clock.monotonic()
      await network.restart(name, limit.signal)
      await network.until(() => network.view(name).peers.size >= least, timeout, limit.signal)
      return Math.round(this.#clock.monotonic() - started)
    }
    try {
      this.result.rejoinedMs = await rejoin()
    } catch (error) {
      throw limit.expired() ? new DemoTimeoutError('rejoined', timeout, progress([network.view(name)], least)) : error
    } finally {
      limit.clear()
    }
    watcher.onPhase(`${name} is back in ${seconds(this.result.rejoinedMs)} with at least ${least} peers`)
    await network.until(() => isSettled(this.nodes), SETTLE, this.#parts.signal)
  }

  async #talk(network: DemoNetwork): Promise<void> {
    const { nodes, timeout } = this.#options
    const { watcher } = this.#parts
    const { tally } = network
    const limit = this.#phase(timeout)
    const ids = this.nodes.map(({ id = '' }) => id)
    tally.begin(nodes * (nodes - 1), nodes - 1)
    watcher.onPhase('each node sends a message to each other one, then one of them a broadcast to all')
    try {
      for (const [index, name] of this.#names.entries()) {
        network.order(name, { order: 'send', peers: ids.filter((_, other) => other !== index) })
      }
      await network.until(() => tally.areMessagesDone || tally.failures.length > 0, timeout, limit.signal)
      network.order(this.#names[0] ?? '', { order: 'publish', least: enoughPeers(nodes - 1) })
      await network.until(() => tally.isBroadcastDone || tally.failures.length > 0, timeout, limit.signal)
      if (tally.failures.length > 0) {
        throw new DemoMessageError(tally.failures[0] ?? '')
      }
    } catch (error) {
      const { messages, broadcast } = tally
      const state = `${delivered(messages)} messages, ${delivered(broadcast)} broadcasts`
      throw limit.expired() ? new DemoTimeoutError('delivered all messages', timeout, state) : error
    } finally {
      limit.clear()
      this.result.messages = tally.messages
      this.result.broadcast = tally.broadcast
    }
    watcher.onPhase(`delivered ${delivered(tally.messages)} messages, ${delivered(tally.broadcast)} broadcasts`)
  }

  /** One limit for all that a phase does; it aborts with the interruption as well. */
  #phase(ms: number): { signal: AbortSignal; expired: () => boolean; clear: () => void } {
    const { signal } = this.#parts
    const controller = new AbortController()
    let expired = false
    const timer = this.#clock.setTimeout(() => {
      expired = true
      controller.abort()
    }, ms)
    const forward = (): void => {
      controller.abort(signal.reason)
    }
    signal.addEventListener('abort', forward)
    if (signal.aborted) {
      forward()
    }
    return {
      signal: controller.signal,
      expired: () => expired,
      clear: () => {
        timer.clear()
        signal.removeEventListener('abort', forward)
      }
    }
  }

  #note(): void {
    this.result.nodes = this.nodes.map((node) => ({
      id: node.id ?? '',
      addresses: [...node.addresses],
      connections: node.peers.size,
      discoveredBy: discoveredBy(node)
    }))
  }

  async #clean(): Promise<void> {
    if (this.#folder != null && !this.#options.keep) {
      await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 })
    }
  }
}

/** The scripts that the demo starts: this package's and its neighbour's, as they were built. */
function demoScripts(): { node: string; bootstrap: string } {
  return {
    node: fileURLToPath(new URL('../bin/demo-node.js', import.meta.url)),
    bootstrap: fileURLToPath(new URL('bin.js', import.meta.resolve('@penin/bootstrap-node')))
  }
}

/** Settings of the person who runs the demo must not lead its nodes into a real network. */
export function scrubbed(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(PENIN|P2P)_/.test(name)))
}

function progress(views: readonly NodeView[], least: number): string {
  const missing = views.filter((node) => node.state !== 'running' || node.peers.size < least)
  const each = missing.map((node) =>
    node.state === 'running' ? `${node.name} has ${node.peers.size}` : `${node.name} is ${node.state}`
  )
  return each.length === 0 ? 'it is in several pieces' : `${each.join(', ')} of ${least} peers`
}

/** `20 of 20`. */
export function delivered({ delivered, sent }: Delivery): string {
  return `${delivered} of ${sent}`
}

/** `3.4 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
