import { styleText } from 'node:util'
import { printable, systemClock, type Clock } from '@penin/interface'
import type { NodeEvents, PeninNode } from '@penin/node'
import { describers, LOG_LEVELS, type LogEntry, type LogLevel } from './log-entries.js'
import { LogThrottle } from './log-throttle.js'

/** No field of a line is longer; a message of libp2p with many addresses fits. */
const MAX_FIELD = 1_000

export interface LogInit {
  /** Takes one line, without its end. */
  write: (line: string) => void
  /** One JSON object a line instead of text for people. @default false */
  json?: boolean
  /** ANSI colours, for a terminal. @default false */
  colour?: boolean
  /** Lines that matter less are left out. @default 'info' */
  level?: LogLevel
  /** Names of events that are not logged. */
  silent?: ReadonlySet<string>
  clock?: Clock
}

/**
 * Writes what happens as lines: text, or JSON with `time`, `level`, `event` and the event's own fields.
 *
 * Whatever a peer may have had a hand in is made safe for a terminal, in JSON as well. Events that strangers can cause at
 * will are throttled, and the next line that gets through says how many did not.
 */
export class Log {
  readonly #init: LogInit
  readonly #clock: Clock
  readonly #throttle: LogThrottle

  constructor(init: LogInit) {
    this.#init = init
    this.#clock = init.clock ?? systemClock
    this.#throttle = new LogThrottle(this.#clock)
  }

  get isJson(): boolean {
    return this.#init.json === true
  }

  /** Writes one line. */
  write(level: LogLevel, event: string, fields: Record<string, unknown>, text: string): void {
    const { level: least = 'info', silent } = this.#init
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least) || silent?.has(event) === true) {
      return
    }
    const verdict = this.#throttle.take(event)
    if (!verdict.pass) {
      return
    }
    const { suppressed } = verdict
    this.#init.write(
      this.isJson
        ? this.#jsonLine(level, event, suppressed > 0 ? { ...fields, suppressed } : fields)
        : this.#textLine(level, suppressed > 0 ? `${text} (and ${suppressed} like it before)` : text)
    )
  }

  /**
   * Logs every event of a node until the returned function is called. What has happened before anybody could listen,
   * while the node started, comes first: warnings, peers that were found, and peers that are connected already.
   */
  follow(node: PeninNode): () => void {
    for (const message of node.warnings) {
      this.write('warn', 'warning', { message }, message)
    }
    for (const peer of node.peers.list()) {
      const [source] = peer.sources
      if (source != null && source !== 'store') {
        this.#entry('peer:discovered', describers['peer:discovered']({ id: peer.id, source }))
      }
      if (peer.state === 'connected') {
        this.#entry('peer:connected', describers['peer:connected'](peer))
      }
    }
    const endings = (Object.keys(describers) as Array<keyof NodeEvents>).map((name) => this.#followOne(node, name))
    return () => {
      endings.forEach((end) => {
        end()
      })
    }
  }

  #followOne<Name extends keyof NodeEvents>(node: PeninNode, name: Name): () => void {
    const describe = describers[name] as (detail: unknown) => LogEntry
    const listener = (event: Event): void => {
      this.#entry(name, describe((event as CustomEvent).detail))
    }
    const target: EventTarget = node
    target.addEventListener(name, listener)
    return () => {
      target.removeEventListener(name, listener)
    }
  }

  #entry(event: string, { level, fields, text }: LogEntry): void {
    this.write(level, event, fields, text)
  }

  #jsonLine(level: LogLevel, event: string, fields: Record<string, unknown>): string {
    const time = new Date(this.#clock.now()).toISOString()
    return JSON.stringify({ time, level, event, ...(safe(fields) as Record<string, unknown>) })
  }

  #textLine(level: LogLevel, text: string): string {
    const time = localTime(new Date(this.#clock.now()))
    return `${this.#paint('dim', time)} ${this.#paint(COLOURS[level], level.padEnd(5))} ${printable(text, MAX_FIELD)}`
  }

  #paint(style: Parameters<typeof styleText>[0], text: string): string {
    return this.#init.colour === true ? styleText(style, text, { validateStream: false }) : text
  }
}

const COLOURS = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const

/** Every string in a value, at any depth, made safe to print. Bytes become their number, errors their message. */
function safe(value: unknown): unknown {
  if (typeof value === 'string') {
    return printable(value, MAX_FIELD)
  }
  if (Array.isArray(value)) {
    return value.map(safe)
  }
  if (value instanceof Uint8Array) {
    return value.byteLength
  }
  if (value instanceof Error) {
    return printable(value.message, MAX_FIELD)
  }
  if (typeof value === 'object' && value != null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [printable(key), safe(inner)]))
  }
  return typeof value === 'bigint' ? value.toString() : value
}

/** `2025-01-31 17:05:09`, in the time zone of the machine. */
function localTime(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}
