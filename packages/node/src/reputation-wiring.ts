import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import { asPeerId, type Reputation } from '@penin/connection-manager'
import type { Clock, PeerReporter } from '@penin/interface'
import type { AddressBook } from '@penin/peer-store'
import { PeerBannedError } from './errors.js'
import type { NodeServices } from './libp2p.js'

/** Reasons that are counted; each is a name in somebody's source, so this is never reached. */
const MAX_REASONS = 256

/** What a {@link ReputationWiring} connects. */
export interface ReputationWiringParts {
  reputation: Reputation
  book: Pick<AddressBook, 'ban' | 'unban' | 'bans'>
  clock: Clock
  /** The program's own; it hears everything as well. */
  reporter?: PeerReporter | undefined
  /** Milliseconds within which every connection that is alive shows it: the heartbeat's interval and timeout. */
  signOfLife: number
}

/**
 * Carries to the reputation what this node observes of its peers, and carries out its bans: connections are cut at once,
 * and the address book does not choose the peer until the ban is over.
 */
export class ReputationWiring {
  /** Reports by reason. */
  readonly reports: Record<string, number> = {}
  readonly #parts: ReputationWiringParts
  readonly #open = new Set<Connection>()
  #libp2p: Libp2p<NodeServices> | undefined

  constructor(parts: ReputationWiringParts) {
    this.#parts = parts
    this.#adoptBans()
    parts.reputation.addEventListener('banned', ({ detail: { kind, key, ban } }) => {
      if (kind === 'peer') {
        parts.book.ban(key, ban.until)
        this.#cut(key)
      }
    })
    parts.reputation.addEventListener('unbanned', ({ detail: { kind, key } }) => {
      if (kind === 'peer') {
        parts.book.unban(key)
      }
    })
  }

  /** Where every protocol reports to. */
  readonly reporter: PeerReporter = {
    report: (peer, misbehaviour) => {
      const { reason } = misbehaviour
      if (Object.hasOwn(this.reports, reason) || Object.keys(this.reports).length < MAX_REASONS) {
        this.reports[reason] = (this.reports[reason] ?? 0) + 1
      }
      this.#parts.reputation.report(peer, misbehaviour)
      this.#parts.reporter?.report(peer, misbehaviour)
    }
  }

  /** For the heartbeat. While this node's own network is down, pings that stay unanswered say nothing about the peers. */
  readonly onPing = (connection: Connection, rtt: number): void => {
    if (rtt !== Infinity || this.#hasLifeBeside(connection)) {
      this.#parts.reputation.pinged(connection.remotePeer, rtt)
    }
  }

  /** For peer exchange: news is useful; that there was none, or none that was new, says nothing against a peer. */
  readonly onAnswer = (peer: PeerId, { taken }: { taken: number }): void => {
    this.#parts.reputation.exchanged(peer, taken > 0 ? 1 : 0.5)
  }

  /** Begins to observe; it ends with the node, whose listeners these are. */
  attach(libp2p: Libp2p<NodeServices>): void {
    const { reputation } = this.#parts
    this.#libp2p = libp2p
    libp2p.addEventListener('connection:open', ({ detail: connection }) => {
      this.#onOpen(connection)
    })
    libp2p.services.keeper.addEventListener('dial', ({ detail: { id, ok, inconclusive } }) => {
      if (id != null && inconclusive !== true) {
        reputation.dialled(id, ok)
      }
    })
  }

  #onOpen(connection: Connection): void {
    const { reputation } = this.#parts
    const { remotePeer: id, remoteAddr } = connection
    if (connection.status !== 'open') {
      return // cut off while the handshake was finished: libp2p tells of it all the same, and never of its end
    }
    if (reputation.isBanned(id)) {
      connection.abort(new PeerBannedError(id.toString())) // banned while the handshake was under way
      return
    }
    this.#open.add(connection)
    reputation.connected(id, remoteAddr)
    connection.addEventListener('close', ({ error, local }) => {
      this.#open.delete(connection)
      if (this.#libp2p?.getConnections(id).length === 0) {
        const isCut = error != null && (local !== true || error.name === 'DeadConnectionError')
        reputation.disconnected(id, isCut && this.#hasLifeBeside(connection))
      }
    })
  }

  /**
   * Whether this node's own network is up: another peer has shown life within a round of the heartbeat, or has connected
   * since the last one. A node with one peer can't tell which end is cut off, and blames nobody.
   */
  #hasLifeBeside(connection: Connection): boolean {
    const since = this.#parts.clock.monotonic() - this.#parts.signOfLife
    const heartbeat = this.#libp2p?.services.heartbeat
    for (const other of this.#open) {
      const pulse = other.remotePeer.equals(connection.remotePeer) ? null : heartbeat?.pulse(other)
      if (pulse !== null && (pulse?.aliveAt ?? Infinity) >= since) {
        return true
      }
    }
    return false
  }

  #cut(key: string): void {
    const id = asPeerId(key)
    const connections = id == null ? [] : (this.#libp2p?.getConnections(id) ?? [])
    for (const connection of connections) {
      connection.abort(new PeerBannedError(key))
    }
  }

  /** The reputation knows who is banned; the book's bans are a copy, which a crash or an older program may have left behind. */
  #adoptBans(): void {
    const { reputation, book } = this.#parts
    const banned = reputation.bans().filter(({ kind }) => kind === 'peer')
    const keys = new Set(banned.map(({ key }) => key))
    for (const { id } of book.bans()) {
      if (!keys.has(id)) {
        book.unban(id)
      }
    }
    for (const { key, ban } of banned) {
      book.ban(key, ban.until)
    }
  }
}
