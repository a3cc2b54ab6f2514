import { chooseForgotten } from './forgetting.js'
import { remember, type Change, type ChangeKind } from './history.js'
import { TRIFLE, VETERAN_AGE } from './parameters.js'
import { newStanding, scoreOf, settle, type Standing } from './standing.js'
import type { GroupCount } from './ip-group.js'
import type { Clock } from '@penin/interface'

/** One peer of a {@link PeerTable}. */
export interface Entry {
  readonly id: string
  standing: Standing
  /** 0..1; undefined before the first dial or ping. */
  health: number | undefined
  trusted: boolean
  group: string
  /** Wall-clock time. */
  firstSeen: number
  lastSeen: number
  /** Monotonic; before the start of the process for those that were restored. */
  knownSince: number
  /** Monotonic. */
  seenAt: number
  history: Change[]
  /** The score when an observation was last put down. */
  notedScore: number
  /** The score when it was last handed to the disk. */
  savedScore: number
  /** Something was observed since then. */
  isUnsaved: boolean
}

/** All peers of which something is known; bounded by {@link chooseForgotten}. */
export class PeerTable {
  readonly #entries = new Map<string, Entry>()
  readonly #groups = new Map<string, Set<Entry>>()
  readonly #clock: Clock
  readonly #max: number
  readonly #onForget: (id: string) => void

  constructor(clock: Clock, max: number, onForget: (id: string) => void) {
    this.#clock = clock
    this.#max = max
    this.#onForget = onForget
  }

  get size(): number {
    return this.#entries.size
  }

  ids(): IterableIterator<string> {
    return this.#entries.keys()
  }

  values(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  /** What is known, as of now. */
  get(id: string): Entry | undefined {
    const entry = this.#entries.get(id)
    if (entry != null) {
      settle(entry.standing, this.#clock.monotonic())
    }
    return entry
  }

  /** The entry of a peer of which something was just heard. */
  touch(id: string): Entry {
    const entry = this.get(id) ?? this.#add(this.#blank(id))
    entry.seenAt = this.#clock.monotonic()
    entry.lastSeen = this.#clock.now()
    return entry
  }

  restore(id: string, values: Partial<Omit<Entry, 'id'>>): Entry {
    const old = this.#entries.get(id)
    if (old != null) {
      this.#drop(old)
    }
    return this.#add({ ...this.#blank(id), ...values, id })
  }

  setGroup(entry: Entry, group: string): void {
    this.#leaveGroup(entry)
    entry.group = group
    this.#joinGroup(entry)
  }

  /** The ids of a group that are in order; `isBanned` knows who is not. Only those seen after `since` (monotonic). */
  countGroup(group: string, since: number, isBanned: (id: string) => boolean): Omit<GroupCount, 'banned'> {
    const now = this.#clock.monotonic()
    let clean = 0
    let veterans = 0
    for (const { id, standing, seenAt, knownSince } of this.#groups.get(group) ?? []) {
      if ((standing.presence !== 'connected' && seenAt <= since) || isBanned(id)) {
        continue
      }
      settle(standing, now)
      clean++
      veterans += standing.penalty < TRIFLE && now - knownSince >= VETERAN_AGE ? 1 : 0
    }
    return { clean, veterans }
  }

  /** Puts a change down whose score was `before`. */
  note(entry: Entry, what: ChangeKind, reason: string, before: number): void {
    const after = scoreOf(entry.standing)
    remember(entry.history, { at: this.#clock.now(), what, reason, before, after })
    entry.notedScore = after
  }

  #blank(id: string): Entry {
    const [now, at] = [this.#clock.now(), this.#clock.monotonic()]
    const standing = newStanding(at)
    const score = scoreOf(standing)
    return {
      id,
      standing,
      health: undefined,
      trusted: false,
      group: '',
      firstSeen: now,
      lastSeen: now,
      knownSince: at,
      seenAt: at,
      history: [],
      notedScore: score,
      savedScore: score,
      isUnsaved: false
    }
  }

  #add(entry: Entry): Entry {
    if (this.#entries.size >= this.#max) {
      this.#makeRoom()
    }
    this.#entries.set(entry.id, entry)
    this.#joinGroup(entry)
    return entry
  }

  #makeRoom(): void {
    const now = this.#clock.monotonic()
    const peers = Array.from(this.#entries.values(), ({ id, standing, seenAt, trusted }) => {
      settle(standing, now)
      const isPinned = trusted || standing.presence === 'connected'
      return { id, score: scoreOf(standing), penalty: standing.penalty, seen: seenAt, isPinned }
    })
    const chosen = chooseForgotten(peers)
    // All are connected or trusted: more than the limits on both allow. The bound holds all the same.
    for (const id of chosen.length > 0 ? chosen : [...this.#entries.keys()].slice(0, 1)) {
      const entry = this.#entries.get(id)
      if (entry != null) {
        this.#drop(entry)
        this.#onForget(id)
      }
    }
  }

  #drop(entry: Entry): void {
    this.#leaveGroup(entry)
    this.#entries.delete(entry.id)
  }

  #joinGroup(entry: Entry): void {
    if (entry.group === '') {
      return
    }
    const members = this.#groups.get(entry.group)
    if (members == null) {
      this.#groups.set(entry.group, new Set([entry]))
    } else {
      members.add(entry)
    }
  }

  #leaveGroup(entry: Entry): void {
    const members = this.#groups.get(entry.group)
    members?.delete(entry)
    if (members?.size === 0) {
      this.#groups.delete(entry.group)
    }
  }
}
