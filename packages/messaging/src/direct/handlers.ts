import { InvalidArgumentError } from '@penin/interface'
import { HandlerExistsError } from '../errors.js'
import type { Message } from './incoming.js'
import { checkType, typeName, type MessageType } from './types.js'

/** What can be sent: bytes as they are, text as UTF-8, anything else as JSON. */
export type Payload = Uint8Array | string | number | boolean | null | object

/**
 * Takes a message. It has taken it once it returns, or once its promise resolves; what it throws refuses the message.
 * What it returns is the answer to a request, and is ignored otherwise.
 */
export type MessageHandler = (message: Message) => Payload | undefined | void | Promise<Payload | undefined | void>

export interface HandleOptions {
  /**
   * Messages of one sender that the handler may be at work on at once; they begin in order.
   *
   * @default 1
   */
  concurrency?: number
}

/** A handler and what it was registered with. */
export interface Registration {
  handler: MessageHandler
  concurrency: number
}

/** Who takes which type. */
export class Handlers {
  /** Grows with every change, so that others may keep what they looked up until then. */
  version = 0
  readonly #byType = new Map<MessageType | string, Registration>()

  /** @throws HandlerExistsError, InvalidArgumentError */
  add(type: MessageType | string, handler: MessageHandler, { concurrency = 1 }: HandleOptions): () => void {
    checkType(type)
    if (!(concurrency >= 1)) {
      throw new InvalidArgumentError('concurrency', String(concurrency), 'a number of at least 1')
    }
    if (this.#byType.has(type)) {
      throw new HandlerExistsError(typeName(type))
    }
    const registration = { handler, concurrency }
    this.#byType.set(type, registration)
    this.version++
    return () => {
      if (this.#byType.get(type) === registration) {
        this.remove(type)
      }
    }
  }

  remove(type: MessageType | string): void {
    if (this.#byType.delete(type)) {
      this.version++
    }
  }

  get(type: MessageType | string): Registration | undefined {
    return this.#byType.get(type)
  }
}

const encoder = new TextEncoder()

/** @throws InvalidArgumentError for what JSON can't hold */
export function payloadBytes(payload: Payload): Uint8Array {
  if (payload instanceof Uint8Array) {
    return payload
  }
  if (typeof payload === 'string') {
    return encoder.encode(payload)
  }
  let json: string | undefined
  try {
    json = JSON.stringify(payload)
  } catch (error) {
    throw new InvalidArgumentError('payload', (error as Error).message, 'bytes, text, or what JSON can hold')
  }
  if (json === undefined) {
    throw new InvalidArgumentError('payload', typeof payload, 'bytes, text, or what JSON can hold')
  }
  return encoder.encode(json)
}
