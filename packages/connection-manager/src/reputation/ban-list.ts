import { InvalidArgumentError, printable, type Clock } from '@penin/interface'
import { BAN_MEMORY, FIRST_BAN, LONGEST_BAN, MAX_TEXT, PERMANENT_WINDOW } from './parameters.js'

/** A ban that is in force. */
export interface Ban {
  /** Wall-clock time in milliseconds. */
  since: number
  /** Wall-clock time in milliseconds; Infinity for a permanent ban. */
  until: number
  /** Automatic bans so far, this one included. */
  level: number
  /** The node itself banned; otherwise a person or program did. */
  automatic: boolean
  reason: string
  /** `node` for an automatic ban, otherwise who asked for it. */
  by: string
}

/** What is kept of an id or group, also when its ban is over. */
export interface Sentence extends Ban {
  /** When the latest automatic bans began. */
  offences: number[]
  /** Of a peer: the IP group it was seen in. */
  group: string
}

interface Kept extends Sentence {
  /** Monotonic time at which the ban is over at the latest, whatever is done to the wall clock. */
  deadline: number
  /** Nobody has been told that it is over. */
  isAnnounced: boolean
}

/** Offences within the 30 days that are kept; the third is the last for a peer, and a group's don't matter. */
const OFFENCES_KEPT = 3

/** The rank of a manual ban that is in force; see {@link BanList}. */
const MANUAL = 3

/** How somebody bans by hand. */
export interface ManualBan {
  /** Milliseconds; left out for a permanent ban. */
  duration?: number
  /** @default 'manual' */
  reason?: string
  /** @default 'operator' */
  by?: string
}

export interface BanListInit {
  clock: Clock
  /** Records, over or not; half of them may be manual bans. */
  max: number
  /** This many automatic bans within 30 days, and the last of them is permanent. */
  permanentAfter: number
  /** Called when a record is to be written or deleted. */
  onChange: (key: string) => void
}

/**
 * Who is banned, until when, and how often it has been.
 *
 * Automatic bans last 1 h, 2 h, 4 h ... 7 d. Nothing lengthens a ban that is in force: {@link BanList.punish} does nothing
 * then. (In PAW every later event was another offence, and a ban of an hour soon a permanent one.)
 *
 * The clock: a temporary ban is over when the wall clock has reached its end, or when as much time as it was to last has
 * passed, whichever is first. A clock set back makes no ban longer; one set forward ends bans early, for it can't be told
 * from a machine that slept. After a restart with the clock set back, a ban lasts at most its whole length again.
 *
 * Bounded. When full, the records of bans that are over go first (the oldest), then temporary bans (the one that ends
 * soonest), then automatic permanent ones (the oldest); manual bans never.
 */
export class BanList {
  readonly #init: BanListInit
  readonly #records = new Map<string, Kept>()

  constructor(init: BanListInit) {
    this.#init = init
  }

  get size(): number {
    return this.#records.size
  }

  isBanned(key: string): boolean {
    const record = this.#records.get(key)
    return record != null && !this.#isOver(record)
  }

  get(key: string): Ban | undefined {
    const record = this.#records.get(key)
    return record == null || this.#isOver(record) ? undefined : asBan(record)
  }

  /** Bans automatically, for as long as the ladder says; undefined if it is banned already, for nothing changes then. */
  punish(key: string, reason: string, group = ''): Ban | undefined {
    if (this.isBanned(key)) {
      return undefined
    }
    const now = this.#init.clock.now()
    const past = this.#records.get(key)
    const isRemembered = past != null && now - Math.min(past.since, now) < BAN_MEMORY
    const level = (isRemembered ? past.level : 0) + 1
    const offences = [...(past?.offences ?? []).map((at) => Math.min(at, now)), now]
      .filter((at) => now - at < PERMANENT_WINDOW)
      .slice(-OFFENCES_KEPT)
    const isPermanent = offences.length >= this.#init.permanentAfter
    const until = isPermanent ? Infinity : now + banDuration(level)
    return this.#put(key, { since: now, until, level, automatic: true, reason, by: 'node', offences, group })
  }

