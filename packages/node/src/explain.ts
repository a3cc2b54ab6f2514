import type { Ban, DialState, Hold, Refusal } from '@penin/connection-manager'
import { printable } from '@penin/interface'
import type { PeerInfo } from './peer-info.js'

/** Why a peer is or isn't connected. */
export interface Explanation {
  id: string
  state: PeerInfo['state'] | 'unknown'
  /** Sentences, the most important first; safe to print. */
  reasons: string[]
}

export interface ExplainInput {
  /** Monotonic and wall-clock time. */
  at: number
  now: number
  info: PeerInfo
  /** Whether the address book has it. */
  isKnown: boolean
  /** How the last dials went. */
  dials: DialState | undefined
  /** Not dialled for a while, known or not. */
  held?: Hold | undefined
  isSelf: boolean
  peers: number
  target: number
  refusal?: Refusal | { reason: string; message: string } | undefined
  ban?: Ban | undefined
}

/** Pure: turns what is known about a peer into sentences. */
export function explainPeer(input: ExplainInput): Explanation {
  const { info, isKnown, now } = input
  const id = info.id.toString()
  const connected = info.connectedSince != null
  if (input.isSelf) {
    return { id, state: 'unknown', reasons: ['This is this node itself.'] }
  }
  if (!connected && !isKnown && info.persistence == null) {
    return {
      id,
      state: 'unknown',
      reasons: [...bans(input), ...holds(input), 'No discovery source has named this peer.', ...refusals(input)]
    }
  }
  const banned = bans(input)
  const others = (): string[] => (connected ? connectedReasons(info, now) : idleReasons(input))
  const reasons = banned.length > 0 ? banned : others()
  const found = info.sources.length === 0 ? [] : [`Known from: ${info.sources.join(', ')}.`]
  return { id, state: info.state, reasons: [...reasons, ...refusals(input), ...found] }
}

function connectedReasons(info: PeerInfo, now: number): string[] {
  const since = Math.round((now - (info.connectedSince ?? now)) / 1000)
  const how = info.direction === 'inbound' ? 'it dialled this node' : 'this node dialled it'
  const first = `Connected for ${since} s: ${how}.`
  switch (info.state) {
    case 'foreign':
      return [first, 'It does not speak /penin/hello/1.0.0, so it does not count as a peer.']
    case 'greeting':
      return [first, 'It has not said hello yet.']
    default:
      return [first]
  }
}

/** A ban stands before everything else: while it lasts nothing else matters. */
function bans({ ban, now }: ExplainInput): string[] {
  if (ban == null) {
    return []
  }
  const minutes = Math.ceil((ban.until - now) / 60_000)
  const howLong = ban.until === Infinity ? 'for good' : `for another ${minutes} min`
  const who = ban.automatic ? `this node itself, ban number ${ban.level}` : printable(ban.by, 80)
  return [`Banned ${howLong}: ${printable(ban.reason, 200)} (by ${who}).`]
}

function holds({ held, at }: ExplainInput): string[] {
  if (held == null || held.until <= at) {
    return []
  }
  const minutes = Math.ceil((held.until - at) / 60_000)
  return [`Not dialled for another ${minutes} min: ${printable(held.reason, 200)}.`]
}

function idleReasons(input: ExplainInput): string[] {
  const { at, info, dials, peers, target } = input
  const reasons = holds(input)
  if (info.state === 'dialling') {
    reasons.push('A dial is under way.')
  }
  if (info.addresses.length === 0) {
    reasons.push('No address of it is known.')
  }
  if (dials != null && dials.failures > 0 && reasons.length === 0) {
    const wait = Math.max(0, Math.round((dials.nextAttemptAt - at) / 1000))
    const why = dials.lastError == null ? '' : ` (last: ${printable(dials.lastError, 300)})`
    reasons.push(
      `${dials.failures} ${dials.failures === 1 ? 'failure' : 'failures in a row'}${why}; next dial in ${wait} s or later.`
    )
  }
  if (dials?.failures === 0 && dials.nextAttemptAt > at && reasons.length === 0) {
    reasons.push(
      `Its last connection is over; next dial in ${Math.round((dials.nextAttemptAt - at) / 1000)} s or later.`
    )
  }
  if (info.persistence == null && peers >= target) {
    reasons.push(`This node has as many peers as it wants (${peers} of ${target}); it is dialled when one leaves.`)
  }
  if (reasons.length === 0) {
    reasons.push('It is going to be dialled.')
  }
  return reasons
}

function refusals({ refusal }: ExplainInput): string[] {
  if (refusal == null) {
    return []
  }
  const message = 'message' in refusal ? refusal.message : `${refusal.direction}, ${refusal.reason}`
  return [`Last refusal: ${printable(message, 300)}.`]
}
