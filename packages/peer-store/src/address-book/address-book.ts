import { InvalidArgumentError, systemClock, systemRng, type Candidate, type Clock, type Rng } from '@penin/interface'
import { examineAddress } from './address-facts.js'
import { Bans } from './bans.js'
import { exchangeCount, exchangeEntry, maySee } from './exchange.js'
import { findViolations, type Violation } from './invariants.js'
import { Intake } from './intake.js'
import { KeyedRandom } from './keyed-random.js'
import { Marks } from './marks.js'
import { BUCKET_SIZE, DEFAULT_MAX_SIZE, EXPIRE_STEP, MAX_ANCHORS, MAX_EXCHANGE } from './parameters.js'
import { bookCandidate } from './news.js'
import { MAX_OWN_ADDRESSES, NEW_BUCKETS, SEEN_STEP, TRIED_BUCKETS } from './parameters.js'
import { PendingTests, type PendingTest } from './pending-tests.js'
import { Placement } from './placement.js'
import { isTerrible } from './quality.js'
import { dialMask, exchangeMask, ANY_SCOPE, DIRECT_SCOPES } from './scope-mask.js'
import { choose, sample } from './selection.js'
import { SIPHASH_KEY_BYTES } from './siphash.js'
import { ID, refusalOf } from './refusal.js'
import { placedEntry, restoreEntry, storedEntry } from './snapshot.js'
import { Tables } from './tables.js'
import { viewOf } from './view.js'
import { promote, testFailed, type TriedContext } from './tried.js'
import type { BookEntry, BookBan, BookSnapshot, Entry, PeerMarks, Restorable, StoredEntry } from './entry.js'
import type { AddressBookInit, AddResult, BookCandidate, BookPart, BookStats } from './types.js'
import type { ExchangeEntry, ExchangeOptions, GoodOptions, GoodResult, IdSet, SelectOptions } from './types.js'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * Which peers this node knows, and where they are: built so that nobody who names many of them gains more than a small
 * share of it, after Bitcoin Core's addrman.
 *
 * - `new` holds peers that somebody has named, `tried` those that this node has reached itself.
 * - Each place is a keyed hash of groups and id. A taken place is given away only if its holder is terrible (see
 *   {@link isTerrible}), banned, or has failed a test made because of the newcomer.
 * - One source group reaches 1/16 of `new`, one address group 1/16 of `tried`, one public host has at most 4 ids.
 * - Everything is bounded, and no operation walks through the book, but for `setOwnAddresses`, `snapshot` and
 *   `checkInvariants`.
 *
 * It does no I/O: `openAddressBook` keeps one on a disk.
 */
export class AddressBook {
  readonly selfId: string
  readonly maxSize: number
  readonly #clock: Clock
  readonly #rng: Rng
  readonly #tables: Tables
  readonly #bans = new Bans()
  readonly #marks = new Marks()
  readonly #tests = new PendingTests()
  readonly #intake: Intake
  readonly #own = new Set<string>()
  readonly #onChange: (part: BookPart, id: string) => void
  #anchors: string[] = []
  #expireAt = 0

