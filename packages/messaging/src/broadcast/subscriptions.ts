import type { PeerId } from '@libp2p/interface'
import type { Clock } from '@penin/interface'
import { TooManyTopicsError } from './errors.js'
import type { BroadcastLimits } from './limits.js'

/** A broadcast message as validators and handlers get it. */
export interface BroadcastMessage {
  readonly topic: string
  /** Its author, as the signature proves. */
  readonly from: PeerId
  /** The peer that brought it; the author itself, or one that passed it on. */
  readonly receivedFrom: PeerId
  /** A name that no other message has. */
  readonly id: string
  /** The payload. All handlers of the topic see the same bytes, and so do the peers it is passed on to: not to be changed. */
  readonly bytes: Uint8Array
  /** The payload as UTF-8 text; what is no UTF-8 becomes U+FFFD. */
  text(): string
  /** The payload as JSON. @throws SyntaxError, for which a validator that does not catch it rejects the message */
  json(): unknown
}

/**
 * What a validator says: true to take the message and pass it on; false if no honest peer would ever have passed it on
 * (whoever sent it is then reported); `ignore` to drop it without blame, as for what has only come too late.
 */
export type Verdict = boolean | 'ignore'

/** The answer must depend on the message alone, not on the time or what else is known: other peers answer the same. */
export type BroadcastValidator = (message: BroadcastMessage) => Verdict | Promise<Verdict>

/** Takes a message. What it throws is logged and counted. */
export type BroadcastHandler = (message: BroadcastMessage) => unknown

interface Subscription {
  handler: BroadcastHandler
  validate: BroadcastValidator | undefined
}

export interface SubscriptionsInit {
  limits: BroadcastLimits
  clock: Clock
  validatorTimeout: number
  handlerTimeout: number
  onHandlerFailure: (topic: string, error: Error) => void
}

const decoder = new TextDecoder()

/** A message whose payload is looked at when it is asked for. */
export function newMessage(fields: Omit<BroadcastMessage, 'text' | 'json'>): BroadcastMessage {
  const text = (): string => decoder.decode(fields.bytes)
  return { ...fields, text, json: () => JSON.parse(text()) as unknown }
}

/** Which handlers and validators this node has for which topics, and what they have not done with yet. */
export class Subscriptions {
  readonly #byTopic = new Map<string, Set<Subscription>>()
  #pending = 0
  #pendingBytes = 0

  constructor(private readonly init: SubscriptionsInit) {}

  get topics(): string[] {
    return [...this.#byTopic.keys()]
  }

  get pending(): number {
    return this.#pending
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic)
  }

  /** Whether somebody says which messages of the topic are good. */
  hasValidator(topic: string): boolean {
    for (const { validate } of this.#byTopic.get(topic) ?? []) {
      if (validate !== undefined) {
        return true
      }
    }
    return false
  }

  /** @throws TooManyTopicsError */
  add(topic: string, handler: BroadcastHandler, validate: BroadcastValidator | undefined): () => void {
    const ofTopic = this.#byTopic.get(topic) ?? new Set()
    if (ofTopic.size === 0 && this.#byTopic.size >= this.init.limits.topics) {
      throw new TooManyTopicsError(this.init.limits.topics)
    }
    const subscription = { handler, validate }
    this.#byTopic.set(topic, ofTopic.add(subscription))
    return () => {
      ofTopic.delete(subscription)
      if (ofTopic.size === 0 && this.#byTopic.get(topic) === ofTopic) {
        this.#byTopic.delete(topic)
      }
    }
  }

  /** What all validators of the topic say together; `overloaded` if there is no room to ask them. */
  async validate(message: BroadcastMessage): Promise<Verdict | 'overloaded'> {
    const validators = [...(this.#byTopic.get(message.topic) ?? [])].flatMap(({ validate }) => validate ?? [])
    if (validators.length === 0) {
      return true
    }
    if (!this.#hasRoom(message)) {
      return 'overloaded'
    }
    return this.#holding(message, async () => {
      let result: Verdict = true
      for (const validate of validators) {
        const verdict = await this.#verdict(validate, message)
        if (verdict === false) {
          return false
        }
        if (verdict !== true) {
          result = 'ignore'
        }
      }
      return result
    })
  }

  /** Gives the message to the topic's handlers; false if there is no room to do so. */
  deliver(message: BroadcastMessage): boolean {
    if (!this.#hasRoom(message)) {
      return false
    }
    for (const { handler } of this.#byTopic.get(message.topic) ?? []) {
      void this.#holding(message, async () => {
        try {
          await this.#within(this.init.handlerTimeout, async () => handler(message))
        } catch (error) {
          this.init.onHandlerFailure(message.topic, error as Error)
        }
      })
    }
    return true
  }

  async #verdict(validate: BroadcastValidator, message: BroadcastMessage): Promise<Verdict> {
    try {
      return await this.#within(this.init.validatorTimeout, async () => validate(message))
    } catch (error) {
      // What it means to say is that this is no JSON; any other error is the validator's own fault, not the sender's.
      return error instanceof SyntaxError ? false : 'ignore'
    }
  }

  #hasRoom({ bytes }: BroadcastMessage): boolean {
    const { pendingMessages, pendingBytes } = this.init.limits
    return this.#pending < pendingMessages && this.#pendingBytes + bytes.length <= pendingBytes
  }

  async #holding<T>({ bytes }: BroadcastMessage, work: () => Promise<T>): Promise<T> {
    this.#pending++
    this.#pendingBytes += bytes.length
    try {
      return await work()
    } finally {
      this.#pending--
      this.#pendingBytes -= bytes.length
    }
  }

  async #within<T>(ms: number, work: () => Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    const timer = this.init.clock.setTimeout(() => {
      late.reject(new DOMException(`not done in ${ms} ms`, 'TimeoutError'))
    }, ms)
    try {
      return await Promise.race([work(), late.promise])
    } finally {
      timer.clear()
    }
  }
}
