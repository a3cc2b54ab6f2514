import type { TypedEventTarget } from '@libp2p/interface'
import { ConditionTimeoutError } from './errors.js'

/** How long a test waits for something that normally takes milliseconds, before it gives up. */
const DEFAULT_TIMEOUT = 10_000

export interface UntilOptions {
  /** Milliseconds of real time until the test fails. @default 10_000 */
  timeoutMs?: number
  /** Milliseconds of real time between two looks. @default 10 */
  intervalMs?: number
  /** What is waited for, in the words of the failure; a function is asked when it is needed. */
  message?: string | (() => string)
}

/**
 * Looks again and again until `condition` gives something truthy, and returns that.
 *
 * @throws ConditionTimeoutError; what the last look threw is its cause, for a condition may throw until it is true
 */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions = {}): Promise<NonNullable<T>> {
  const { timeoutMs = DEFAULT_TIMEOUT, intervalMs = 10, message = 'the condition' } = options
  const end = performance.now() + timeoutMs
  let cause: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value) {
        return value
      }
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() >= end) {
      const what = typeof message === 'string' ? message : message()
      throw new ConditionTimeoutError(what, timeoutMs, cause == null ? {} : { cause })
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs))
  }
}

/** Anything that plain events can be heard on. */
export type EventSource = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>

export interface NextEventOptions<E> {
  /** Only an event for which this is true counts. */
  filter?: (event: E) => boolean
  signal?: AbortSignal
  /** Milliseconds of real time until the test fails. @default 10_000 */
  timeoutMs?: number
}

/**
 * Waits for the next event of a name. Call it before whatever causes the event.
 *
 * @throws ConditionTimeoutError, or the signal's reason
 */
export function nextEvent<M extends object, K extends keyof M & string>(
  target: TypedEventTarget<M>,
  name: K,
  options?: NextEventOptions<M[K]>
): Promise<M[K]>
export function nextEvent<E = CustomEvent>(target: EventSource, name: string, options?: NextEventOptions<E>): Promise<E>
export async function nextEvent(target: object, name: string, options: object = {}): Promise<unknown> {
  const { filter = () => true, signal, timeoutMs = DEFAULT_TIMEOUT } = options as NextEventOptions<unknown>
  const source = target as EventSource
  signal?.throwIfAborted()
  const done = Promise.withResolvers<unknown>()
  const onEvent = (event: Event): void => {
    if (filter(event)) {
      done.resolve(event)
    }
  }
  const onAbort = (): void => {
    done.reject(signal?.reason as Error)
  }
  const timer = setTimeout(() => {
    done.reject(new ConditionTimeoutError(`event ${name}`, timeoutMs))
  }, timeoutMs)
  source.addEventListener(name, onEvent)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await done.promise
  } finally {
    clearTimeout(timer)
    source.removeEventListener(name, onEvent)
    signal?.removeEventListener('abort', onAbort)
  }
}
