import { CHANGE_KINDS, type Change, type ChangeKind } from './history.js'
import { MAX_HISTORY, MAX_PENALTY, MAX_TEXT, NEUTRAL } from './parameters.js'
import { printable } from '@penin/interface'
import type { Sentence } from './ban-list.js'
import type { ScoreParts } from './standing.js'

/** What is stored of a peer. The parts are distances from 50; all of it held at `savedAt`. Times are wall-clock. */
export interface StoredPeer extends ScoreParts {
  savedAt: number
  firstSeen: number
  lastSeen: number
  penalty: number
  strikes: number
  health?: number
  trusted: boolean
  group: string
  history: Change[]
}

/** A stored ban; `until` is null for a permanent one, since JSON knows no Infinity. */
export type StoredBan = Omit<Sentence, 'until'> & { until: number | null }

/** Everything a reputation knows, ready for JSON. */
export interface ReputationSnapshot {
  version: 1
  savedAt: number
  peers: Record<string, StoredPeer>
  bans: Record<string, StoredBan>
  groups: Record<string, StoredBan>
}

/** What became of a snapshot. */
export interface RestoreReport {
  peers: number
  bans: number
  groups: number
  /** What was damaged or of no use any more. */
  dropped: number
}

/** The text of a peer id: base58 or base32, never a path. */
export function isId(id: string): boolean {
  return /^[0-9A-Za-z]{8,128}$/.test(id)
}

/** The text of an IP group: an IPv4 address or an IPv6 /64. */
function isGroup(group: string): boolean {
  return /^(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-f]{1,4}:){4}:\/64)$/.test(group)
}

/** A stored peer with every number within its range; undefined for anything that is none. Never throws. */
export function readPeer(value: unknown): StoredPeer | undefined {
  if (!isRecord(value) || !isTime(value.savedAt) || !isTime(value.firstSeen) || !isTime(value.lastSeen)) {
    return undefined
  }
  const { savedAt, firstSeen, lastSeen, health, group, history } = value
  const numbers = [value.uptime, value.messages, value.latency, value.exchange, value.penalty, value.strikes]
  if (!numbers.every((number) => typeof number === 'number' && Number.isFinite(number))) {
    return undefined
  }
  const [uptime = 0, messages = 0, latency = 0, exchange = 0, penalty = 0, strikes = 0] = numbers as number[]
  return {
    savedAt,
    firstSeen,
    lastSeen,
    uptime: clamp(uptime, -NEUTRAL, NEUTRAL),
    messages: clamp(messages, -NEUTRAL, NEUTRAL),
    latency: clamp(latency, -NEUTRAL, NEUTRAL),
    exchange: clamp(exchange, -NEUTRAL, NEUTRAL),
    penalty: clamp(penalty, 0, MAX_PENALTY),
    strikes: clamp(strikes, 0, MAX_PENALTY),
    ...(typeof health === 'number' && Number.isFinite(health) ? { health: clamp(health, 0, 1) } : {}),
    trusted: value.trusted === true,
    group: typeof group === 'string' && isGroup(group) ? group : '',
    history: Array.isArray(history) ? history.slice(-MAX_HISTORY).flatMap(readChange) : []
  }
}

function readChange(value: unknown): Change[] {
  if (!isRecord(value) || !isTime(value.at) || !CHANGE_KINDS.includes(value.what as ChangeKind)) {
    return []
  }
  const { at, reason, before, after, times } = value
  const isSound =
    typeof reason === 'string' && isScore(before) && isScore(after) && Number.isSafeInteger(times) && Number(times) > 0
  return isSound
    ? [{ at, what: value.what as ChangeKind, reason: printable(reason), before, after, times: Number(times) }]
    : []
}

/** A stored ban; undefined for anything that is none. Never throws. */
export function readBan(value: unknown): Sentence | undefined {
  if (!isRecord(value) || !isTime(value.since) || !(value.until === null || isTime(value.until))) {
    return undefined
  }
  const { since, until, level, automatic, reason, by, offences, group } = value
  const isSound =
    typeof reason === 'string' &&
    typeof by === 'string' &&
    typeof automatic === 'boolean' &&
    typeof level === 'number' &&
    Number.isInteger(level) &&
    level >= 0 &&
    Array.isArray(offences)
  if (!isSound) {
    return undefined
  }
  return {
    since,
    until: until ?? Infinity,
    level: Math.min(level, 0xffff),
    automatic,
    reason: printable(reason, MAX_TEXT),
    by: printable(by, MAX_TEXT),
    offences: offences.slice(-8).filter(isTime),
    group: typeof group === 'string' && isGroup(group) ? group : ''
  }
}

/** A ban as it is stored. */
export function storeBan(sentence: Sentence): StoredBan {
  const { since, until, offences } = sentence
  return {
    ...sentence,
    since: wholeTime(since),
    until: until === Infinity ? null : wholeTime(until),
    offences: offences.map(wholeTime)
  }
}

/** Times are stored as whole numbers that are not negative. */
export function wholeTime(time: number): number {
  return Math.max(0, Math.round(time))
}

/** What `read` gives for each of the keys, where it gives something. */
export function collected<T>(keys: Iterable<string>, read: (key: string) => T | undefined): Record<string, T> {
  const found = Array.from(keys).flatMap((key) => {
    const value = read(key)
    return value == null ? [] : [[key, value] as const]
  })
  return Object.fromEntries(found)
}

/** Takes one member of a snapshot over; returns whether it was of use. */
interface SnapshotSinks {
  peers: (id: string, peer: StoredPeer) => boolean
  bans: (id: string, ban: Sentence) => boolean
  groups: (group: string, ban: Sentence) => boolean
}

/** Reads whatever claims to be a snapshot. Never throws. */
export function restoreSnapshot(snapshot: unknown, sinks: SnapshotSinks): RestoreReport {
  const report: RestoreReport = { peers: 0, bans: 0, groups: 0, dropped: 0 }
  if (!isRecord(snapshot) || snapshot.version !== 1) {
    return { ...report, dropped: 1 }
  }
  for (const [id, value] of membersOf(snapshot.peers)) {
    const peer = isId(id) ? readPeer(value) : undefined
    report[peer != null && sinks.peers(id, peer) ? 'peers' : 'dropped']++
  }
  for (const [id, value] of membersOf(snapshot.bans)) {
    const ban = isId(id) ? readBan(value) : undefined
    report[ban != null && sinks.bans(id, ban) ? 'bans' : 'dropped']++
  }
  for (const [group, value] of membersOf(snapshot.groups)) {
    const ban = isGroup(group) ? readBan(value) : undefined
    report[ban != null && sinks.groups(group, ban) ? 'groups' : 'dropped']++
  }
  return report
}

/** The named members of something that should be an object. */
function membersOf(value: unknown): Array<[name: string, value: unknown]> {
  return isRecord(value) && !Array.isArray(value) ? Object.entries(value) : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
}

function isScore(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 100
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value))
}
