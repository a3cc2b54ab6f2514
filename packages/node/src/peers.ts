import { publicKeyFromProtobuf, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { AbortOptions, Connection, Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import {
  asPeerId,
  parsePeerAddress,
  PeerIdentityMismatchError,
  type Ban,
  type BannedDetail,
  type Change,
  type ManualBan,
  type Refusal,
  type Reputation,
  type ReputationSnapshot,
  type TrafficMeter
} from '@penin/connection-manager'
import type { AddressBook } from '@penin/peer-store'
import { raceSignal } from 'race-signal'
import { TypedEventEmitter } from 'main-event'
import { InvalidArgumentError, NotRunningError, type Clock } from '@penin/interface'
import type { DhtDiscovery } from './dht.js'
import { NoRoomError, PeerBannedError, UnknownPeerError } from './errors.js'
import { explainPeer, type Explanation } from './explain.js'
import type { NodeServices } from './libp2p.js'
import { countPeers, selectPeers, type PeerFilter, type PeersStats } from './peer-filter.js'
import type { PeerInfo } from './peer-info.js'
import type { HelloMemory } from './peer-view-memory.js'
import { PeerTags } from './peer-view-tags.js'
import { PeerView } from './peer-view.js'

export interface AddPeerOptions extends AbortOptions {
  /** The Ed25519 key that must answer: 32 raw bytes or libp2p's protobuf form, as bytes or hexadecimal. */
  expectedPublicKey?: Uint8Array | string
}

export interface PeersParts {
  libp2p: Libp2p<NodeServices>
  book: AddressBook
  reputation: Reputation
  traffic: TrafficMeter
  clock: Clock
  /** When this node was made, wall clock. */
  startedAt: number
  dht: Pick<DhtDiscovery, 'forget'>
  /** The hellos of the latest peers. */
  memory: HelloMemory
  isRunning: () => boolean
  /** Ends what the node still waits for. */
  stopping: AbortSignal
}

/** Refusals are remembered for this many peers, the latest ones, so that `explain()` can tell. */
export const MAX_REFUSALS = 256

/** Events of {@link Peers}. */
export interface PeersEvents {
  /** A peer is known now: somebody has named it, or it has connected. */
  added: CustomEvent<PeerInfo>
  /**
   * A peer has connected, said hello (again), gone, been banned, unbanned, trusted or tagged. Numbers that change all the
   * time (bytes, health, reputation) and news of addresses are no event; ask {@link Peers.get}.
   */
  updated: CustomEvent<PeerInfo>
  /** A peer is no longer known: removed, displaced by another, or dead for so long that the address book has dropped it. */
  removed: CustomEvent<{ id: PeerId }>
}

/**
 * `node.peers`: the peers this node knows, and what can be done with them. What it tells of is made when it is asked for,
 * from the state of that moment; events cost nothing while nobody listens to them.
 */
export class Peers extends TypedEventEmitter<PeersEvents> {
  readonly #parts: PeersParts
  readonly #refusals = new Map<string, Refusal | { reason: string; message: string }>()
  readonly #tags = new PeerTags()
  readonly #memory: HelloMemory
  readonly #view: PeerView
  /** Peers that have been told of because they are connected. */
  readonly #connected = new Set<string>()

  /** @internal */
  constructor(parts: PeersParts) {
    super()
    this.#parts = parts
    this.#memory = parts.memory
    this.#view = new PeerView({ ...parts, tags: this.#tags })
    // Before anybody else's listener: what a peer can do is known as soon as it is a peer.
    parts.libp2p.services.hello.addEventListener('greeted', ({ detail: { connection, hello } }) => {
      this.#memory.note(connection.remotePeer.toString(), hello, parts.clock.now())
    })
  }

  /** @internal After the node's own listeners: what they change is told of here. */
  listen(): void {
    const { libp2p, book, reputation, clock } = this.#parts
    libp2p.addEventListener('peer:connect', ({ detail: id }) => {
      this.#connected.add(id.toString())
      this.#tell(book.get(id) == null ? 'added' : 'updated', id)
    })
    libp2p.addEventListener('peer:disconnect', ({ detail: id }) => {
      const key = id.toString()
      this.#connected.delete(key)
      this.#memory.touch(key, clock.now())
      if (book.get(id) == null) {
        this.#forgotten(id)
      } else {
        this.#tell('updated', id)
      }
    })
    libp2p.services.hello.addEventListener('greeted', ({ detail: { connection } }) => {
      this.#tell('updated', connection.remotePeer)
    })
    this.#keeper.addEventListener('candidate', ({ detail: { id, added } }) => {
      if (added) {
        this.#tell(this.#connected.has(id.toString()) ? 'updated' : 'added', id)
      }
    })
    for (const type of ['banned', 'unbanned'] as const) {
      reputation.addEventListener(type, ({ detail: { kind, key } }) => {
        const id = kind === 'peer' ? asPeerId(key) : undefined
        if (id != null) {
          this.#tell('updated', id)
        }
      })
    }
  }

  /** @internal The address book has lost a peer. */
  noteRemoved(key: string): void {
    const id = asPeerId(key)
    if (id != null && !this.#connected.has(key)) {
      this.#forgotten(id)
    }
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
   * is closed and nothing is stored), PeerBannedError, DialFailedError with stage and cause per address, WrongNetworkError, ForeignPeerError,
   * HelloFailedError, NoRoomError (the peer is remembered, and dialled again later), NotRunningError also if it is stopped
   * meanwhile
   */
  async add(address: string, options: AddPeerOptions = {}): Promise<PeerInfo> {
    this.#assertRunning()
    const parsed = parsePeerAddress(address)
    const expected = options.expectedPublicKey == null ? undefined : peerIdOfKey(options.expectedPublicKey)
    if (expected != null && parsed.id != null && !expected.equals(parsed.id)) {
      throw new PeerIdentityMismatchError(expected.toString(), address)
    }
    const id = expected ?? parsed.id
    this.#assertNotBanned(id)
    const { book, stopping } = this.#parts
    const wasKnown = id != null && book.get(id) != null
    const connection = await this.#keeper.dial(
      { ...(id == null ? {} : { id }), addresses: [parsed.address] },
      // libp2p forgets dials that wait in its queue when it stops: nobody else would end them
      { signal: options.signal == null ? stopping : AbortSignal.any([options.signal, stopping]), source: 'manual' }
    )
    const peer = connection.remotePeer
    try {
      this.#assertNotBanned(peer)
      await this.#acquainted(connection, options.signal)
    } catch (error) {
      if ((id == null || !wasKnown) && !(error instanceof NoRoomError)) {
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

  /**
   * What is known of one peer, at this moment.
   *
   * @throws UnknownPeerError
   */
  get(id: PeerId | string): PeerInfo {
    const peer = toPeerId(id)
    if (!this.#view.isKnown(peer)) {
      throw new UnknownPeerError(peer.toString())
    }
    return this.#view.describe(peer)
  }

  /**
   * The peers that pass the filter, connected ones first unless `sort` says otherwise. Banned ones are among them even if
   * nothing else is known of them. It walks through all that are known; to follow changes, listen to the events.
   *
   * @throws InvalidArgumentError for a limit that is no whole number of at least 0
   */
  list(filter: PeerFilter = {}): PeerInfo[] {
    return selectPeers(this.#view.facts(), filter).flatMap(({ id: text }) => {
      const id = asPeerId(text)
      return id == null ? [] : [this.#view.describe(id)]
    })
  }

  /** Counts of the peers that {@link Peers.list} has, and averages. */
  stats(): PeersStats {
    return countPeers(this.#view.facts())
  }

  /**
   * Bans a peer, also a trusted or configured one, known or not: its connections are cut at once, and none is made or let
   * in until the ban is over. Bans are kept over restarts, and take the place of those in force.
   *
   * @param options `duration` in milliseconds; without it the ban is for good
   * @throws UnknownPeerError for what is no peer id, InvalidArgumentError for this node itself, a duration that is none,
   * and beyond 2048 bans by hand
   */
  ban(id: PeerId | string, options: ManualBan = {}): Ban {
    const peer = this.#toOther(id)
    return this.#parts.reputation.ban(peer, options)
  }

  /**
   * Lifts a ban, and forgives what led to it.
   *
   * @param id a peer, or an IP group as {@link Peers.bans} names it
   * @returns whether there was a ban
   * @throws UnknownPeerError for what is neither
   */
  unban(id: PeerId | string, reason = ''): boolean {
    const { reputation } = this.#parts
    return (
      (typeof id === 'string' && asPeerId(id) == null && reputation.unbanGroup(id)) ||
      reputation.unban(toPeerId(id), reason)
    )
  }

  /** All bans in force, of peers and of IP groups. */
  bans(): BannedDetail[] {
    return this.#parts.reputation.bans()
  }

  /**
   * Trusts a peer, or not any more: it is never banned by the node itself. Kept over restarts. It lifts no ban.
   *
   * @throws UnknownPeerError for what is no peer id, InvalidArgumentError for this node itself and beyond 1024 peers
   */
  trust(id: PeerId | string, isTrusted = true): void {
    const peer = this.#toOther(id)
    this.#parts.reputation.trust(peer, isTrusted)
    this.#tellIfKnown(peer)
  }

  /** How the reputation of a peer has changed lately, the oldest change first; 16 at most. */
  history(id: PeerId | string): Change[] {
    return this.#parts.reputation.history(toPeerId(id))
  }

  /** All that is held of the reputation of peers, bans included, ready for JSON. */
  export(): ReputationSnapshot {
    return this.#parts.reputation.export()
  }

  /**
   * Tags a peer, known or not; the tag stands in {@link PeerInfo.tags} until the node stops.
   *
   * @throws UnknownPeerError for what is no peer id
   * @throws InvalidArgumentError for a tag that is empty, longer than 64 characters or one of the node's own
   * (`bootstrap`, `persistent`, `private`, `unconditional`, `trusted`), and beyond 16 tags of a peer or 1024 tagged peers
   */
  tag(id: PeerId | string, tag: string): void {
    const peer = toPeerId(id)
    if (this.#tags.add(peer.toString(), tag)) {
      this.#tellIfKnown(peer)
    }
  }

  /** Takes a tag off a peer. @returns whether it had it */
  untag(id: PeerId | string, tag: string): boolean {
    const peer = toPeerId(id)
    const had = this.#tags.delete(peer.toString(), tag)
    if (had) {
      this.#tellIfKnown(peer)
    }
    return had
  }

  /** Why a peer is or isn't connected, in sentences. Works for unknown peers as well. */
  explain(id: PeerId | string): Explanation {
    const peer = toPeerId(id)
    const { clock, libp2p } = this.#parts
    const ban = this.#parts.reputation.banOf(peer)
    return explainPeer({
      at: clock.monotonic(),
      now: clock.now(),
      info: this.#view.describe(peer),
      isKnown: this.#parts.book.get(peer) != null,
      dials: this.#keeper.dialState(peer),
      held: this.#keeper.heldReason(peer),
      isSelf: libp2p.peerId.equals(peer),
      peers: this.#keeper.peerCount,
      target: this.#keeper.target,
      refusal: this.#refusals.get(peer.toString()),
      ban
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
    const { remotePeer: id } = connection
    const surplus = acquaintance.state === 'greeted' ? acquaintance.hello.surplus : undefined
    if (surplus != null && !this.#keeper.isAccepted(id)) {
      throw new NoRoomError(id.toString(), surplus)
    }
  }

  #assertNotBanned(id: PeerId | undefined): void {
    const ban = id == null ? undefined : this.#parts.reputation.banOf(id)
    if (id != null && ban != null) {
      throw new PeerBannedError(id.toString(), ban)
    }
  }

  #toOther(id: PeerId | string): PeerId {
    const peer = toPeerId(id)
    if (this.#parts.libp2p.peerId.equals(peer)) {
      throw new InvalidArgumentError('peer', peer.toString(), 'another one than this node itself')
    }
    return peer
  }

  #tellIfKnown(id: PeerId): void {
    if (this.#view.isKnown(id)) {
      this.#tell('updated', id)
    }
  }

  #tell(type: 'added' | 'updated', id: PeerId): void {
    if (this.listenerCount(type) > 0) {
      this.safeDispatchEvent(type, { detail: this.#view.describe(id) })
    }
  }

  #forgotten(id: PeerId): void {
    this.#memory.delete(id.toString())
    this.safeDispatchEvent('removed', { detail: { id } })
  }
}

/** @throws UnknownPeerError for what is no peer id */
export function toPeerId(id: PeerId | string): PeerId {
  if (typeof id !== 'string') {
    return id
  }
  const peer = asPeerId(id)
  if (peer == null) {
    throw new UnknownPeerError(id)
  }
  return peer
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
