import { execFile, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ConfigInput } from '@penin/node'
import { Cluster } from '../cluster.js'
import { NodeProcess } from '../node-process.js'
import { planBuild, plugIn, type BuildPlan, type CablePlan } from './build-script.js'
import type { NetworkDescription, PortDescription } from './description.js'
import { Faults } from './faults.js'
import { LAB_PATH, Sandbox } from './sandbox.js'
import { Timeline } from './timeline.js'

const CABLE_PROGRAM = fileURLToPath(new URL('../../src/lab/cable.py', import.meta.url))
const CAPTURE_PROGRAM = fileURLToPath(new URL('../../src/lab/capture.py', import.meta.url))

/** Where a failed scenario leaves its timeline, its logs and its packets. */
const FAILURES = fileURLToPath(new URL('../../lab-failures', import.meta.url))

/** Bytes kept of each captured packet: headers and what little of ours is not encrypted. */
const SNAP_LENGTH = 256

export interface LabOptions {
  /** Names the scenario in its timeline and its leftovers. */
  name: string
  /** Seed of the cables' dice. @default 1 */
  seed?: number
}

/**
 * A network of real hosts on one machine, with node processes on them. Disposing it ends and removes everything; after a
 * failure, which {@link Lab.failed} tells it of, the evidence stays in `e2e/lab-failures/<name>/`.
 */
export class Lab extends Cluster {
  readonly timeline: Timeline
  readonly faults: Faults
  /** Cables, captures, and what the scenario has started itself. */
  readonly #programs: ChildProcess[] = []
  readonly #hostOf = new Map<NodeProcess, string>()
  #ports = 1_000
  #failed = false

  private constructor(
    readonly network: NetworkDescription,
    readonly sandbox: Sandbox,
    private readonly plan: BuildPlan,
    private readonly captureDir: string,
    private readonly options: LabOptions
  ) {
    super()
    this.timeline = new Timeline(options.name)
    this.faults = new Faults(this, plan)
  }

  /** Builds the network. */
  static async open(network: NetworkDescription, options: LabOptions): Promise<Lab> {
    const plan = planBuild(network)
    const sandbox = await Sandbox.open()
    try {
      await sandbox.sh(plan.script)
      const lab = new Lab(network, sandbox, plan, await mkdtemp(join(tmpdir(), 'penin-lab-')), options)
      await lab.faults.settle()
      for (const cable of plan.cables) {
        await lab.#startCable(cable)
      }
      await lab.#startCaptures()
      lab.timeline.add('lab', 'the network stands')
      return lab
    } catch (error) {
      await sandbox[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Starts a node on a host, by default with nothing configured but the data directory. */
  async startOn(host: string, config: ConfigInput = {}, name = host): Promise<NodeProcess> {
    return (await this.makeOn(host, config, name)).start()
  }

  /** Makes a node for a host without starting it. */
  async makeOn(host: string, config: ConfigInput = {}, name = host): Promise<NodeProcess> {
    const node = new NodeProcess(
      name,
      { dataDir: join(await this.root(), name), ...config },
      {
        wrap: (command) => this.sandbox.wrap(command, host),
        onEvent: (event) => {
          this.timeline.addEvent(name, event)
        }
      }
    )
    this.nodes.push(node)
    this.#hostOf.set(node, host)
    return node
  }

  /** Starts one node on each host at once, all configured alike. */
  async startEverywhere(config: ConfigInput | ((host: string) => ConfigInput) = {}): Promise<NodeProcess[]> {
    const of = typeof config === 'function' ? config : () => config
    return Promise.all(Object.keys(this.network.hosts).map(async (host) => this.startOn(host, of(host))))
  }

  hostOf(node: NodeProcess): string {
    return this.#hostOf.get(node) ?? node.name
  }

  /** Plugs one more port into a host while it runs. */
  async plug(host: string, nic: string, port: PortDescription): Promise<void> {
    const before = this.plan.cables.length
    await this.sandbox.sh(['set -e', ...plugIn(this.plan, host, nic, port, this.#ports++)].join('\n'))
    for (const cable of this.plan.cables.slice(before)) {
      await this.#startCable(cable)
    }
    await this.faults.settle()
    this.timeline.add(host, `${nic} plugged into ${port.switch}`)
  }

  /** Starts any program on a host; it is ended with the lab. */
  spawn(command: readonly string[], host: string): ChildProcess {
    const program = this.sandbox.spawn(command, host)
    this.#programs.push(program)
    return program
  }

  /** The same, with its lines of output as they come, those of stderr among them. */
  run(command: readonly string[], host: string): { program: ChildProcess; lines: string[] } {
    const program = this.spawn(command, host)
    const lines: string[] = []
    for (const input of [program.stdout, program.stderr]) {
      if (input != null) {
        createInterface({ input }).on('line', (line) => lines.push(line))
      }
    }
    return { program, lines }
  }

  /** Notes that the scenario has failed, so that its evidence is kept. */
  failed(): void {
    this.#failed = true
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      await super[Symbol.asyncDispose]()
    } finally {
      await Promise.all(
        this.#programs.map(async (program) => {
          if (program.exitCode == null && program.signalCode == null) {
            const gone = once(program, 'exit')
            program.kill('SIGTERM')
            await gone
          }
        })
      )
      await this.sandbox[Symbol.asyncDispose]()
      await this.#keepEvidence()
      await rm(this.captureDir, { recursive: true, force: true })
    }
  }

  async #startCable({ namespace, ends, cable }: CablePlan): Promise<void> {
    const { delay = 0, jitter = 0, loss = 0 } = cable
    const seed = (this.options.seed ?? 1) + this.#programs.length
    const args = [CABLE_PROGRAM, ...ends, delay, jitter, loss, seed].map(String)
    const program = this.spawn(['python3', ...args], namespace)
    await once(program.stdout as NodeJS.ReadableStream, 'data')
  }

  async #startCaptures(): Promise<void> {
    for (const name of this.network.switches) {
      const file = join(this.captureDir, `${name}.pcap`)
      const program = this.spawn(['python3', CAPTURE_PROGRAM, 'br0', file, String(SNAP_LENGTH)], name)
      await once(program.stdout as NodeJS.ReadableStream, 'data')
    }
  }

  /** The packets that have passed a switch so far, as tcpdump prints those that pass its filter. */
  async packets(name: string, filter: string): Promise<string[]> {
    const file = join(this.captureDir, `${name}.pcap`)
    const { stdout } = await promisify(execFile)('tcpdump', ['-nn', '-r', file, filter], {
      env: { ...process.env, PATH: LAB_PATH },
      maxBuffer: 64 << 20
    })
    return stdout.split('\n').filter(Boolean)
  }

  async #keepEvidence(): Promise<void> {
    if (process.env['PENIN_LAB_TIMELINE'] === '1') {
      process.stdout.write(`${this.timeline.toString()}\n`)
    }
    if (!this.#failed) {
      return
    }
    const dir = join(FAILURES, this.options.name)
    await rm(dir, { recursive: true, force: true })
    await mkdir(dir, { recursive: true })
    await writeFile(join(dir, 'timeline.txt'), `${this.timeline.toString()}\n`)
    for (const node of this.nodes) {
      await writeFile(join(dir, `${node.name}.log`), [...node.log, ...node.unhandled].join('\n'))
    }
    await cp(this.captureDir, dir, { recursive: true })
  }
}
