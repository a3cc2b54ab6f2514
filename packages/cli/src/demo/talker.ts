import { printable, systemClock, wait, type Clock } from '@penin/interface'
import type { NodeOptions, PeninNode } from '@penin/node'

/** Type of the demo's messages, and its topic. */
const NAME = 'demo'

/** Milliseconds between two looks for subscribers. */
const PATIENCE = 50

/** What the demo asks of a node. */
export type Order =
  | { order: 'send'; peers: readonly string[] }
  /** Once so many peers are known to have subscribed. */
  | { order: 'publish'; least: number }

/** What a node tells the demo of messages. */
export type TalkEvent =
  /** The outcome of an own message; milliseconds from the call until the receiver's handler had taken it. */
  | { event: 'demo:sent'; to: string; ms: number }
  | { event: 'demo:failed'; to: string; reason: string }
  | { event: 'demo:received'; from: string }
  | { event: 'demo:published'; recipients: number }
  /** A broadcast; milliseconds by the wall clock, which all processes of a machine share. */
  | { event: 'demo:heard'; from: string; ms: number }

/** Sends and takes messages in one process of the demo. */
export class Talker {
  /** For `createNode()`. */
  readonly handlers: NonNullable<NodeOptions['handlers']> = {
    [NAME]: (message) => {
      this.tell({ event: 'demo:received', from: message.from.toString() })
    }
  }
  #node: PeninNode | undefined

  constructor(
    private readonly tell: (event: TalkEvent) => void,
    private readonly clock: Clock = systemClock
  ) {}

  attach(node: PeninNode): void {
    this.#node = node
    node.messages.subscribe(NAME, (message) => {
      const { at } = message.json() as { at: number }
      this.tell({ event: 'demo:heard', from: message.from.toString(), ms: this.clock.now() - at })
    })
  }

  /** Takes what the demo has sent over the channel. */
  readonly onOrder = (order: unknown): void => {
    const node = this.#node
    if (node != null) {
      void this.#obey(node, order as Order)
    }
  }

  async #obey(node: PeninNode, order: Order): Promise<void> {
    if (order.order === 'send') {
      await Promise.all(order.peers.map(async (peer) => this.#send(node, peer)))
      return
    }
    while (node.isRunning && node.messages.subscribers(NAME).length < order.least) {
      await wait(this.clock, PATIENCE)
    }
    try {
      const { recipients } = await node.messages.publish(NAME, { at: this.clock.now() })
      this.tell({ event: 'demo:published', recipients })
    } catch (error) {
      this.tell({ event: 'demo:failed', to: 'everybody', reason: (error as Error).message })
    }
  }

  async #send(node: PeninNode, to: string): Promise<void> {
    const begin = this.clock.monotonic()
    try {
      await node.messages.send(to, NAME, 'hello')
      this.tell({ event: 'demo:sent', to, ms: this.clock.monotonic() - begin })
    } catch (error) {
      this.tell({ event: 'demo:failed', to, reason: printable((error as Error).message, 200) })
    }
  }
}
