import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import { asPeerId, type Reputation, type TrafficMeter } from '@penin/connection-manager'
import type { Hello } from '@penin/hello'
import type { Clock } from '@penin/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { AddressBook, BookEntry } from '@penin/peer-store'
import type { NodeServices } from './libp2p.js'
import type { PeerFacts } from './peer-filter.js'
import type { PeerInfo } from './peer-info.js'
import type { HelloMemory } from './peer-view-memory.js'
import type { PeerTags } from './peer-view-tags.js'

/** A peer without a connection is alive for so long after the last contact, in milliseconds: Project Dawn's 300 s. */
export const ALIVE_FOR = 300_000

/** Below the health that a peer has before anybody has dialled it, dials and pings have failed more than succeeded. */
const ALIVE_HEALTH = 0.5

/** What a {@link PeerView} joins. */
export interface PeerViewParts {
  libp2p: Libp2p<NodeServices>
  book: AddressBook
  reputation: Reputation
  traffic: TrafficMeter
  clock: Clock
  /** When this node was made, wall clock. */
  startedAt: number
  tags: PeerTags
  memory: HelloMemory
}

/** Joins what libp2p, the address book, reputation and hello know of a peer. It decides nothing and changes nothing. */
export class PeerView {
  constructor(private readonly parts: PeerViewParts) {}

  /** Whether the peer is in the book, connected or banned. */
  isKnown(id: PeerId): boolean {
    const { book, libp2p, reputation } = this.parts
    return book.get(id) != null || libp2p.getConnections(id).length > 0 || reputation.isBanned(id)
  }

  describe(id: PeerId): PeerInfo {
    const { book, libp2p, reputation, traffic, clock } = this.parts
    const known = book.get(id)
    const connections = libp2p.getConnections(id)
    const [first] = connections
    const { id: key, banned: _banned, ...facts } = this.#facts(id.toString(), known, first)
    const greeting = this.#greeting(key, first)
    const flows = connections.map((connection) => traffic.of(connection))
    const persistence = libp2p.services.keeper.persistenceOf(key)
    const publicKey = id.type === 'Ed25519' ? id.publicKey.raw : undefined
    const ban = reputation.banOf(key)
    return {
      id,
      ...(publicKey == null ? {} : { publicKey: Buffer.from(publicKey).toString('hex') }),
      addresses: (known?.addresses ?? []).map(({ text, certified }) => ({ multiaddr: multiaddr(text), certified })),
      ...facts,
      firstSeen: known?.firstSeen ?? first?.timeline.open ?? clock.now(),
      ...(known?.lastSuccess == null ? {} : { lastSuccess: known.lastSuccess }),
      failures: known?.failures ?? 0,
      ...(first == null
        ? {}
        : { connectedSince: first.timeline.open, direction: first.direction, remoteAddress: first.remoteAddr }),
      bytesIn: sum(flows.map((flow) => flow?.bytesIn ?? 0)),
      bytesOut: sum(flows.map((flow) => flow?.bytesOut ?? 0)),
      ...(first?.rtt == null ? {} : { rtt: first.rtt }),
      ...(greeting == null ? {} : { profile: greeting.profile, agentVersion: greeting.agentVersion }),
      ...(persistence == null ? {} : { persistence }),
      ...(ban == null ? {} : { ban })
    }
  }

  /** All peers: those in the book, those connected besides, and those of whom nothing is known but that they are banned. */
  *facts(): Generator<PeerFacts> {
    const { book, libp2p, reputation } = this.parts
    const others = new Map<string, Connection | undefined>()
    for (const { kind, key } of reputation.bans()) {
      if (kind === 'peer' && asPeerId(key) != null) {
        others.set(key, undefined)
      }
    }
    for (const connection of libp2p.getConnections()) {
      const key = connection.remotePeer.toString()
      others.set(key, others.get(key) ?? connection)
    }
    for (const entry of book.entries()) {
      const connection = others.get(entry.id)
      others.delete(entry.id)
      yield this.#facts(entry.id, entry, connection)
    }
    for (const [key, connection] of others) {
      yield this.#facts(key, undefined, connection)
    }
  }

  #facts(id: string, known: BookEntry | undefined, connection: Connection | undefined): PeerFacts {
    const { clock, memory, reputation } = this.parts
    const now = clock.now()
    const health = reputation.health(id)
    const contact = Math.max(known?.lastSuccess ?? 0, memory.get(id)?.at ?? 0)
    const greeting = this.#greeting(id, connection)
    const trusted = reputation.isTrusted(id)
    return {
      id,
      state: this.#stateOf(id, connection),
      // A time in the future is no contact: a peer of a clock that was set back must not live for ever.
      isAlive: connection != null || (health >= ALIVE_HEALTH && Math.abs(now - contact) < ALIVE_FOR),
      sources: this.#sourcesOf(known, connection),
      tags: this.#tagsOf(id, known, trusted),
      health,
      reputation: reputation.score(id),
      trusted,
      banned: reputation.isBanned(id),
      lastSeen: connection == null ? Math.max(known?.lastSeen ?? 0, contact) : now,
      ...(known == null ? {} : { table: known.table }),
      ...(greeting == null
        ? {}
        : {
            capabilities: {
              agents: greeting.agents,
              tools: greeting.tools,
              resources: greeting.resources,
              prompts: greeting.prompts
            }
          })
    }
  }

  #greeting(id: string, connection: Connection | undefined): Hello | undefined {
    const { libp2p, memory } = this.parts
    return (connection == null ? undefined : libp2p.services.hello.get(connection.remotePeer)) ?? memory.get(id)?.hello
  }

  #tagsOf(id: string, known: BookEntry | undefined, isTrusted: boolean): string[] {
    const { book, libp2p, tags } = this.parts
    const persistence = libp2p.services.keeper.persistenceOf(id)
    const marks = known?.marks ?? book.marks(id)
    return [
      ...(persistence == null ? [] : [persistence]),
      ...(marks.private === true ? ['private'] : []),
      ...(marks.unconditional === true ? ['unconditional'] : []),
      ...(isTrusted ? ['trusted'] : []),
      ...tags.get(id)
    ]
  }

  #sourcesOf(known: BookEntry | undefined, connection: Connection | undefined): PeerInfo['sources'] {
    if (known == null) {
      return connection?.direction === 'inbound' ? ['inbound'] : []
    }
    return known.firstSeen < this.parts.startedAt ? [...known.sources, 'store'] : known.sources
  }

  #stateOf(id: string, connection: Connection | undefined): PeerInfo['state'] {
    const { keeper, hello } = this.parts.libp2p.services
    if (connection == null) {
      return keeper.isDialling(id) ? 'dialling' : 'known'
    }
    if (keeper.isAccepted(id)) {
      return 'connected'
    }
    return hello.acquaintance(connection).state === 'foreign' ? 'foreign' : 'greeting'
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, n) => total + n, 0)
}
