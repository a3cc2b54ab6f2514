import type { RowSpec, Side } from './bench.js'

const sides: Record<Side, string> = { ours: 'PENIN', theirs: 'libp2p' }

/** Says on stderr how far a run is: one line that changes on a terminal, one line for each round elsewhere. */
export class Progress {
  readonly #out: NodeJS.WriteStream
  #shown = false
  #lastRound = ''

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out
  }

  /** `done` of `rounds` rounds of these rows are over, and `side` is being measured. */
  show(rows: readonly RowSpec[], { done, rounds, side }: { done: number; rounds: number; side: Side }): void {
    const names = rows.map(({ name }) => name).join(', ')
    const round = `${names}: ${done} of ${rounds} rounds done`
    if (this.#out.isTTY) {
      this.#out.write(`\r\x1b[K${round}, measuring ${sides[side]}`)
      this.#shown = true
    } else if (round !== this.#lastRound) {
      this.#lastRound = round
      this.#out.write(`${round}\n`)
    }
  }

  /** These rows are measured. */
  end(rows: readonly RowSpec[], rounds: number): void {
    this.clear()
    this.#out.write(`${rows.map(({ name }) => name).join(', ')}: ${rounds} of ${rounds} rounds done\n`)
  }

  /** Takes the changing line away, before something else is written. */
  clear(): void {
    if (this.#shown) this.#out.write('\r\x1b[K')
    this.#shown = false
  }
}
