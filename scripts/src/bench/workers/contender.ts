import { KEEP_ALIVE, type Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { DialTimes, Setup } from './protocol.js'

/** A node of either side, seen alike. */
export interface ContenderNode {
  /** Where others reach it, with its id; empty if it doesn't listen. */
  readonly address: string
  /** The peers that are connected and known: identified (theirs), greeted (ours). */
  readonly ready: ReadyPeers
  /** Undefined, and nothing done, if there is a connection already: that would not be a dial. */
  dial(address: string): Promise<DialTimes | undefined>
  /** Closes the connection to a peer, for it to stay closed. */
  leave(address: string): Promise<void>
  stop(): Promise<void>
}

/** What each side's module exports. */
export interface Contender {
  createContender: (setup: Setup) => Promise<ContenderNode>
}

/** The ids of the peers that are ready, and waiting for them. */
export class ReadyPeers {
  /** How often one that was there has gone. */
  lost = 0
  readonly #ids = new Set<string>()
  readonly #waiting = new Set<() => void>()

  add(id: string): void {
    this.#ids.add(id)
    for (const look of this.#waiting) look()
  }

  get size(): number {
    return this.#ids.size
  }

  delete(id: string): void {
    if (this.#ids.delete(id)) this.lost++
  }

  async untilThere(id: string): Promise<void> {
    await this.#until(() => this.#ids.has(id))
  }

  async untilCount(count: number): Promise<void> {
    await this.#until(() => this.#ids.size >= count)
  }

  async #until(condition: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (condition()) resolve()
    }
    this.#waiting.add(look)
    look()
    await promise
    this.#waiting.delete(look)
  }
}

/** The id at the end of an address. */
export function idOf(address: string): string {
  return address.slice(address.lastIndexOf('/') + 1)
}

/**
 * Closes the connection to a peer.
 *
 * kad-dht tags the peers closest to itself for libp2p to redial them as soon as they are gone. A dial to measure would
 * find that connection, so the tag goes first.
 */
export async function leavePeer(node: Pick<Libp2p, 'peerStore' | 'hangUp'>, address: string): Promise<void> {
  const id = peerIdFromString(idOf(address))
  const { tags } = await node.peerStore.get(id)
  const kept = [...tags.keys()].filter((tag) => tag.startsWith(KEEP_ALIVE))
  await node.peerStore.merge(id, { tags: Object.fromEntries(kept.map((tag) => [tag, undefined])) })
  await node.hangUp(id)
}
