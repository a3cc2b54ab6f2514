/** Says on stderr how far a simulation is: one line that changes on a terminal, elsewhere one for each tenth. */
export class Progress {
  readonly #out: NodeJS.WriteStream
  #last = ''

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out
  }

  show(what: string, done: number, of: number): void {
    const percent = Math.floor((100 * done) / of)
    const shown = this.#out.isTTY ? percent : Math.floor(percent / 10) * 10
    const line = `${what}: ${shown} %`
    if (line !== this.#last) {
      this.#last = line
      this.#out.write(this.#out.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
    }
  }

  /** Takes the changing line away, before something else is written. */
  clear(): void {
    if (this.#out.isTTY && this.#last !== '') this.#out.write('\r\x1b[K')
    this.#last = ''
  }
}
