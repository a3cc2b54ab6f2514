import { networkInterfaces } from 'node:os'
import type { Startable } from '@libp2p/interface'
import { systemClock, type Clock, type Timer } from '@penin/interface'

/** Why everything that was learned about reachability may be wrong now. */
export type WakeUpReason = 'clock-jump' | 'interfaces-changed'

export interface WakeUpInit {
  onWakeUp: (reason: WakeUpReason) => void
  /** Milliseconds between two looks. @default 5_000 */
  interval?: number
  /**
   * How much further than expected the wall clock must have moved between two looks, in milliseconds. A sleeping laptop
   * jumps by minutes; a busy event loop or a time server's correction by far less.
   *
   * @default 15_000
   */
  jump?: number
  /** A text that changes when the network interfaces or their addresses change; tests hand in their own. */
  interfaces?: () => string | undefined
  clock?: Clock
}

/** Notices that the machine has slept or moved to another network. */
export class WakeUp implements Startable {
  readonly #init: Required<WakeUpInit>
  #timer?: Timer
  #seen: { at: number; interfaces: string | undefined } = { at: 0, interfaces: undefined }

  constructor(init: WakeUpInit) {
    this.#init = { interval: 5_000, jump: 15_000, interfaces: interfaceFingerprint, clock: systemClock, ...init }
  }

  start(): void {
    if (this.#timer != null) {
      return
    }
    this.#seen = { at: this.#init.clock.now(), interfaces: this.#init.interfaces() }
    this.#timer = this.#init.clock.setInterval(() => {
      this.#look()
    }, this.#init.interval)
  }

  stop(): void {
    this.#timer?.clear()
    this.#timer = undefined
  }

  #look(): void {
    const now = { at: this.#init.clock.now(), interfaces: this.#init.interfaces() ?? this.#seen.interfaces }
    const drift = Math.abs(now.at - this.#seen.at - this.#init.interval)
    const changed = now.interfaces !== this.#seen.interfaces
    this.#seen = now
    if (drift > this.#init.jump) {
      this.#init.onWakeUp('clock-jump')
    } else if (changed) {
      this.#init.onWakeUp('interfaces-changed')
    }
  }
}

/** Undefined when the system can't tell, as when it is out of file descriptors: that is no change. */
function interfaceFingerprint(): string | undefined {
  try {
    return describeInterfaces()
  } catch {
    return undefined
  }
}

function describeInterfaces(): string {
  return Object.entries(networkInterfaces())
    .flatMap(([name, addresses = []]) => addresses.map((a) => `${name}=${a.address}/${a.netmask}`))
    .sort()
    .join(' ')
}
