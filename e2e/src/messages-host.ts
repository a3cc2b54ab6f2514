import { appendFileSync, existsSync } from 'node:fs'
import type { PeninNode } from '@penin/node'
import type { Heard, Received, SendMany, Sent } from './protocol.js'

/** Milliseconds between two looks at what is due. */
const TICK = 10

/** What a process notes of the messages of its nodes. */
export class MessagesHost {
  readonly #received = new Map<
    string,
    Map<string, { numbers: Set<number>; count: number; disorder: number; last: number }>
  >()
  readonly #heard = new Map<string, Map<PeninNode, { texts: Set<string>; count: number; delays: number[] }>>()

  /**
   * Takes messages whose payload begins with a number, and notes who sent which; for `createNode()`. The numbers go into
   * the journal as well if there is such a file: that outlives the process.
   */
  handler(type: string, journal?: string): (message: { from: PeninNode['id']; text(): string }) => void {
    const bySender = new Map<string, { numbers: Set<number>; count: number; disorder: number; last: number }>()
    this.#received.set(type, bySender)
    return (message) => {
      const sender = message.from.toString()
      const number = Number.parseInt(message.text(), 10)
      const seen = bySender.get(sender) ?? { numbers: new Set<number>(), count: 0, disorder: 0, last: -1 }
      bySender.set(sender, seen)
      seen.count++
      seen.numbers.add(number)
      seen.disorder += number > seen.last ? 0 : 1
      seen.last = number
      if (journal != null && existsSync(journal)) {
        appendFileSync(journal, `${number}\n`)
      }
    }
  }

  received(type: string): Received {
    const entries = [...(this.#received.get(type) ?? [])].map(([sender, { numbers, count, disorder }]) => {
      return [sender, { count, distinct: numbers.size, disorder }] as const
    })
    return Object.fromEntries(entries)
  }

  /** Sends numbered messages to each of some peers at a steady pace, and waits for the outcome of all. */
  async sendMany(node: PeninNode, { to, type, count, perSecond, size, durable = false }: SendMany): Promise<Sent> {
    const delays: number[] = []
    const failed: Record<string, number> = {}
    const send = async (peer: string, number: number): Promise<void> => {
      const begin = performance.now()
      try {
        await node.messages.send(peer, type, String(number).padEnd(size), { durable })
        delays.push(performance.now() - begin)
      } catch (error) {
        const { name, message } = error as Error
        failed[`${name}: ${message}`] = (failed[`${name}: ${message}`] ?? 0) + 1
      }
    }
    const begin = performance.now()
    const sending: Array<Promise<void>> = []
    for (let next = 0; next < count;) {
      const due = Math.min(count, Math.ceil(((performance.now() - begin) / 1000) * perSecond))
      for (; next < due; next++) {
        sending.push(...to.map(async (peer) => send(peer, next)))
      }
      await new Promise((resolve) => setTimeout(resolve, TICK))
    }
    await Promise.all(sending)
    return { taken: delays.length, failed, ...quantiles(delays), ms: performance.now() - begin }
  }

  /** Notes what each node hears of a topic; messages that begin with `forbidden` are invalid to them. */
  subscribe(nodes: readonly PeninNode[], topic: string, forbidden: string | undefined): void {
    const byNode = new Map<PeninNode, { texts: Set<string>; count: number; delays: number[] }>()
    this.#heard.set(topic, byNode)
    for (const node of nodes) {
      const heard = { texts: new Set<string>(), count: 0, delays: [] as number[] }
      byNode.set(node, heard)
      const validate = (message: { text(): string }): boolean =>
        forbidden == null || !message.text().startsWith(forbidden)
      node.messages.subscribe(
        topic,
        (message) => {
          const [text = '', at = ''] = message.text().split('@')
          heard.count++
          heard.texts.add(text)
          heard.delays.push(Date.now() - Number(at))
        },
        { validate }
      )
    }
  }

  /** Publishes a text and the time, which is the same for all processes of a machine. */
  async publish(node: PeninNode, topic: string, text: string): Promise<number> {
    return (await node.messages.publish(topic, `${text}@${Date.now()}`)).recipients
  }

  heard(topic: string): Heard[] {
    return [...(this.#heard.get(topic) ?? [])].map(([node, { texts, count, delays }]) => {
      return { id: node.id.toString(), texts: [...texts], count, delays }
    })
  }
}

function quantiles(delays: number[]): { p50: number; p99: number; max: number } {
  const sorted = [...delays].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? NaN }
}
