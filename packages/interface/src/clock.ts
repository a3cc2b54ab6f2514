/** A pending timer; {@link Clock.clear} cancels it. */
export interface Timer {
  /** Cancels the timer; harmless when it has already fired. */
  clear(): void
}

/**
 * The only way in which this project's packages tell the time or wait.
 *
 * Tests and simulations hand in a fake one. Timers never keep the process alive by themselves.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. It may jump; use it for records, not for intervals. */
  now(): number
  /** Milliseconds that only ever grow; the origin means nothing. Use it for intervals and rate limits. */
  monotonic(): number
  /** Calls `fn` once after `ms` milliseconds. */
  setTimeout(fn: () => void, ms: number): Timer
  /** Calls `fn` every `ms` milliseconds. */
  setInterval(fn: () => void, ms: number): Timer
}

/** The real time. Every timer is unref'd. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fn, ms) => {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return {
      clear: () => {
        clearTimeout(timer)
      }
    }
  },
  setInterval: (fn, ms) => {
    const timer = setInterval(fn, ms)
    timer.unref()
    return {
      clear: () => {
        clearInterval(timer)
      }
    }
  }
}

/** Waits `ms` milliseconds of `clock`; rejects with the signal's reason when `signal` aborts first. */
export async function wait(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      timer.clear()
      reject(signal?.reason as Error)
    }
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** An abort signal with an end; call {@link Deadline.clear} once the work is over. */
export interface Deadline {
  signal: AbortSignal
  clear(): void
}

/**
 * A signal that aborts with a `TimeoutError` after `ms` milliseconds of `clock`, or when one of `signals` aborts, with
 * that one's reason. Unlike `AbortSignal.any` it leaves no listener behind once cleared.
 */
export function deadline(clock: Clock, ms: number, ...signals: Array<AbortSignal | undefined>): Deadline {
  const controller = new AbortController()
  const timer = clock.setTimeout(() => {
    controller.abort(new DOMException(`timed out after ${ms} ms`, 'TimeoutError'))
  }, ms)
  const forwards = signals.flatMap((signal) => {
    if (signal == null) {
      return []
    }
    const forward = (): void => {
      controller.abort(signal.reason)
    }
    if (signal.aborted) {
      forward()
    }
    signal.addEventListener('abort', forward, { once: true })
    return [{ signal, forward }]
  })
  return {
    signal: controller.signal,
    clear: () => {
      timer.clear()
      for (const { signal, forward } of forwards) {
        signal.removeEventListener('abort', forward)
      }
    }
  }
}
