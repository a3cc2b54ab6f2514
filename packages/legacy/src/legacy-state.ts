import type { TypedEventTarget } from '@libp2p/interface'
import { systemClock, type Clock, type Timer } from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import {
  LegacyOrchestrator,
  type LegacyKnownPeers,
  type LegacyPeer,
  type LegacyStateInit,
  type LegacyStateOptions
} from './orchestrator.js'

/** A save that failed is tried again after so many milliseconds, and at the next change before. */
const RETRY_DELAY = 60_000

export interface OpenLegacyStateInit extends LegacyStateInit {
  /**
   * Milliseconds from the first change to the save of it and of all that follow; a lower one writes more often, a
   * higher one loses more in a crash. @default 5_000
   */
  saveDelay?: number
}

export interface LegacyStateEvents {
  /** The file has been written, or had it all already. */
  saved: CustomEvent<{ peers: number }>
  /** A save of its own failed; it is tried again. The peers are still known. */
  failed: CustomEvent<Error>
}

/** A state file that follows what is added to it. */
export interface LegacyState extends LegacyKnownPeers, TypedEventTarget<LegacyStateEvents>, AsyncDisposable {
  readonly path: string
  /** Reads the file again. False if there is none. */
  loadState(options?: LegacyStateOptions): Promise<boolean>
  /** Writes it now; creates it if it isn't there. */
  saveState(options?: LegacyStateOptions): Promise<void>
  /**
   * Saves what the file lacks, what a Python node has dropped from it included, and takes no more. Closing twice is
   * closing once.
   */
  close(options?: LegacyStateOptions): Promise<void>
}

class LegacyStateImpl extends TypedEventEmitter<LegacyStateEvents> implements LegacyState {
  readonly #orchestrator: LegacyOrchestrator
  readonly #clock: Clock
  readonly #saveDelay: number
  #timer?: Timer | undefined
  #closed?: Promise<void>

  constructor(
    readonly path: string,
    init: OpenLegacyStateInit
  ) {
    super()
    const { saveDelay = 5_000, ...rest } = init
    this.#orchestrator = new LegacyOrchestrator(rest)
    this.#clock = init.clock ?? systemClock
    this.#saveDelay = saveDelay
  }

  get knownPeers(): ReadonlySet<string> {
    return this.#orchestrator.knownPeers
  }

  get isDirty(): boolean {
    return this.#orchestrator.isDirty
  }

  addKnownPeer(peer: string): boolean {
    return this.#closed == null && this.#changed(this.#orchestrator.addKnownPeer(peer))
  }

  removeKnownPeer(peer: string): boolean {
    return this.#closed == null && this.#changed(this.#orchestrator.removeKnownPeer(peer))
  }

  readonly onPeerDiscovered = ({ address, port }: LegacyPeer): boolean =>
    address != null && this.addKnownPeer(`${address}:${port}`)

  async loadState(options?: LegacyStateOptions): Promise<boolean> {
    const isThere = await this.#orchestrator.loadState(this.path, options)
    this.#changed(this.isDirty && this.#closed == null)
    return isThere
  }

  async saveState(options?: LegacyStateOptions): Promise<void> {
    await this.#orchestrator.saveState(this.path, options)
    this.#timer?.clear()
    this.#timer = undefined
    this.#changed(this.isDirty && this.#closed == null)
    this.safeDispatchEvent('saved', { detail: { peers: this.knownPeers.size } })
  }

  async close(options?: LegacyStateOptions): Promise<void> {
    this.#closed ??= this.#close(options)
    await this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(options?: LegacyStateOptions): Promise<void> {
    this.#timer?.clear()
    this.#timer = undefined
    // a Python node may have put its own, older list there since: that must not be the last word
    await this.#orchestrator.loadState(this.path, options)
    if (this.isDirty) {
      await this.saveState(options)
    }
  }

  #changed(hasChanged: boolean): boolean {
    if (hasChanged && this.#timer == null) {
      this.#saveIn(this.#saveDelay)
    }
    return hasChanged
  }

  #saveIn(delay: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.saveState().catch((error: unknown) => {
        if (this.#closed == null && this.#timer == null) {
          this.#saveIn(RETRY_DELAY)
        }
        this.safeDispatchEvent('failed', { detail: error as Error })
      })
    }, delay)
  }
}

/**
 * Loads a Python node's state file and keeps its `known_peers` up to date: additions are saved by themselves a few
 * seconds later. A file that isn't there comes into being with the first of them.
 *
 * @throws LegacyStateMalformedError, LegacyStateTooLargeError, LegacyStateUnreadableError: the file is left as it is
 */
export async function openLegacyState(path: string, init: OpenLegacyStateInit = {}): Promise<LegacyState> {
  const state = new LegacyStateImpl(path, init)
  await state.loadState()
  return state
}
