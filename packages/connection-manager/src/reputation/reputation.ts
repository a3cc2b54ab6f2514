import { InvalidArgumentError, systemClock, type Clock, type Misbehaviour, type PeerReporter } from '@penin/interface'
import { TypedEventEmitter } from 'main-event'
import { BanList, type Ban, type ManualBan } from './ban-list.js'
import { nextHealth, UNKNOWN_HEALTH } from './health.js'
import { bannableGroup, isGroupToBan } from './ip-group.js'
import {
  BAN_LINE,
  GROUP_WINDOW,
  HISTORY_STEP,
  MAX_BANS,
  MAX_GROUP_BANS,
  MAX_PEERS,
  MAX_TRUSTED,
  NEUTRAL,
  PERMANENT_AFTER,
  POINTS,
  SAVE_STEP
} from './parameters.js'
import { PeerTable, type Entry } from './peer-table.js'
import { collected, isId, restoreSnapshot, storeBan } from './snapshot.js'
import {
  newStanding,
  observeExchange,
  observeLatency,
  observeMessages,
  partsOf,
  penalise,
  scoreOf
} from './standing.js'
import { restoreEntry, storeEntry } from './stored-entry.js'
import type { Change } from './history.js'
import type { ReputationSnapshot, RestoreReport, StoredBan, StoredPeer } from './snapshot.js'
import type { BannedDetail, PeerStanding, ReputationEvents, ReputationInit, ReputationPart } from './types.js'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * What this node thinks of its peers, and who is banned. Where protocols report misbehaviour and the node what it
 * observes; nothing here does I/O.
 *
 * All of it is from this node's own observation: no method takes anybody's word about another peer, and each changes only
 * the peer that it names. Methods that observe never throw and take any number without harm.
 *
 * A peer is banned by the report that takes its strikes over the line: 1 `fatal`, 5 `low`, 10 `mid` or 50 `high` ones, or
 * a mixture (10, 5 and 1 points of 50; one `fatal` is all of them). A good score buys no right to misbehave: it does not
 * count there. Strikes begin anew with each ban, and reports about a banned peer change nothing.
 *
 * - Trusted peers are never banned by the node itself. Their penalties are counted and shown like others'.
 * - Unconditional peers bypass limits on connections, not bans: this class does not know of them.
 * - Private peers are not named to others; what is known of them here is told to nobody but the operator.
 */
export class Reputation extends TypedEventEmitter<ReputationEvents> implements PeerReporter {
  readonly #clock: Clock
  readonly #peers: PeerTable
  readonly #bans: BanList
  readonly #groups: BanList
  readonly #onChange: (part: ReputationPart, key: string) => void

