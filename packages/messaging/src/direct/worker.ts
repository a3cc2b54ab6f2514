import type { Timer } from '@penin/interface'
import { decompress } from './compression.js'
import type { MessageHandler, Payload, Registration } from './handlers.js'
import type { Incoming } from './incoming.js'
import { REFUSED, TAKEN } from './lane.js'
import { ReceivedPayload } from './received-payload.js'
import type { Surroundings } from './surroundings.js'
import { reasonCode } from './wire/answer-frame.js'

const HANDLER_FAILED = REFUSED + reasonCode('handler-failed')
const HANDLER_TIMEOUT = REFUSED + reasonCode('handler-timeout')
const EXPIRED = REFUSED + reasonCode('expired')
const BAD_PAYLOAD = REFUSED + reasonCode('bad-payload')

/** What a worker needs of the inlet it belongs to. */
export interface WorkerOwner {
  /** The message is taken or refused; called once for each. */
  settle(message: Incoming, state: number): void
  /** Sends what the handler of a request returned. @throws if there is no room for it */
  answer(message: Incoming, answer: Payload | undefined): void
  /** A payload was not what it said. */
  onBomb(message: Incoming): void
  /** Keeps a message that has to wait: it counts, and no longer lives in the buffer that it came in. */
  hold(message: Incoming): void
}

/** Hands one sender's messages of one type to their handler, in order. */
export class Worker {
  readonly #queue: Incoming[] = []
  /** Those whose handler has not come back yet, in the order in which they were begun, and since when. */
  readonly #active = new Map<Incoming, number>()
  #timer: Timer | undefined
  #isPumping = false

  constructor(
    readonly registration: Registration,
    private readonly around: Surroundings,
    private readonly owner: WorkerOwner
  ) {}

  get isIdle(): boolean {
    return this.#active.size === 0 && this.#queue.length === 0
  }

  push(message: Incoming): void {
    if (this.#queue.length > 0 || this.#active.size >= this.registration.concurrency || this.#isPumping) {
      this.owner.hold(message)
      this.#queue.push(message)
    } else {
      this.#run(message)
    }
  }

  stop(): void {
    this.#timer?.clear()
    this.#timer = undefined
    this.#queue.length = 0
    for (const message of this.#active.keys()) {
      message.isSettled = true
      message.abort()
    }
    this.#active.clear()
  }

  #run(message: Incoming): void {
    if (message.expiresAt <= this.around.clock.monotonic()) {
      this.owner.settle(message, EXPIRED)
      return
    }
    if (message.size >= 0 && !this.#unpack(message)) {
      return
    }
    let result: ReturnType<MessageHandler>
    try {
      result = this.registration.handler(message)
    } catch {
      this.owner.settle(message, HANDLER_FAILED)
      return
    }
    if (isThenable(result)) {
      this.#await(message, result)
    } else {
      this.#finish(message, result as Payload | undefined)
    }
  }

  #unpack(message: Incoming): boolean {
    const bytes = decompress(message.payload.lend(), message.size)
    if (bytes === undefined) {
      this.owner.settle(message, BAD_PAYLOAD)
      this.owner.onBomb(message)
      return false
    }
    message.payload = new ReceivedPayload(bytes)
    return true
  }

  #await(message: Incoming, result: Promise<unknown>): void {
    this.owner.hold(message)
    this.#active.set(message, this.around.clock.monotonic())
    this.#timer ??= this.around.clock.setTimeout(this.#onTimer, this.around.handlerTimeout)
    result.then(
      (answer) => {
        this.#end(message, () => {
          this.#finish(message, answer as Payload | undefined)
        })
      },
      () => {
        this.#end(message, () => {
          this.owner.settle(message, HANDLER_FAILED)
        })
      }
    )
  }

  #end(message: Incoming, settle: () => void): void {
    if (this.#active.delete(message)) {
      settle()
      this.#pump()
    }
  }

  #finish(message: Incoming, answer: Payload | undefined): void {
    if (message.wantsAnswer) {
      try {
        this.owner.answer(message, answer)
      } catch {
        this.owner.settle(message, HANDLER_FAILED)
        return
      }
    }
    this.owner.settle(message, TAKEN)
  }

  #pump(): void {
    if (this.#isPumping) {
      return
    }
    this.#isPumping = true
    let done = 0
    while (done < this.#queue.length && this.#active.size < this.registration.concurrency) {
      this.#run(this.#queue[done++] as Incoming)
    }
    this.#queue.splice(0, done)
    this.#isPumping = false
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined
    const { clock, handlerTimeout } = this.around
    const at = clock.monotonic()
    for (const [message, since] of [...this.#active]) {
      if (at - since < handlerTimeout) {
        break
      }
      message.abort()
      this.#end(message, () => {
        this.owner.settle(message, HANDLER_TIMEOUT)
      })
    }
    const oldest = this.#active.values().next().value
    if (oldest !== undefined) {
      this.#timer ??= clock.setTimeout(this.#onTimer, Math.max(1, oldest + handlerTimeout - at))
    }
  }
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
