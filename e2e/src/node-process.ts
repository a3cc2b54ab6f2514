import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ConfigInput } from '@penin/node'
import { PeninError } from '@penin/interface'
import { until } from './until.js'
import type { FromChild, Methods, NodeEvent } from './protocol.js'

/** A node process answered a request with an error; `name` is the error's own. */
export class RemoteError extends PeninError {
  constructor(
    name: string,
    message: string,
    readonly fields: Record<string, unknown>
  ) {
    super(message)
    this.name = name
  }
}

/** A node process has ended while something was asked of it. */
export class NodeProcessEndedError extends PeninError {
  static override readonly name = 'NodeProcessEndedError'
}

/** Log lines and events kept per process; older ones go. */
const MAX_KEPT = 5_000

export interface NodeProcessOptions {
  /** Makes of the command line another one that runs it elsewhere, under the same process id and with the same pipes. */
  wrap?: (command: string[]) => string[]
  /** Told of every event as it comes. */
  onEvent?: (event: NodeEvent) => void
}

/** One node in a process of its own. */
export class NodeProcess {
  readonly events: NodeEvent[] = []
  /** Lines of stdout and stderr. */
  readonly log: string[] = []
  /** Unhandled rejections and uncaught exceptions: a test expects none. */
  readonly unhandled: string[] = []
  id = ''
  addresses: string[] = []
  warnings: string[] = []
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #child?: ChildProcess
  #next = 1
  #exited?: Promise<void>

  constructor(
    readonly name: string,
    public config: ConfigInput,
    private readonly options: NodeProcessOptions = {}
  ) {}

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null
  }

  /** Its first address, for others to dial. */
  get address(): string {
    return this.addresses[0] ?? ''
  }

  /** The address that contains a text, such as that of one interface; empty if there is none. */
  addressWith(text: string): string {
    return this.addresses.find((address) => address.includes(text)) ?? ''
  }

  /** Starts the process and the node in it. A stopped or killed one starts again with the same data. */
  async start(): Promise<this> {
    const main = fileURLToPath(new URL('node-main.js', import.meta.url))
    const command = [process.execPath, '--expose-gc', main]
    const [file = '', ...args] = this.options.wrap?.(command) ?? command
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], DEBUG: process.env['DEBUG'] }
    })
    this.#child = child
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        for (const { reject } of this.#pending.values()) {
          reject(new NodeProcessEndedError(`${this.name} has ended`))
        }
        this.#pending.clear()
        resolve()
      })
    })
    const ready = new Promise<void>((resolve, reject) => {
      child.once('message', () => {
        resolve()
      })
      child.once('error', reject)
      child.once('exit', (code) => {
        reject(new NodeProcessEndedError(`${this.name} ended with ${code} before it began: ${this.log.join(' | ')}`))
      })
    })
    child.on('message', this.#onMessage)
    child.stdout?.on('data', this.#onOutput)
    child.stderr?.on('data', this.#onOutput)
    await ready
    const { id, addresses, warnings } = await this.request('create', this.config)
    Object.assign(this, { id, addresses, warnings })
    return this
  }

  async request<M extends keyof Methods>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> {
    const id = this.#next++
    return new Promise((resolve, reject) => {
      if (!this.isRunning) {
        reject(new NodeProcessEndedError(`${this.name} is not running`))
        return
      }
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#child?.send({ id, method, params })
    })
  }

  /** Peers of this network that are connected, by id. */
  async connected(): Promise<string[]> {
    return (await this.request('peers', { connected: true })).map((peer) => peer.id)
  }

  /** Stops the node softly, then lets the process end by itself. */
  async stop(): Promise<void> {
    if (this.isRunning) {
      await this.request('stop', undefined)
      this.#child?.disconnect()
      await this.#exited
    }
  }

  /** Ends the process at once: SIGKILL. */
  async kill(): Promise<void> {
    if (this.isRunning) {
      this.#child?.kill('SIGKILL')
      await this.#exited
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Waits until an event has come that passes; those that came before count. */
  async event(
    name: NodeEvent['name'],
    passes: (event: NodeEvent) => boolean = () => true,
    ms = 20_000
  ): Promise<NodeEvent> {
    return until(() => this.events.find((event) => event.name === name && passes(event)), {
      ms,
      what: `${this.name}: no ${name} event`
    })
  }

  readonly #onMessage = (message: FromChild): void => {
    switch (message.type) {
      case 'result':
        this.#pending.get(message.id)?.resolve(message.value)
        this.#pending.delete(message.id)
        break
      case 'error':
        this.#pending.get(message.id)?.reject(new RemoteError(message.error.name, message.error.message, message.error))
        this.#pending.delete(message.id)
        break
      case 'event':
        this.#keep({ name: message.name, detail: message.detail as Record<string, unknown>, at: message.at })
        break
      case 'unhandled':
        this.unhandled.push(message.error)
        break
      case 'ready':
        break
    }
  }

  #keep(event: NodeEvent): void {
    this.events.push(event)
    this.events.splice(0, Math.max(0, this.events.length - MAX_KEPT))
    this.options.onEvent?.(event)
  }

  readonly #onOutput = (chunk: Buffer): void => {
    this.log.push(...chunk.toString().split('\n').filter(Boolean))
    this.log.splice(0, Math.max(0, this.log.length - MAX_KEPT))
  }
}