  /** @throws InvalidArgumentError for a secret that is not 16 bytes or a size below 1 */
  constructor(init: AddressBookInit) {
    const { selfId, secret, clock = systemClock, rng = systemRng, maxSize = DEFAULT_MAX_SIZE } = init
    if (secret.byteLength !== SIPHASH_KEY_BYTES) {
      throw new InvalidArgumentError('secret', `${secret.byteLength} bytes`, `${SIPHASH_KEY_BYTES} bytes`)
    }
    if (!Number.isInteger(maxSize) || maxSize < 1) {
      throw new InvalidArgumentError('maxSize', String(maxSize), 'an integer of at least 1')
    }
    this.selfId = selfId.toString()
    this.maxSize = Math.min(maxSize, DEFAULT_MAX_SIZE)
    this.#clock = clock
    this.#rng = new KeyedRandom(rng)
    this.#onChange = init.onChange ?? (() => {})
    const bucketSize = Math.max(1, Math.floor(this.maxSize / (NEW_BUCKETS + TRIED_BUCKETS)))
    this.#tables = new Tables(new Placement(secret, Math.min(BUCKET_SIZE, bucketSize)), (entry, isRemoved) => {
      if (isRemoved) {
        this.#tests.drop(entry.id)
        init.onRemoved?.(entry.id)
      }
      this.#onChange('entry', entry.id)
    })
    this.#intake = new Intake({
      tables: this.#tables,
      tests: this.#tests,
      rng: this.#rng,
      maxSize: this.maxSize,
      isPinned: (id) => this.#marks.isPinned(id),
      isOwn: (endpoint) => this.#own.has(endpoint),
      hasOwn: () => this.#own.size > 0,
      mayDisplace: this.#mayDisplace
    })
  }

  /** Entries in the book. */
  get size(): number {
    return this.#tables.index.size
  }

  /** Takes in what somebody says of a peer, or says why not. It never throws for what a peer can cause. */
  add(candidate: BookCandidate): AddResult {
    const now = this.#clock.now()
    const id = candidate.id.toString()
    const isBanned = this.#bans.until(id, now) != null
    const reason = refusalOf(id, candidate, this.selfId) ?? (isBanned ? 'banned' : undefined)
    if (reason != null) {
      return { status: 'refused', reason, refusedAddresses: [] }
    }
    const result = this.#intake.take(id, candidate, now)
    if (result.status === 'added' || (result.status === 'updated' && result.changed)) {
      this.#onChange('entry', id)
    }
    return result
  }

  /** {@link add} for what discovery sources hand over; the signature of a record has been checked by then. */
  addCandidate(candidate: Candidate): AddResult {
    return this.add(bookCandidate(candidate))
  }

  /** Notes that a peer is being dialled. */
  attempt(peer: PeerId | string): boolean {
    return this.#change(peer, (entry, now) => {
      entry.attempts++
      entry.lastAttempt = now
    })
  }

  /**
   * Notes that a peer was reached. Call it once the connection has passed identify and hello and has been of use for a
   * while; the peer then stands among the tried, unless its place there is taken by a good one.
   */
  good(peer: PeerId | string, { direction = 'outbound', address }: GoodOptions = {}): GoodResult {
    if (direction === 'inbound') {
      return { status: this.seen(peer) ? 'seen' : 'unknown' }
    }
    const entry = this.#tables.get(peer.toString())
    if (entry == null) {
      return { status: 'unknown' }
    }
    const facts = address == null ? undefined : examineAddress(address, entry.id)
    const result = promote(this.#triedContext(), entry, typeof facts === 'object' ? facts.text : undefined)
    this.#onChange('entry', entry.id)
    return result
  }

  /**
   * Notes that a dial has failed, or that a connection was of no use.
   *
   * @param options `offline`: this node had no connection at all, so that the failure says nothing about the peer
   */
  failed(peer: PeerId | string, { offline = false }: { offline?: boolean } = {}): boolean {
    return this.#change(peer, (entry) => {
      if (!offline) {
        entry.failures++
        testFailed(this.#triedContext(), entry)
      }
    })
  }

  /** Notes that a peer is connected now, whoever opened the connection. */
  seen(peer: PeerId | string): boolean {
    const entry = this.#tables.get(peer.toString())
    const now = this.#clock.now()
    if (entry != null && Math.abs(now - entry.lastSeen) >= SEEN_STEP) {
      entry.lastSeen = now
      this.#onChange('entry', entry.id)
    }
    return entry != null
  }

  /** Peers whose place another one wants, at most 10: dial them, and report `good` or `failed`. */
  pendingTests(): PendingTest[] {
    return this.#tests.list(this.#clock.now())
  }

  /** Whom to dial: different peers, 85 % tried and 15 % new, the better the likelier; never one that is banned. */
  select({ count = 1, exclude, scopeFilter, now = this.#clock.now() }: SelectOptions = {}): BookEntry[] {
    const mask = scopeFilter == null ? ANY_SCOPE : dialMask(scopeFilter)
    const chosen = choose({
      tables: this.#tables,
      rng: this.#rng,
      now,
      count,
      isEligible: (entry) => this.#isEligible(entry, mask, exclude, now),
      ...(scopeFilter == null ? {} : { scopes: DIRECT_SCOPES.filter((scope) => scopeFilter.includes(scope)) })
    })
    return chosen.map((entry) => this.#view(entry, now))
  }

  /** A new peer to be dialled only to see whether it answers. */
  feelerCandidate({ exclude, scopeFilter, now = this.#clock.now() }: Omit<SelectOptions, 'count'> = {}):
    BookEntry | undefined {
    const mask = scopeFilter == null ? ANY_SCOPE : dialMask(scopeFilter)
    const isEligible = (entry: Entry): boolean => this.#isEligible(entry, mask, exclude, now)
    const [entry] = choose({ tables: this.#tables, rng: this.#rng, now, count: 1, isEligible, triedShare: 0 })
    return entry == null ? undefined : this.#view(entry, now)
  }

  /** The peers to be dialled first after a restart, as far as they are still known and not banned. */
  anchors(): BookEntry[] {
    const now = this.#clock.now()
    return this.#anchors.flatMap((id) => {
      const entry = this.#tables.get(id)
      return entry == null || this.#bans.until(id, now) != null ? [] : [this.#view(entry, now)]
    })
  }

  /** The ids of the anchors, whatever has become of them. */
  anchorIds(): string[] {
    return [...this.#anchors]
  }

  /** Says who they are: the two oldest useful outbound connections. More are ignored. */
  setAnchors(peers: readonly (PeerId | string)[]): void {
    const ids = [...new Set(peers.map((peer) => peer.toString()))].filter((id) => ID.test(id)).slice(0, MAX_ANCHORS)
    if (ids.join() !== this.#anchors.join()) {
      this.#anchors = ids
      this.#onChange('anchors', '')
    }
  }

  /**
   * Peers that may be named to another one: at most 23 % of the book (but 16 if it is small), and at most 64. Only those
   * with a signed record of which every address is of the asker's scope, for a record can't be shown in part; never
   * private, banned or terrible ones.
   */
  sampleForExchange({ scope, max = MAX_EXCHANGE, exclude, isWanted }: ExchangeOptions): ExchangeEntry[] {
    const now = this.#clock.now()
    const mask = exchangeMask(typeof scope === 'string' ? [scope] : scope)
    const isEligible = (entry: Entry): boolean =>
      maySee(entry, mask) &&
      isWanted?.(entry) !== false &&
      this.#isEligible(entry, mask, exclude, now) &&
      this.#marks.get(entry.id)?.private !== true &&
      !isTerrible(entry, now)
    const count = exchangeCount(this.size, max)
    return sample({ tables: this.#tables, rng: this.#rng, count, isEligible }).flatMap(exchangeEntry)
  }

  /** The ids of all peers in the book. */
  ids(): IterableIterator<string> {
    return this.#tables.index.keys()
  }

  /** What is known of a peer. */
  get(peer: PeerId | string): BookEntry | undefined {
    const entry = this.#tables.get(peer.toString())
    return entry == null ? undefined : this.#view(entry, this.#clock.now())
  }

  /** All entries, for people and for statistics. */
  *entries(): Generator<BookEntry> {
    for (const entry of this.#tables.index.values()) {
      yield this.#view(entry, this.#clock.now())
    }
  }

  /** Forgets a peer; bans and marks stay. */
  remove(peer: PeerId | string): boolean {
    const entry = this.#tables.get(peer.toString())
    if (entry != null) {
      this.#tables.remove(entry)
    }
    return entry != null
  }

  /**
   * Keeps a peer from being chosen, named to others or added. Its entry stays, but anybody may take its place.
   *
   * @param until wall clock, milliseconds. @default for ever
   */
  ban(peer: PeerId | string, until = Infinity): void {
    const id = peer.toString()
    const now = this.#clock.now()
    if (!ID.test(id) || !(until > now)) {
      return
    }
    this.#tests.drop(id)
    for (const forgotten of this.#bans.set(id, until, now)) {
      this.#onChange('ban', forgotten)
    }
    this.#onChange('ban', id)
  }

  /** Lifts a ban. */
  unban(peer: PeerId | string): boolean {
    const id = peer.toString()
    const wasBanned = this.#bans.until(id, this.#clock.now()) != null
    if (this.#bans.delete(id)) {
      this.#onChange('ban', id)
    }
    return wasBanned
  }

  /** Who is banned now. */
  bans(): BookBan[] {
    const now = this.#clock.now()
    return this.#bans.all().filter(({ until }) => until > now)
  }

  /** Until when a peer is banned; undefined if it is not. */
  bannedUntil(peer: PeerId | string): number | undefined {
    return this.#bans.until(peer.toString(), this.#clock.now())
  }

  /**
   * Sets what the program wants of a peer, whether it is in the book already or not; what is left out stays as it is.
   *
   * @returns false when 1024 peers are marked already, or the id is malformed
   */
  mark(peer: PeerId | string, marks: PeerMarks): boolean {
    const id = peer.toString()
    const wasPinned = this.#marks.isPinned(id)
    if (!ID.test(id) || !this.#marks.set(id, marks)) {
      return false
    }
    this.#onChange('marks', id)
    const isPinned = this.#marks.isPinned(id)
    const entry = this.#tables.get(id)
    if (entry != null && wasPinned !== isPinned) {
      this.#intake.setPinned(entry, isPinned)
      this.#onChange('entry', id)
    }
    return true
  }

  /** What the program wants of a peer. */
  marks(peer: PeerId | string): PeerMarks {
    return { ...this.#marks.get(peer.toString()) }
  }

  /** All peers of which the program wants something. */
  marked(): Array<{ id: string; marks: PeerMarks }> {
    return this.#marks.all()
  }

  /** Says which addresses are this node's own; entries give them up. It walks through the book once. */
  setOwnAddresses(addresses: readonly (Multiaddr | string)[]): void {
    this.#own.clear()
    const hosts = new Set<string | undefined>()
    for (const address of addresses.slice(0, MAX_OWN_ADDRESSES)) {
      const facts = examineAddress(address)
      if (typeof facts === 'object') {
        this.#own.add(facts.endpoint)
        hosts.add(facts.host)
      }
    }
    for (const entry of [...this.#tables.index.values()]) {
      if (entry.packed != null && !hosts.has(entry.packed.host)) {
        continue // not taken apart for nothing
      }
      const others = entry.addresses.filter(({ endpoint }) => !this.#own.has(endpoint))
      if (others.length < entry.addresses.length) {
        this.#intake.reduce(entry, others)
        this.#onChange('entry', entry.id)
      }
    }
  }

  /**
   * Clears out: bans that are over, and terrible peers that have failed at least once. A peer that nobody has dialled
   * is not thrown away for its age alone, or a machine that was off for two months would wake up to an empty book.
   *
   * @param places how many places to look at, from where the last call has stopped. @default 1024
   * @returns how many peers were removed
   */
  expire(places: number = EXPIRE_STEP): number {
    const now = this.#clock.now()
    for (const id of this.#bans.expire(now)) {
      this.#onChange('ban', id)
    }
    const before = this.size
    const isDead = (entry: Entry): boolean => entry.counted && entry.failures > 0 && isTerrible(entry, now)
    this.#expireAt = this.#tables.sweep(this.#expireAt, places, isDead)
    return before - this.size
  }

  /** Counters. */
  stats(): BookStats {
    const { fresh, tried, counts, hosts, touched } = this.#tables
    return {
      size: this.size,
      ...counts,
      maxSize: this.maxSize,
      newPlaces: fresh.count,
      newCapacity: fresh.places.length,
      triedCapacity: tried.places.length,
      hosts: hosts.size,
      bans: this.bans().length,
      marks: this.#marks.size,
      pendingTests: this.pendingTests().length,
      touched
    }
  }

  /** All that is to be remembered. */
  snapshot(): BookSnapshot {
    return {
      entries: Array.from(this.#tables.index.values(), storedEntry),
      bans: this.bans(),
      marks: this.#marks.all(),
      anchors: [...this.#anchors]
    }
  }

  /** One entry as it is to be stored beside the key. */
  stored(id: string): StoredEntry | undefined {
    const entry = this.#tables.index.get(id)
    return entry == null ? undefined : placedEntry(entry, this.#tables.placement.fingerprint)
  }

  /** A ban as it is to be stored, over or not. */
  storedBan(id: string): number | undefined {
    return this.#bans.stored(id)
  }

  /**
   * Takes in what was remembered or exported, beside what is there. Entries are placed anew; one that finds no place, or
   * that is not as this book would have stored it, is dropped.
   *
   * @returns how many entries were taken and dropped, and the ids of those that are not in the book as they were stored
   */
  restore(snapshot: Restorable): { restored: number; dropped: number; changed: string[] } {
    for (const { id, until } of snapshot.bans) {
      this.ban(id, until)
    }
    for (const { id, marks } of snapshot.marks) {
      this.mark(id, marks)
    }
    let restored = 0
    let dropped = 0
    const changed: string[] = []
    for (const stored of snapshot.entries) {
      const isUsable = ID.test(stored.id) && stored.id !== this.selfId && this.size < this.maxSize
      const result = isUsable ? restoreEntry(stored, this.#intake) : 'dropped'
      restored += result === 'dropped' ? 0 : 1
      dropped += result === 'dropped' ? 1 : 0
      if (result !== 'same') {
        changed.push(stored.id)
      }
      this.#onChange('entry', stored.id)
    }
    if (snapshot.anchors.length > 0) {
      this.setAnchors(snapshot.anchors)
    }
    return { restored, dropped, changed }
  }

  /** What is wrong with the book; nothing, always. It walks through everything: for tests. */
  checkInvariants(): Violation[] {
    return findViolations({
      tables: this.#tables,
      selfId: this.selfId,
      maxSize: this.maxSize,
      tests: this.pendingTests(),
      anchors: this.#anchors,
      bans: this.#bans.size,
      marks: this.#marks.size,
      isPinned: (id) => this.#marks.isPinned(id),
      isOwn: (endpoint) => this.#own.has(endpoint)
    })
  }

  #isEligible(entry: Entry, mask: number, exclude: IdSet | undefined, now: number): boolean {
    return (entry.mask & mask) !== 0 && exclude?.has(entry.id) !== true && this.#bans.until(entry.id, now) == null
  }

  readonly #mayDisplace = (entry: Entry): boolean => {
    const now = this.#clock.now()
    const isAnchor = this.#anchors.includes(entry.id) // an attacker is not to gain by pushing them out
    return entry.counted && !isAnchor && (isTerrible(entry, now) || this.#bans.until(entry.id, now) != null)
  }

  #triedContext(): TriedContext {
    return {
      tables: this.#tables,
      tests: this.#tests,
      intake: this.#intake,
      mayDisplace: this.#mayDisplace,
      now: this.#clock.now(),
      onChange: (id) => {
        this.#onChange('entry', id)
      }
    }
  }

  #change(peer: PeerId | string, change: (entry: Entry, now: number) => void): boolean {
    const entry = this.#tables.get(peer.toString())
    if (entry == null) {
      return false
    }
    change(entry, this.#clock.now())
    this.#onChange('entry', entry.id)
    return true
  }

  #view(entry: Entry, now: number): BookEntry {
    return viewOf(entry, this.marks(entry.id), this.#bans.until(entry.id, now))
  }
}
