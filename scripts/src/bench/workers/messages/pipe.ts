import { NotMeasurableError } from '../../errors.js'
import type { Sender } from './rival.js'

/** A stream of bytes, both ways, in the way of whoever it is made of. */
export interface Pipe {
  /** False if nothing more should be written until {@link drained}. */
  write(bytes: Uint8Array): boolean
  drained(): Promise<void>
  onData(listener: (length: number, bytes: () => Uint8Array) => void): void
}

/** Bytes that say what follows: whether it is to be sent back, and how much it is. */
const HEAD = 9

const DONE = Uint8Array.of(1)

/** Counts what follows a head and acknowledges all of it with one byte, or sends it back. */
export function serve(pipe: Pipe): void {
  let left = 0
  let isEcho = false
  pipe.onData((length, bytes) => {
    if (left === 0) {
      if (length !== HEAD) throw new NotMeasurableError(`a head of ${length} bytes`)
      const head = bytes()
      const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
      isEcho = view.getUint8(0) === 1
      left = view.getFloat64(1)
      pipe.write(DONE)
      return
    }
    left -= length
    if (isEcho) pipe.write(bytes())
    else if (left === 0) pipe.write(DONE)
  })
}

/** The other end of {@link serve}: messages are written one by one, and nothing marks where one ends. */
export class PipeSender implements Sender {
  #left = 0
  #isEcho = false
  #arrived: (() => void) | undefined

  constructor(private readonly pipe: Pipe) {
    pipe.onData((length) => {
      this.#left -= length
      if (this.#left === 0) this.#arrived?.()
    })
  }

  async flood(payload: Uint8Array, count: number): Promise<void> {
    await this.#announce(false, payload.length * count)
    const acknowledged = this.#arrival(DONE.length)
    for (let n = 0; n < count; n++) {
      if (!this.pipe.write(payload)) await this.pipe.drained()
    }
    await acknowledged
  }

  /** Without a head each time: one for more than is ever asked for. */
  async once(payload: Uint8Array): Promise<void> {
    if (!this.#isEcho) await this.#announce(true, Number.MAX_SAFE_INTEGER)
    this.#isEcho = true
    const back = this.#arrival(payload.length)
    this.pipe.write(payload)
    await back
  }

  async #announce(isEcho: boolean, bytes: number): Promise<void> {
    if (this.#isEcho) throw new NotMeasurableError('whoever sends everything back does nothing else any more')
    const head = new Uint8Array(HEAD)
    const view = new DataView(head.buffer)
    view.setUint8(0, isEcho ? 1 : 0)
    view.setFloat64(1, bytes)
    const heard = this.#arrival(DONE.length)
    this.pipe.write(head)
    await heard
  }

  async #arrival(bytes: number): Promise<void> {
    this.#left = bytes
    await new Promise<void>((resolve) => {
      this.#arrived = resolve
    })
  }
}
