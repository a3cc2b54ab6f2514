import { printable } from '@penin/interface'
import type { NodeEvent } from '../protocol.js'

/** Lines kept, at most; older ones go. */
const MAX_LINES = 20_000

/** What happened on each host, in order. */
export class Timeline {
  readonly #lines: string[] = []
  readonly #start = performance.now()

  constructor(readonly name: string) {}

  add(host: string, text: string): void {
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(2).padStart(8)
    this.#lines.push(`${seconds}  ${host.padEnd(12)} ${printable(text, 300)}`)
    this.#lines.splice(0, Math.max(0, this.#lines.length - MAX_LINES))
  }

  addEvent(host: string, { name, detail }: NodeEvent): void {
    if (name === 'dial' && detail['ok'] === true) {
      return // the connection says so
    }
    const { id, source, sources, message, reason, target, error, direction } = detail
    const parts = { id: short(id), target: short(target), source, sources, direction, reason, message, error }
    const text = Object.entries(parts).flatMap(([key, value]) =>
      value == null || (Array.isArray(value) && value.length === 0) ? [] : [`${key}=${format(value)}`]
    )
    this.add(host, [name, ...text].join(' '))
  }

  toString(): string {
    return [`timeline of ${this.name}`, ...this.#lines].join('\n')
  }
}

function format(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function short(id: unknown): string | undefined {
  return typeof id === 'string' ? (/12D3KooW\w+$/.test(id) ? `…${id.slice(-6)}` : id) : undefined
}
