import type { Connection, PeerId } from '@libp2p/interface'
import { observedScope, type Clock, type Rng } from '@penin/interface'
import {
  keyedGroup,
  netGroup,
  type EvictionCandidate,
  type PeerScope,
  type SurplusCandidate
} from './selection/index.js'
import type { TrimmerInit } from './trimmer-contract.js'

/** What is computed once for a connection, and its best round trip. */
interface Facts {
  /** Monotonic. */
  connectedAt: number
  minRtt?: number
  /** Worked out when it is first asked for, and not while a connection opens. */
  where?: Whereabouts
}

interface Whereabouts {
  group: string
  /** See `keyedGroup()`. */
  keyedGroup: number
  scope: PeerScope
}

/** A connected peer, as both choices want to see it. */
export interface SeenPeer extends EvictionCandidate, SurplusCandidate {
  peer: PeerId
  score: number
  /** All its connections were let in for a short while, and it has been told so. */
  isPassing: boolean
}

/** Looks at connections, and remembers of each what the choices need. It keeps nothing of those that are gone. */
export class ConnectionView {
  readonly #facts = new WeakMap<Connection, Facts>()
  readonly #init: TrimmerInit
  readonly #clock: Clock
  readonly #secret: Uint8Array

  constructor(init: TrimmerInit, clock: Clock, rng: Rng) {
    this.#init = init
    this.#clock = clock
    this.#secret = rng.bytes(32)
  }

  /** Takes note of a connection, and of its latest round trip. */
  note(connection: Connection): Facts {
    const facts = this.#facts.get(connection) ?? this.#newFacts(connection)
    const { rtt } = connection
    if (rtt != null && rtt >= 0 && !(rtt >= (facts.minRtt ?? Infinity))) {
      facts.minRtt = rtt
    }
    this.#facts.set(connection, facts)
    return facts
  }

  /**
   * All connected peers. With several connections a peer is seen by its oldest, but is an outbound one as soon as one of
   * them is outbound.
   */
  peers(connections: readonly Connection[]): SeenPeer[] {
    const byPeer = new Map<string, [Connection, ...Connection[]]>()
    for (const connection of connections) {
      const id = connection.remotePeer.toString()
      const others = byPeer.get(id)
      if (others == null) {
        byPeer.set(id, [connection])
      } else {
        others.push(connection)
      }
    }
    return [...byPeer].map(([id, own]) => this.#see(id, own))
  }

  #see(id: string, connections: [Connection, ...Connection[]]): SeenPeer {
    const { exemption, isBusy, isPassing, score, lastMessageAt, lastRecordAt, lastUsefulAt } = this.#init
    const peer = connections[0].remotePeer
    const oldest = connections.reduce((a, b) => (this.note(b).connectedAt < this.note(a).connectedAt ? b : a))
    const { where = this.#whereabouts(oldest), ...facts } = this.note(oldest)
    this.note(oldest).where = where
    const messageAt = lastMessageAt?.(peer)
    const exempt = exemption?.(peer)
    const isProtected = exempt != null || isBusy?.(peer) === true
    return {
      ...facts,
      ...where,
      id,
      peer,
      direction: connections.some(({ direction }) => direction === 'outbound') ? 'outbound' : 'inbound',
      exempt,
      score: score?.(peer) ?? 50,
      lastMessageAt: messageAt,
      lastRecordAt: lastRecordAt?.(peer),
      lastUsefulAt: lastUsefulAt == null ? messageAt : lastUsefulAt(peer),
      isProtected,
      isPassing: !isProtected && connections.every((connection) => isPassing?.(connection) === true)
    }
  }

  #newFacts({ timeline }: Connection): Facts {
    return { connectedAt: this.#clock.monotonic() - Math.max(0, this.#clock.now() - timeline.open) }
  }

  #whereabouts({ remoteAddr }: Connection): Whereabouts {
    const group = netGroup(remoteAddr)
    const isRelayed = remoteAddr.getComponents().some(({ name }) => name === 'p2p-circuit')
    return {
      group,
      keyedGroup: keyedGroup(this.#secret, group),
      scope: isRelayed ? 'relay' : observedScope(remoteAddr)
    }
  }
}