  /** @throws InvalidArgumentError for a `maxPeers` below 1 */
  constructor({ clock = systemClock, maxPeers = MAX_PEERS, onChange = () => undefined }: ReputationInit = {}) {
    super()
    if (!(maxPeers >= 1)) {
      throw new InvalidArgumentError('maxPeers', String(maxPeers), 'at least 1')
    }
    this.#clock = clock
    this.#onChange = onChange
    this.#peers = new PeerTable(clock, maxPeers, (id) => {
      onChange('peer', id)
    })
    this.#bans = new BanList({
      clock,
      max: MAX_BANS,
      permanentAfter: PERMANENT_AFTER,
      onChange: (id) => {
        onChange('ban', id)
      }
    })
    // Addresses change hands: a group is never banned for ever.
    this.#groups = new BanList({
      clock,
      max: MAX_GROUP_BANS,
      permanentAfter: Infinity,
      onChange: (group) => {
        onChange('group', group)
      }
    })
  }

  /** Peers that are remembered. */
  get size(): number {
    return this.#peers.size
  }

  /** A peer misbehaved, as this node has seen itself. Never throws. */
  report(peer: PeerId | string, { reason, tolerance }: Misbehaviour): void {
    const id = String(peer)
    if (!isId(id) || this.#bans.isBanned(id)) {
      return
    }
    const entry = this.#peers.touch(id)
    const before = scoreOf(entry.standing)
    // Reports come from every protocol: one with a tolerance that does not exist counts as the mildest.
    penalise(entry.standing, (POINTS as Partial<typeof POINTS>)[tolerance] ?? POINTS.high)
    this.#peers.note(entry, 'report', reason, before)
    if (entry.standing.strikes >= BAN_LINE) {
      entry.standing.strikes = 0
      this.#punish(entry, reason)
    }
    this.#changed(entry)
  }

  /**
   * A connection to the peer is open. While it is, its uptime grows and it is not forgotten.
   *
   * @param address - the observed remote address, for the ban of an IP group; never one that the peer says it has
   */
  connected(peer: PeerId | string, address?: Multiaddr): void {
    this.#observe(peer, (entry) => {
      entry.standing.presence = 'connected'
      const group = address == null ? undefined : bannableGroup(address)
      if (group != null && group !== entry.group) {
        this.#peers.setGroup(entry, group)
      }
    })
  }

  /**
   * The last connection to the peer is gone.
   *
   * @param isLost - it was cut without a word (reset, dead by the heartbeat), and this node's own network is up: the peer
   * counts as away. Not so when either side closed it in an orderly way: who lets a surplus peer go is still there.
   */
  disconnected(peer: PeerId | string, isLost = false): void {
    this.#observe(peer, ({ standing }) => {
      if (standing.presence === 'connected') {
        standing.presence = isLost ? 'away' : 'unknown'
        standing.awaySince = standing.at
      }
    })
  }

  /** Messages that came over the peer's own connection: how many were valid, how many were not. */
  messages(peer: PeerId | string, valid: number, invalid = 0): void {
    if (valid >= 0 && invalid >= 0 && valid + invalid > 0) {
      this.#observe(peer, ({ standing }) => {
        observeMessages(standing, valid, invalid)
      })
    }
  }

  /** The peer answered a ping within `ms` milliseconds; Infinity if it did not answer. Also counts for its health. */
  pinged(peer: PeerId | string, ms: number): void {
    if (ms >= 0) {
      this.#observe(peer, (entry) => {
        observeLatency(entry.standing, ms)
        entry.health = nextHealth(entry.health, ms !== Infinity)
      })
    }
  }

  /** A dial to the peer succeeded or failed. It counts for its health, not for its score. */
  dialled(peer: PeerId | string, isSuccess: boolean): void {
    this.#observe(peer, (entry) => {
      entry.health = nextHealth(entry.health, isSuccess)
    })
  }

  /** Something was exchanged with the peer (peers, a request): 0 of no use, 1 as useful as can be. */
  exchanged(peer: PeerId | string, usefulness: number): void {
    if (usefulness >= 0) {
      this.#observe(peer, ({ standing }) => {
        observeExchange(standing, Math.min(1, usefulness))
      })
    }
  }

  /** 0..100; 50 for a peer nobody knows. An honest peer never has less. */
  score(peer: PeerId | string): number {
    const entry = this.#peers.get(String(peer))
    return entry == null ? NEUTRAL : scoreOf(entry.standing)
  }

  /** 0..1; 0.5 for a peer that was never dialled or pinged. */
  health(peer: PeerId | string): number {
    return this.#peers.get(String(peer))?.health ?? UNKNOWN_HEALTH
  }

  /** Everything that is known of a peer. */
  standing(peer: PeerId | string): PeerStanding {
    const id = String(peer)
    const entry = this.#peers.get(id)
    const standing = entry?.standing ?? newStanding(0)
    const ban = this.#bans.get(id)
    return {
      score: scoreOf(standing),
      parts: partsOf(standing),
      penalty: standing.penalty,
      strikes: standing.strikes,
      health: entry?.health ?? UNKNOWN_HEALTH,
      trusted: entry?.trusted ?? false,
      ...(ban == null ? {} : { ban })
    }
  }

  /** The latest changes of a peer's standing, the oldest first; 16 at most, repetitions together. */
  history(peer: PeerId | string): Change[] {
    return (this.#peers.get(String(peer))?.history ?? []).map((change) => ({ ...change }))
  }

  /** Ids of the peers that are remembered. */
  peers(): string[] {
    return [...this.#peers.ids()]
  }

  isTrusted(peer: PeerId | string): boolean {
    return this.#peers.get(String(peer))?.trusted ?? false
  }

  /**
   * Trusts a peer, or not any more. It lifts no ban.
   *
   * @throws InvalidArgumentError when more than 1024 peers would be trusted, and for what is no peer id
   */
  trust(peer: PeerId | string, isTrusted = true): void {
    const id = assertId(peer)
    if (this.isTrusted(id) === isTrusted) {
      return
    }
    if (isTrusted && [...this.#peers.values()].filter(({ trusted }) => trusted).length >= MAX_TRUSTED) {
      throw new InvalidArgumentError('peer', id, `at most ${MAX_TRUSTED} trusted peers`)
    }
    const entry = this.#peers.touch(id)
    entry.trusted = isTrusted
    this.#peers.note(entry, isTrusted ? 'trusted' : 'distrusted', '', scoreOf(entry.standing))
    this.#changed(entry)
  }

  /** For the gater: one look into a map. */
  isBanned(peer: PeerId | string): boolean {
    return this.#bans.isBanned(String(peer))
  }

  /** For the gater, before a handshake: whether the IP group of an observed address is banned. */
  isGroupBanned(address: Multiaddr): boolean {
    if (this.#groups.size === 0) {
      return false
    }
    const group = bannableGroup(address)
    return group != null && this.#groups.isBanned(group)
  }

  /** The ban of a peer, if one is in force. */
  banOf(peer: PeerId | string): Ban | undefined {
    return this.#bans.get(String(peer))
  }

  /** All bans in force. */
  bans(): BannedDetail[] {
    return [
      ...this.#bans.list().map(([key, ban]): BannedDetail => ({ kind: 'peer', key, ban })),
      ...this.#groups.list().map(([key, ban]): BannedDetail => ({ kind: 'group', key, ban }))
    ]
  }

  /**
   * Bans a peer by hand, also a trusted one.
   *
   * @throws InvalidArgumentError for what is no peer id, a duration that is none, and beyond 2048 manual bans
   */
  ban(peer: PeerId | string, options: ManualBan = {}): Ban {
    const id = assertId(peer)
    const ban = this.#bans.set(id, options)
    this.#noteBan(id, 'banned', ban.reason)
    this.#tell('banned', { kind: 'peer', key: id, ban })
    return ban
  }

  /** Lifts a ban and forgives: earlier bans and penalties are forgotten. Returns whether there was a ban. */
  unban(peer: PeerId | string, reason = ''): boolean {
    const id = String(peer)
    const ban = this.#bans.lift(id)
    const entry = this.#peers.get(id)
    if (entry != null) {
      const before = scoreOf(entry.standing)
      entry.standing.penalty = 0
      entry.standing.strikes = 0
      this.#peers.note(entry, 'unbanned', reason, before)
      this.#changed(entry)
    }
    if (ban != null) {
      this.#tell('unbanned', { kind: 'peer', key: id, cause: 'lifted' })
    }
    return ban != null
  }

  /**
   * Bans the IP group of an address by hand: the IPv4 address or the IPv6 /64.
   *
   * @throws InvalidArgumentError for private, loopback and relayed addresses, which stand for many, a duration that is
   * none, and beyond 512 manual bans
   */
  banGroup(address: Multiaddr, options: ManualBan = {}): Ban {
    const group = bannableGroup(address)
    if (group == null) {
      throw new InvalidArgumentError('address', address.toString(), 'a public IP address, not relayed')
    }
    const ban = this.#groups.set(group, options)
    this.#tell('banned', { kind: 'group', key: group, ban })
    return ban
  }

  /** Lifts the ban of a group, given as an address or as {@link BannedDetail.key} has it. Returns whether there was one. */
  unbanGroup(group: Multiaddr | string): boolean {
    const key = typeof group === 'string' ? group : bannableGroup(group)
    if (key == null || this.#groups.lift(key) == null) {
      return false
    }
    this.#tell('unbanned', { kind: 'group', key, cause: 'lifted' })
    return true
  }

  /** Tells of bans that have ended, and forgets what is too old. Call it now and then; bans end without it too. */
  sweep(): void {
    for (const key of this.#bans.expire()) {
      this.#noteBan(key, 'unbanned', 'expired')
      this.#tell('unbanned', { kind: 'peer', key, cause: 'expired' })
    }
    for (const key of this.#groups.expire()) {
      this.#tell('unbanned', { kind: 'group', key, cause: 'expired' })
    }
  }

  /** Everything, ready for JSON. */
  export(): ReputationSnapshot {
    return {
      version: 1,
      savedAt: this.#clock.now(),
      peers: collected(this.#peers.ids(), (id) => this.storedPeer(id)),
      bans: collected(this.#bans.keys(), (id) => this.storedBan('ban', id)),
      groups: collected(this.#groups.keys(), (group) => this.storedBan('group', group))
    }
  }

  /**
   * Takes over a snapshot, in place of what is known of the same peers; others stay. Whatever is damaged is left out and
   * counted. Decay goes on from when it was saved; no event is dispatched. Never throws.
   */
  import(snapshot: unknown): RestoreReport {
    return restoreSnapshot(snapshot, {
      peers: (id, peer) => {
        this.#changed(restoreEntry(this.#peers, id, peer, this.#clock))
        return true
      },
      bans: (id, ban) => this.#bans.restore(id, ban),
      groups: (group, ban) => this.#groups.restore(group, ban)
    })
  }

  /** What is to be stored of a peer; undefined if nothing is. */
  storedPeer(id: string): StoredPeer | undefined {
    const entry = this.#peers.get(id)
    return entry == null ? undefined : storeEntry(entry, this.#clock)
  }

  /** What is to be stored of a ban; undefined if nothing is. */
  storedBan(part: 'ban' | 'group', key: string): StoredBan | undefined {
    const sentence = (part === 'ban' ? this.#bans : this.#groups).stored(key)
    return sentence == null ? undefined : storeBan(sentence)
  }

  /** Peers with small observations that {@link ReputationInit.onChange} was not told of; it is now. For a clean end. */
  saveAll(): void {
    for (const entry of this.#peers.values()) {
      if (entry.isUnsaved || entry.standing.presence === 'connected') {
        this.#changed(entry)
      }
    }
  }

  #observe(peer: PeerId | string, change: (entry: Entry) => void): void {
    const id = String(peer)
    if (!isId(id)) {
      return
    }
    const entry = this.#peers.touch(id)
    change(entry)
    const score = scoreOf(entry.standing)
    if (Math.abs(score - entry.notedScore) >= HISTORY_STEP) {
      this.#peers.note(entry, 'observed', '', entry.notedScore)
    }
    entry.isUnsaved = true
    if (Math.abs(score - entry.savedScore) >= SAVE_STEP) {
      this.#changed(entry)
    }
  }

  #punish(entry: Entry, reason: string): void {
    const score = scoreOf(entry.standing)
    if (entry.trusted) {
      this.#peers.note(entry, 'spared', reason, score)
      return
    }
    const ban = this.#bans.punish(entry.id, reason, entry.group)
    if (ban == null) {
      return
    }
    this.#peers.note(entry, 'banned', reason, score)
    this.#tell('banned', { kind: 'peer', key: entry.id, ban })
    this.#punishGroup(entry.group)
  }

  #punishGroup(group: string): void {
    if (group === '') {
      return
    }
    const offenders = this.#bans.offendersOf(group, this.#clock.now() - GROUP_WINDOW)
    const isBad = (id: string): boolean => offenders.has(id) || this.#bans.isBanned(id)
    const others = this.#peers.countGroup(group, this.#clock.monotonic() - GROUP_WINDOW, isBad)
    if (!isGroupToBan({ banned: offenders.size, ...others })) {
      return
    }
    const ban = this.#groups.punish(group, 'many-banned-ids')
    if (ban != null) {
      this.#tell('banned', { kind: 'group', key: group, ban })
    }
  }

  #noteBan(id: string, what: 'banned' | 'unbanned', reason: string): void {
    const entry = this.#peers.get(id)
    if (entry != null) {
      this.#peers.note(entry, what, reason, scoreOf(entry.standing))
      this.#changed(entry)
    }
  }

  #changed(entry: Entry): void {
    entry.savedScore = scoreOf(entry.standing)
    entry.isUnsaved = false
    this.#onChange('peer', entry.id)
  }

  #tell<T extends keyof ReputationEvents>(type: T, detail: ReputationEvents[T]['detail']): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

function assertId(peer: PeerId | string): string {
  const id = String(peer)
  if (!isId(id)) {
    throw new InvalidArgumentError('peer', id, 'a peer id')
  }
  return id
}
