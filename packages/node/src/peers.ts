import { publicKeyFromProtobuf, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { AbortOptions, Connection, Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { parsePeerAddress, PeerIdentityMismatchError, type Refusal, type TrafficMeter } from '@penin/connection-manager'
import { multiaddr } from '@multiformats/multiaddr'
import type { AddressBook, BookEntry } from '@penin/peer-store'
import { raceSignal } from 'race-signal'
import { InvalidArgumentError, NotRunningError, type Clock, type PeerSource } from '@penin/interface'
import type { DhtDiscovery } from './dht.js'
import { UnknownPeerError } from './errors.js'
import { explainPeer, type Explanation } from './explain.js'
import type { NodeServices } from './libp2p.js'
import type { PeerInfo } from './peer-info.js'

/** Narrows {@link Peers.list}; absent fields don't. */
export interface PeerFilter {
  connected?: boolean
  source?: PeerSource
}

export interface AddPeerOptions extends AbortOptions {
  /** The Ed25519 key that must answer: 32 raw bytes or libp2p's protobuf form, as bytes or hexadecimal. */
  expectedPublicKey?: Uint8Array | string
}

export interface PeersParts {
  libp2p: Libp2p<NodeServices>
  book: AddressBook
  traffic: TrafficMeter
  clock: Clock
  /** When this node was made, wall clock. */
  startedAt: number
  dht: Pick<DhtDiscovery, 'forget'>
  isRunning: () => boolean
}

/** Refusals are remembered for this many peers, the latest ones, so that `explain()` can tell. */
const MAX_REFUSALS = 256

/** `node.peers`: the peers this node knows, and what can be done with them. */
export class Peers {
  readonly #parts: PeersParts
  readonly #refusals = new Map<string, Refusal | { reason: string; message: string }>()

  constructor(parts: PeersParts) {
    this.#parts = parts
  }

  /** @internal */
  noteRefusal(id: PeerId, refusal: Refusal | { reason: string; message: string }): void {
    const key = id.toString()
    this.#refusals.delete(key)
    this.#refusals.set(key, refusal)
    if (this.#refusals.size > MAX_REFUSALS) {
      this.#refusals.delete(this.#refusals.keys().next().value as string)
    }
  }

  /**
   * Dials a peer, waits until it has said hello, and returns it. It is remembered like any other.
   *
   * @param address a multiaddr, `ID@host:port` or `host:port`; see `parsePeerAddress`
   * @throws InvalidPeerAddressError, InvalidArgumentError for a key that is none, PeerIdentityMismatchError (the connection
   * is closed and nothing is stored), DialFailedError with stage and cause per address, WrongNetworkError, ForeignPeerError,
   * HelloFailedError
   */
  async add(address: string, options: AddPeerOptions = {}): Promise<PeerInfo> {
    this.#assertRunning()
    const parsed = parsePeerAddress(address)
    const expected = options.expectedPublicKey == null ? undefined : peerIdOfKey(options.expectedPublicKey)
    if (expected != null && parsed.id != null && !expected.equals(parsed.id)) {
      throw new PeerIdentityMismatchError(expected.toString(), address)
    }
    const id = expected ?? parsed.id
    const wasKnown = id != null && this.#parts.book.get(id) != null
    const connection = await this.#keeper.dial(
      { ...(id == null ? {} : { id }), addresses: [parsed.address] },
      { signal: options.signal, source: 'manual' }
    )
    const peer = connection.remotePeer
    try {
      await this.#acquainted(connection, options.signal)
    } catch (error) {
      if (id == null || !wasKnown) {
        await this.#keeper.forget(peer)
      }
      throw error
    }
    return this.get(peer)
  }

  /** Closes the connection to a peer and forgets it. It may come back by itself, or be found again. */
  async remove(id: PeerId | string): Promise<void> {
    this.#assertRunning()
    const peer = toPeerId(id)
    await this.#keeper.forget(peer)
    await this.#parts.dht.forget(peer)
    await this.#parts.libp2p.hangUp(peer)
    await this.#keeper.forget(peer) // libp2p writes down what it learns while a connection closes
  }

  /** @throws UnknownPeerError */
  get(id: PeerId | string): PeerInfo {
    const peer = toPeerId(id)
    const known = this.#parts.book.get(peer)
    const connections = this.#parts.libp2p.getConnections(peer)
    if (known == null && connections.length === 0) {
      throw new UnknownPeerError(peer.toString())
    }
    return this.#describe(peer, known, connections)
  }

  /** The peers that pass the filter, connected ones first. */
  list(filter: PeerFilter = {}): PeerInfo[] {
    const peers = new Map<string, PeerId>()
    for (const connection of this.#parts.libp2p.getConnections()) {
      peers.set(connection.remotePeer.toString(), connection.remotePeer)
    }
    if (filter.connected !== true) {
      for (const id of this.#parts.book.ids()) {
        peers.set(id, peerIdFromString(id))
      }
    }
    return [...peers.values()].flatMap((id) => {
      const info = this.#describe(id, this.#parts.book.get(id), this.#parts.libp2p.getConnections(id))
      const isConnected = info.state === 'connected'
      const passes =
        (filter.connected == null || filter.connected === isConnected) &&
        (filter.source == null || info.sources.includes(filter.source))
      return passes ? [info] : []
    })
  }

  /** Why a peer is or isn't connected, in sentences. Works for unknown peers as well. */
  explain(id: PeerId | string): Explanation {
    const peer = toPeerId(id)
    const { clock, libp2p } = this.#parts
    const known = this.#parts.book.get(peer)
    const connections = libp2p.getConnections(peer)
    return explainPeer({
      at: clock.monotonic(),
      now: clock.now(),
      info: this.#describe(peer, known, connections),
      isKnown: known != null,
      dials: this.#keeper.dialState(peer),
      held: this.#keeper.heldReason(peer),
      isSelf: libp2p.peerId.equals(peer),
      peers: this.#keeper.peerCount,
      target: this.#keeper.target,
      refusal: this.#refusals.get(peer.toString())
    })
  }

  get #keeper(): NodeServices['keeper'] {
    return this.#parts.libp2p.services.keeper
  }

  #assertRunning(): void {
    if (!this.#parts.isRunning()) {
      throw new NotRunningError('the node')
    }
  }

  /** Resolves once the peer has introduced itself. */
  async #acquainted(connection: Connection, signal?: AbortSignal): Promise<void> {
    const { hello } = this.#parts.libp2p.services
    const acquaintance = await raceSignal(hello.introduced(connection), signal)
    const isDuplicate = acquaintance.state === 'refused' && hello.get(connection.remotePeer) != null
    if (acquaintance.state === 'refused' && !isDuplicate) {
      throw acquaintance.reason
    }
  }

  #describe(id: PeerId, known: BookEntry | undefined, connections: Connection[]): PeerInfo {
    const { libp2p, traffic, clock } = this.#parts
    const [first] = connections
    const greeting = libp2p.services.hello.get(id)
    const flows = connections.map((connection) => traffic.of(connection))
    const persistence = this.#keeper.persistenceOf(id)
    const key = id.type === 'Ed25519' ? id.publicKey.raw : undefined
    return {
      id,
      ...(key == null ? {} : { publicKey: Buffer.from(key).toString('hex') }),
      addresses: (known?.addresses ?? []).map(({ text, certified }) => ({ multiaddr: multiaddr(text), certified })),
      sources: this.#sourcesOf(known, first),
      firstSeen: known?.firstSeen ?? first?.timeline.open ?? clock.now(),
      lastSeen: first == null ? (known?.lastSeen ?? clock.now()) : clock.now(),
      state: this.#stateOf(id, first),
      ...(first == null
        ? {}
        : { connectedSince: first.timeline.open, direction: first.direction, remoteAddress: first.remoteAddr }),
      bytesIn: sum(flows.map((flow) => flow?.bytesIn ?? 0)),
      bytesOut: sum(flows.map((flow) => flow?.bytesOut ?? 0)),
      ...(first?.rtt == null ? {} : { rtt: first.rtt }),
      ...(greeting == null
        ? {}
        : {
            profile: greeting.profile,
            agentVersion: greeting.agentVersion,
            capabilities: {
              agents: greeting.agents,
              tools: greeting.tools,
              resources: greeting.resources,
              prompts: greeting.prompts
            }
          }),
      ...(persistence == null ? {} : { persistence })
    }
  }

  #sourcesOf(known: BookEntry | undefined, connection: Connection | undefined): PeerInfo['sources'] {
    if (known == null) {
      return connection?.direction === 'inbound' ? ['inbound'] : []
    }
    return known.firstSeen < this.#parts.startedAt ? [...known.sources, 'store'] : known.sources
  }

  #stateOf(id: PeerId, connection: Connection | undefined): PeerInfo['state'] {
    if (this.#keeper.isAccepted(id)) {
      return 'connected'
    }
    if (connection == null) {
      return this.#keeper.isDialling(id) ? 'dialling' : 'known'
    }
    return this.#parts.libp2p.services.hello.acquaintance(connection).state === 'foreign' ? 'foreign' : 'greeting'
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, n) => total + n, 0)
}

function toPeerId(id: PeerId | string): PeerId {
  if (typeof id !== 'string') {
    return id
  }
  try {
    return peerIdFromString(id)
  } catch {
    throw new UnknownPeerError(id)
  }
}

function peerIdOfKey(key: Uint8Array | string): PeerId {
  const bytes = typeof key === 'string' ? Buffer.from(key, 'hex') : key
  const isHex = typeof key !== 'string' || /^([0-9a-f]{2})+$/i.test(key)
  try {
    if (isHex && (bytes.byteLength === 32 || bytes.byteLength === 36)) {
      return peerIdFromPublicKey(bytes.byteLength === 32 ? publicKeyFromRaw(bytes) : publicKeyFromProtobuf(bytes))
    }
  } catch {
    // told below
  }
  throw new InvalidArgumentError(
    'expectedPublicKey',
    `${bytes.byteLength} bytes`,
    'an Ed25519 public key: 32 raw bytes or 36 in protobuf form, as bytes or hexadecimal'
  )
}
