import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { deadline, systemClock, type Clock } from '@penin/interface'
import type { ChildDiedError } from '../errors.js'
import { DemoChild, type ChildEvent } from './child.js'
import type { NodeView } from './formation.js'
import type { Order, TalkEvent } from './talker.js'
import { Tally } from './tally.js'

/** What the demo's nodes have in common. */
export interface NetworkInit {
  /** Folder for all data; each node gets one below it. */
  folder: string
  networkId: string
  /** Configuration file of all nodes. */
  configFile: string
  /** Scripts of `penin` and `penin-bootstrap`. */
  scripts: { node: string; bootstrap: string }
  env: NodeJS.ProcessEnv
  clock?: Clock
}

/** The signal of whoever waits is much sooner; in milliseconds. */
const START_LIMIT = 3_600_000

interface Member extends NodeView {
  id?: string
  addresses: string[]
  peers: Map<string, string>
  args: string[]
  child?: DemoChild
}

interface NetworkEvents {
  /** Something was heard of a node; the line is for people. */
  change: [line: string]
  /** Something was heard of messages. */
  progress: []
  /** A process died. */
  death: [error: ChildDiedError]
}

/** The demo's processes, and what they say of themselves. */
export class DemoNetwork extends EventEmitter<NetworkEvents> {
  readonly #members = new Map<string, Member>()
  readonly #init: NetworkInit
  readonly #clock: Clock
  /** What the nodes have said to each other. */
  readonly tally = new Tally()
  #death?: ChildDiedError

  constructor(init: NetworkInit) {
    super()
    this.#init = init
    this.#clock = init.clock ?? systemClock
  }

  /** All nodes, in the order in which they were started. */
  get views(): NodeView[] {
    return [...this.#members.values()]
  }

  view(name: string): NodeView {
    return this.#member(name)
  }

  /** Starts a bootstrap node and waits until it listens; returns its address. */
  async startBootstrap(name: string, signal: AbortSignal): Promise<string> {
    await this.#launch(name, [this.#init.scripts.bootstrap], [], signal)
    return this.#member(name).addresses[0] ?? ''
  }

  /** Starts a node and waits until it listens. */
  async startNode(name: string, bootstrap: string, signal: AbortSignal): Promise<void> {
    await this.#launch(name, [this.#init.scripts.node], ['--bootstrap', bootstrap], signal)
  }

  /** Starts a stopped node again, as it was started before, with the data it has. */
  async restart(name: string, signal: AbortSignal): Promise<void> {
    await this.#run(this.#member(name), signal)
  }

  /** Asks a running node to say something. */
  order(name: string, order: Order): void {
    this.#member(name).child?.order(order)
  }

  /** Stops a node and waits for its end. */
  async stop(name: string): Promise<void> {
    const member = this.#member(name)
    await member.child?.stop()
    member.state = 'stopped'
    member.peers.clear()
    this.emit('change', `${name} has stopped`)
  }

  /** Stops everything. Never rejects. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#members.values()].map(async ({ child }) => child?.stop()))
  }

  /** Kills everything, without waiting. */
  killAll(): void {
    for (const { child } of this.#members.values()) {
      child?.kill()
    }
  }

  /**
   * Waits until something holds; it is looked at after every change.
   *
   * @returns false if that was not so in `ms` milliseconds
   * @throws ChildDiedError, the signal's reason
   */
  async until(holds: () => boolean, ms: number, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    const limit = deadline(this.#clock, ms)
    const look = (): void => {
      if (this.#death != null) {
        reject(this.#death)
      } else if (signal.aborted) {
        reject(signal.reason as Error)
      } else if (holds()) {
        resolve(true)
      } else if (limit.signal.aborted) {
        resolve(false)
      }
    }
    this.on('change', look).on('progress', look).on('death', look)
    signal.addEventListener('abort', look)
    limit.signal.addEventListener('abort', look)
    try {
      look()
      return await promise
    } finally {
      this.off('change', look).off('progress', look).off('death', look)
      signal.removeEventListener('abort', look)
      limit.clear()
    }
  }

  #member(name: string): Member {
    return this.#members.get(name) as Member
  }

  async #launch(name: string, script: string[], extra: string[], signal: AbortSignal): Promise<void> {
    const { networkId, configFile, folder } = this.#init
    const args = [
      ...script,
      '--json',
      ...['--config', configFile, '--network-id', networkId],
      ...['--listen', '/ip4/127.0.0.1/tcp/0', '--mdns-interface', '127.0.0.1'],
      ...['--data-dir', join(folder, name), '--admin', 'off'],
      ...extra
    ]
    const member: Member = { name, addresses: [], peers: new Map(), state: 'starting', args }
    this.#members.set(name, member)
    await this.#run(member, signal)
  }

  async #run(member: Member, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { folder, env } = this.#init
    member.state = 'starting'
    member.child = new DemoChild({
      name: member.name,
      args: member.args,
      cwd: folder,
      env,
      clock: this.#clock,
      onEvent: (event) => {
        this.#onEvent(member, event)
      },
      onDeath: (error) => {
        this.#death ??= error
        this.emit('death', error)
      }
    })
    await this.until(() => member.state === 'running', START_LIMIT, signal)
  }

  #onEvent(member: Member, event: ChildEvent): void {
    const id = typeof event['id'] === 'string' ? event['id'] : ''
    switch (event.event) {
      case 'started':
        member.id = id
        member.addresses = event['addresses'] as string[]
        member.state = 'running'
        this.emit('change', `${member.name} listens on ${member.addresses[0] ?? '?'}`)
        break
      case 'peer:connected': {
        const [source = '?'] = event['sources'] as string[]
        member.peers.set(id, source)
        this.emit('change', `${member.name} is connected with ${this.#nameOf(id)}, found by ${source}`)
        break
      }
      case 'peer:disconnected':
        member.peers.delete(id)
        this.emit('change', `${member.name} has lost ${this.#nameOf(id)}`)
        break
      default:
        if (event.event.startsWith('demo:')) {
          this.tally.note(member.id ?? '', event as unknown as TalkEvent)
          this.emit('progress')
        }
    }
  }

  #nameOf(id: string): string {
    return [...this.#members.values()].find((member) => member.id === id)?.name ?? id.slice(-8)
  }
}