  /**
   * Bans by hand; it takes the place of a ban that is in force, and does not count as an offence.
   *
   * @throws InvalidArgumentError for a duration that is none, and when half of the records are manual bans
   */
  set(key: string, { duration, reason = 'manual', by = 'operator' }: ManualBan = {}): Ban {
    if (duration != null && !(duration > 0)) {
      throw new InvalidArgumentError('duration', String(duration), 'milliseconds, more than 0')
    }
    const past = this.#records.get(key)
    if ((past == null || this.#rank(past) !== MANUAL) && this.#manual() >= this.#init.max / 2) {
      throw new InvalidArgumentError('ban', key, `at most ${this.#init.max / 2} manual bans; lift some first`)
    }
    const since = this.#init.clock.now()
    const until = duration == null ? Infinity : since + duration
    const { level = 0, offences = [], group = '' } = past ?? {}
    return this.#put(key, { since, until, level, automatic: false, reason, by, offences, group })
  }

  /** Lifts a ban and forgets everything before; the ban, if one was in force. */
  lift(key: string): Ban | undefined {
    const ban = this.get(key)
    if (this.#records.delete(key)) {
      this.#init.onChange(key)
    }
    return ban
  }

  /** The keys whose bans have ended since the last call. Records older than {@link BAN_MEMORY} are forgotten. */
  expire(): string[] {
    const now = this.#init.clock.now()
    const ended: string[] = []
    for (const [key, record] of this.#records) {
      if (!this.#isOver(record)) {
        continue
      }
      if (record.isAnnounced) {
        record.isAnnounced = false
        ended.push(key)
      }
      if (record.until > now) {
        // It is over by the monotonic clock: after a restart the wall clock alone would make it begin again.
        record.until = now
        this.#init.onChange(key)
      }
      if (now - record.since >= BAN_MEMORY) {
        this.#records.delete(key)
        this.#init.onChange(key)
      }
    }
    return ended
  }

  /** Bans in force. */
  list(): Array<[key: string, ban: Ban]> {
    return Array.from(this.#records).flatMap(([key, record]) => (this.#isOver(record) ? [] : [[key, asBan(record)]]))
  }

  /** Keys of automatic bans of one group that began after `since`, in force or over. */
  offendersOf(group: string, since: number): Set<string> {
    const found = new Set<string>()
    for (const [key, record] of this.#records) {
      if (record.group === group && record.automatic && record.since > since) {
        found.add(key)
      }
    }
    return found
  }

  /** What is to be stored for a key. */
  stored(key: string): Sentence | undefined {
    const record = this.#records.get(key)
    return record == null ? undefined : asSentence(record)
  }

  keys(): IterableIterator<string> {
    return this.#records.keys()
  }

  /** Takes over a stored record. Returns whether it is of any use still. */
  restore(key: string, sentence: Sentence): boolean {
    const now = this.#init.clock.now()
    if (sentence.until <= now && now - sentence.since >= BAN_MEMORY) {
      return false
    }
    this.#put(key, sentence)
    return this.#records.has(key)
  }

  #put(key: string, sentence: Sentence): Ban {
    const { clock, onChange } = this.#init
    const length = sentence.until - sentence.since
    const left = Math.min(Math.max(0, sentence.until - clock.now()), Math.max(0, length))
    const record: Kept = {
      ...sentence,
      reason: printable(sentence.reason, MAX_TEXT),
      by: printable(sentence.by, MAX_TEXT),
      deadline: clock.monotonic() + left,
      isAnnounced: left > 0
    }
    if (!this.#records.has(key)) {
      this.#makeRoom()
    }
    this.#records.set(key, record)
    onChange(key)
    return asBan(record)
  }

  #makeRoom(): void {
    if (this.#records.size < this.#init.max) {
      return
    }
    let victim: [string, Kept] | undefined
    for (const candidate of this.#records) {
      if (victim == null || this.#goesBefore(candidate[1], victim[1])) {
        victim = candidate
      }
    }
    if (victim != null) {
      this.#records.delete(victim[0])
      this.#init.onChange(victim[0])
    }
  }

  #goesBefore(a: Kept, b: Kept): boolean {
    const [rankA, rankB] = [this.#rank(a), this.#rank(b)]
    if (rankA !== rankB) {
      return rankA < rankB
    }
    return a.until === b.until ? a.since < b.since : a.until < b.until
  }

  #rank(record: Kept): number {
    if (this.#isOver(record)) {
      return 0
    }
    return record.automatic ? (record.until === Infinity ? 2 : 1) : MANUAL
  }

  #isOver({ until, deadline }: Kept): boolean {
    return until !== Infinity && (this.#init.clock.now() >= until || this.#init.clock.monotonic() >= deadline)
  }

  #manual(): number {
    return [...this.#records.values()].filter((record) => this.#rank(record) === MANUAL).length
  }
}

/** How long the n-th automatic ban lasts, in milliseconds: 1 h, 2 h, 4 h ... 7 d. */
export function banDuration(level: number): number {
  return Math.min(LONGEST_BAN, FIRST_BAN * 2 ** (Math.max(1, level) - 1))
}

function asSentence({ since, until, level, automatic, reason, by, offences, group }: Kept): Sentence {
  return { since, until, level, automatic, reason, by, offences, group }
}

function asBan({ since, until, level, automatic, reason, by }: Kept): Ban {
  return { since, until, level, automatic, reason, by }
}
