import type { WriteStream } from 'node:tty'
import { printable, systemClock, type Timer } from '@penin/interface'
import { createLogUpdate } from 'log-update'
import { cut, shortId } from '../format.js'
import { renderTable } from '../table.js'
import { discoveredBy, type NodeView } from './formation.js'
import type { DemoWatcher } from './run.js'

/** Milliseconds between two pictures. */
const REFRESH = 100

/** Where a demo shows itself. */
export type DemoOutput = Pick<WriteStream, 'write' | 'isTTY' | 'columns' | 'rows'> & NodeJS.WritableStream

/** Shows a demo: a table that is renewed in place on a terminal, one line for each event elsewhere. */
export class DemoScreen implements DemoWatcher {
  readonly #update: ReturnType<typeof createLogUpdate> | undefined
  #nodes: readonly NodeView[] = []
  #timer: Timer | undefined
  readonly #phases: string[] = []

  constructor(private readonly output: DemoOutput) {
    this.#update = output.isTTY ? createLogUpdate(output) : undefined
  }

  onPhase(text: string): void {
    this.#phases.push(text)
    this.#draw()
    if (this.#update == null) {
      this.output.write(`${text}\n`)
    }
  }

  onChange(line: string, nodes: readonly NodeView[]): void {
    this.#nodes = nodes
    if (this.#update == null) {
      this.output.write(`  ${printable(line, 300)}\n`)
      return
    }
    this.#timer ??= systemClock.setTimeout(() => {
      this.#timer = undefined
      this.#draw()
    }, REFRESH)
  }

  /** Leaves the last picture where it is and gives the cursor back. */
  close(): void {
    this.#timer?.clear()
    this.#update?.done()
  }

  #draw(): void {
    const { columns, rows } = this.output
    this.#update?.(renderDemo(this.#nodes, this.#phases, { columns, rows }))
  }
}

/** Pure: the table of a demo and what has happened so far, cut to a terminal's size. */
export function renderDemo(
  nodes: readonly NodeView[],
  phases: readonly string[],
  { columns, rows }: { columns: number; rows: number }
): string {
  const lines = renderTable(
    [{ title: 'NODE' }, { title: 'ID' }, { title: 'PEERS', align: 'right' }, { title: 'FOUND BY' }],
    nodes.map(row),
    columns
  )
  const fits = Math.max(2, rows - 1 - phases.length)
  const shown = lines.length <= fits ? lines : [...lines.slice(0, fits - 1), `… and ${lines.length - fits + 1} more`]
  return [...shown, ...phases.map((phase) => cut(phase, columns))].join('\n')
}

function row(node: NodeView): string[] {
  const { name, id, state, peers } = node
  return [
    name,
    id == null ? '-' : shortId(id),
    state === 'running' ? String(peers.size) : state,
    foundBy(discoveredBy(node))
  ]
}

/** `3 mdns, 1 bootstrap`. */
export function foundBy(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a)
  return sorted.map(([source, count]) => `${count} ${printable(source, 20)}`).join(', ') || '-'
}
