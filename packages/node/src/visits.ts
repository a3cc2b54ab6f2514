import type { Connection, Libp2p } from '@libp2p/interface'
import { deadline, type Clock } from '@penin/interface'
import type { NodeServices } from './libp2p.js'

/** A peer that is only asked for others has so long to answer before it is left, in milliseconds. */
const ASKING_BUDGET = 15_000

/** What {@link Visits} work with. */
export interface VisitsParts {
  libp2p: Libp2p<NodeServices>
  clock: Clock
  /** The node stops. */
  stopping: AbortSignal
}

/** Peers that are asked for others and then left: seeds, and those that have no place for this node. */
export class Visits {
  constructor(private readonly parts: VisitsParts) {}

  /** A seed is asked for peers and then let go: its slots are for those who know nobody. */
  async askAndRelease(connection: Connection): Promise<void> {
    await this.#ask(connection)
    this.parts.libp2p.services.keeper.release(connection.remotePeer)
  }

  /** The other end has no place for this node: it is asked for peers and left, unless it has found a place meanwhile. */
  async leave(connection: Connection): Promise<void> {
    await this.#ask(connection)
    const acquaintance = this.parts.libp2p.services.hello.acquaintance(connection)
    if (acquaintance.state !== 'greeted' || acquaintance.hello.surplus != null) {
      this.#hangUp(connection)
    }
  }

  async #ask(connection: Connection): Promise<void> {
    const { libp2p, clock, stopping } = this.parts
    const limit = deadline(clock, ASKING_BUDGET, stopping)
    try {
      await libp2p.services.pex?.ask(connection.remotePeer, { signal: limit.signal })
    } catch {
      // told by pex's counters; whatever it was, the peer is not to be held
    } finally {
      limit.clear()
    }
  }

  /** If both ends have dialled at once, only one of the two connections may be the one that there is no room for. */
  #hangUp(connection: Connection): void {
    const { libp2p } = this.parts
    const { keeper } = libp2p.services
    const { remotePeer: id } = connection
    const hasOther = libp2p.getConnections(id).some((other) => other !== connection && other.status === 'open')
    if (hasOther && keeper.isAccepted(id)) {
      connection.close().catch((error: unknown) => {
        connection.abort(error as Error)
      })
    } else {
      keeper.release(id)
    }
  }
}
