import { deadline, printable, type Clock, type PeerReporter, type Rng } from '@penin/interface'
import {
  legacyMessages,
  openLegacyState,
  type LegacyKnownPeers,
  type LegacyMessages,
  type LegacyMessagesStats,
  type LegacyState
} from '@penin/legacy'
import type { LegacyPeer, UdpBroadcast } from '@penin/udp-broadcast'
import type { Libp2pOptions } from 'libp2p'
import type { NodeConfig } from './config/defaults.js'

/** Milliseconds for the last save of the state file; a part of what a stop may take. */
const CLOSE_BUDGET = 4_000

/** What of the Python side is in a node's statistics. */
export interface LegacyStats {
  /** Entries of `known_peers`; absent without a state file. */
  knownPeers?: number
  /** Absent if the messages are off. */
  messages?: LegacyMessagesStats
}

/** The `/penin/1.0.0` messages as a service of libp2p, if they are wanted. */
export function legacyService(
  config: NodeConfig,
  parts: { reporter: PeerReporter; clock: Clock; rng: Rng }
): NonNullable<Libp2pOptions['services']> {
  return config.legacyMessages ? { legacy: legacyMessages(parts) } : {}
}

/**
 * Opens the state file that a Python node shares with this one, if there is to be one.
 *
 * @throws LegacyStateMalformedError, LegacyStateTooLargeError, LegacyStateUnreadableError: the file is left as it is
 */
export async function openConfiguredState(
  { legacyState: path }: NodeConfig,
  tools: { clock: Clock; rng: Rng }
): Promise<LegacyState | undefined> {
  return path == null ? undefined : openLegacyState(path, tools)
}

/** What a {@link LegacyView} is made of; every part may be missing. */
export interface LegacyViewParts {
  beacons: UdpBroadcast | undefined
  state: LegacyState | undefined
  messages: LegacyMessages | undefined
  clock: Clock
  warn: (message: string) => void
  /** Tells the program. */
  tell: (name: 'legacy:discovered' | 'legacy:lost', peer: LegacyPeer) => void
}

/**
 * The Python PENIN nodes around this one. Whatever they say is unproven: they are shown, kept in `known_peers`, and never
 * dialled.
 */
export class LegacyView {
  readonly #parts: LegacyViewParts
  readonly #callbacks = new Set<(peer: LegacyPeer) => void>()
  /** Of the save that fails at present; one that goes on failing is told of once. */
  #failure = ''

  /** @internal */
  constructor(parts: LegacyViewParts) {
    this.#parts = parts
    const { beacons, state, tell, warn } = parts
    beacons?.addEventListener('legacy:discovered', ({ detail }) => {
      state?.onPeerDiscovered(detail)
      tell('legacy:discovered', detail)
      for (const callback of this.#callbacks) {
        this.#call(callback, detail)
      }
    })
    beacons?.addEventListener('legacy:lost', ({ detail }) => {
      tell('legacy:lost', detail)
    })
    state?.addEventListener('saved', () => {
      this.#failure = ''
    })
    state?.addEventListener('failed', ({ detail: { message } }) => {
      if (message !== this.#failure) {
        this.#failure = message
        warn(`legacy state: ${printable(message, 400)}`)
      }
    })
  }

  /** The Python nodes whose beacons are heard now; empty with the beacons off. */
  peers(): LegacyPeer[] {
    return this.#parts.beacons?.legacyPeers() ?? []
  }

  /**
   * Calls back for every Python node: at once for those that are heard already, then at the first sight of each, and once
   * more when an address becomes known later. What the callback throws becomes a warning.
   *
   * @returns ends it
   */
  onPeer(callback: (peer: LegacyPeer) => void): () => void {
    const entry = (peer: LegacyPeer): void => {
      callback({ ...peer })
    }
    this.#callbacks.add(entry)
    for (const peer of this.peers()) {
      this.#call(entry, peer)
    }
    return () => {
      this.#callbacks.delete(entry)
    }
  }

  /** `known_peers` of the state file; undefined without one. It is saved by itself within 5 s, and at the stop. */
  get state(): LegacyKnownPeers | undefined {
    return this.#parts.state
  }

  /** The `/penin/1.0.0` messages; undefined if they are off. */
  get messages(): LegacyMessages | undefined {
    return this.#parts.messages
  }

  /** @internal */
  stats(): LegacyStats | undefined {
    const { state, messages } = this.#parts
    if (state == null && messages == null) {
      return undefined
    }
    return {
      ...(state == null ? {} : { knownPeers: state.knownPeers.size }),
      ...(messages == null ? {} : { messages: messages.stats() })
    }
  }

  /** @internal Saves what has not been saved. Never rejects: what can't be saved in time is a warning. */
  async close(): Promise<void> {
    const { state, clock, warn } = this.#parts
    this.#callbacks.clear()
    if (state == null) {
      return
    }
    const limit = deadline(clock, CLOSE_BUDGET)
    try {
      await state.close({ signal: limit.signal })
    } catch (error) {
      warn(`legacy state: ${printable((error as Error).message, 400)}`)
    } finally {
      limit.clear()
    }
  }

  #call(callback: (peer: LegacyPeer) => void, peer: LegacyPeer): void {
    try {
      callback(peer)
    } catch (error) {
      this.#parts.warn(`a callback for legacy peers has thrown: ${printable(String(error), 200)}`)
    }
  }
}
