import { systemClock, type Clock } from '@penin/interface'
import { OutputClosedError, StopTimeoutError } from './errors.js'
import { describeError, EXIT, exitCodeOf } from './exit-codes.js'
import type { Log } from './log.js'

/** A node's own `stop()` takes up to 4 s; the program is gone after 5. In milliseconds. */
const STOP_LIMIT = 4_800

/** Time to end by itself once all is stopped, in milliseconds. */
const LINGER_LIMIT = 500

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
type Signal = keyof typeof SIGNAL_NUMBERS

/** The parts of `process` that a daemon uses. */
export interface DaemonProcess {
  on(event: string, listener: (argument: unknown) => void): unknown
  off(event: string, listener: (argument: unknown) => void): unknown
  stdout: {
    on(event: 'error', listener: (error: Error) => void): unknown
    off(event: 'error', listener: (error: Error) => void): unknown
  }
  stderr: { write(text: string): unknown }
}

export interface DaemonInit {
  /** Name of the program, for the line that says why it ended. */
  program: string
  log: Log
  /** Starts what runs; the signal aborts when the program is told to stop before that is done. */
  start: (signal: AbortSignal) => Promise<{ stop(): Promise<void> }>
  /** What SIGHUP does. Without it a hang-up stops the program like SIGTERM. */
  onHangUp?: () => void
  /** Called once, when stopping begins; gives a terminal back. */
  onStopping?: () => void
  /** Ends the process at once. */
  exit: (code: number) => void
  process: DaemonProcess
  clock?: Clock
}

/**
 * Runs a program until it is told to stop, and returns its exit code. Never rejects.
 *
 * SIGINT and SIGTERM stop it within 5 seconds; a second one ends it at once. An exception or rejection that nobody has
 * caught is logged, and stops it.
 */
export async function runDaemon(init: DaemonInit): Promise<number> {
  return new Daemon(init).run()
}

class Daemon {
  readonly #init: DaemonInit
  readonly #clock: Clock
  /** Aborts when the program has to end; {@link #code} says with which exit code. */
  readonly #ending = new AbortController()
  readonly #ended = Promise.withResolvers<void>()
  /** Timers of a Clock don't keep a process alive, and a node without a socket has nothing that does. */
  readonly #anchor = new MessageChannel().port1
  #code: number = EXIT.ok
  #asked = false
  #started = false

  constructor(init: DaemonInit) {
    this.#init = init
    this.#clock = init.clock ?? systemClock
  }

  async run(): Promise<number> {
    this.#anchor.ref()
    const { process: target, exit } = this.#init
    for (const [event, listener] of this.#listeners()) {
      target.on(event, listener)
    }
    target.on('disconnect', this.#onDisconnect)
    target.stdout.on('error', this.#onOutputError)
    await this.#live()
    target.off('disconnect', this.#onDisconnect) // it keeps a channel to a parent, and with it the process, alive
    this.#anchor.close()
    // Fires only if something that was forgotten keeps the process alive.
    this.#clock.setTimeout(() => {
      exit(this.#code)
    }, LINGER_LIMIT)
    return this.#code
  }

  async #live(): Promise<void> {
    const { start, log } = this.#init
    try {
      const running = await start(this.#ending.signal)
      this.#started = true
      await this.#ended.promise
      await running.stop()
      log.write('info', 'stopped', {}, 'stopped')
    } catch (error) {
      // Told to stop while it started: then giving up is what was asked for.
      if (this.#started || !this.#ending.signal.aborted) {
        this.#code = exitCodeOf(error)
        this.#fail(error)
      }
    }
  }

  #listeners(): Array<[string, (argument: unknown) => void]> {
    const on = (signal: Signal): [string, () => void] => [
      signal,
      () => {
        this.#onSignal(signal)
      }
    ]
    return [
      on('SIGINT'),
      on('SIGTERM'),
      this.#init.onHangUp == null ? on('SIGHUP') : ['SIGHUP', this.#onHangUp],
      ['uncaughtException', this.#onUncaught],
      ['unhandledRejection', this.#onUncaught]
    ]
  }

  #onSignal(signal: Signal): void {
    if (this.#asked) {
      this.#init.exit(128 + SIGNAL_NUMBERS[signal])
      return
    }
    this.#asked = true
    this.#end(EXIT.ok)
    this.#init.log.write('info', 'stopping', { signal }, `stopping (${signal})`)
  }

  /** The program that has started this one with a channel to it is gone, killed perhaps: nobody wants this one now. */
  readonly #onDisconnect = (): void => {
    this.#end(EXIT.ok)
  }

  readonly #onHangUp = (): void => {
    if (this.#started && !this.#ending.signal.aborted) {
      this.#init.onHangUp?.()
    }
  }

  readonly #onUncaught = (error: unknown): void => {
    this.#end(EXIT.unexpected)
    this.#code = EXIT.unexpected
    this.#fail(error)
  }

  readonly #onOutputError = (cause: Error): void => {
    if (!this.#ending.signal.aborted) {
      this.#end(EXIT.unexpected)
      this.#complain(new OutputClosedError({ cause }))
    }
  }

  /** The first reason to end decides the exit code. */
  #end(code: number): void {
    if (this.#ending.signal.aborted) {
      return
    }
    this.#code = code
    this.#ending.abort()
    this.#init.onStopping?.()
    this.#ended.resolve()
    this.#clock.setTimeout(() => {
      this.#complain(new StopTimeoutError(STOP_LIMIT))
      this.#init.exit(EXIT.unexpected)
    }, STOP_LIMIT)
  }

  #fail(error: unknown): void {
    const { name = 'Error', stack } = (error ?? {}) as Partial<Error>
    const { log } = this.#init
    if (log.isJson) {
      log.write('error', 'error', { name, message: describeError(error) }, '')
    }
    this.#complain(error)
    if (this.#code === EXIT.unexpected && stack != null) {
      this.#init.process.stderr.write(`${stack}\n`)
    }
  }

  #complain(error: unknown): void {
    this.#init.process.stderr.write(`${this.#init.program}: ${describeError(error)}\n`)
  }
}
