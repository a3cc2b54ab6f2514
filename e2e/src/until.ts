import { setTimeout as sleep } from 'node:timers/promises'
import { PeninError } from '@penin/interface'

/** Something did not become true in time. */
export class NotInTimeError extends PeninError {
  static override readonly name = 'NotInTimeError'
}

/**
 * Polls until `condition` gives something that is neither undefined nor false, and returns it.
 *
 * @throws NotInTimeError after `ms`, saying `what`
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { ms: number; what: string | (() => string | Promise<string>); interval?: number }
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + options.ms
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== false) {
      return value as Exclude<T, undefined | false>
    }
    if (performance.now() >= end) {
      const what = typeof options.what === 'string' ? options.what : await options.what()
      throw new NotInTimeError(`${what} within ${options.ms} ms`)
    }
    await sleep(options.interval ?? 100)
  }
}
