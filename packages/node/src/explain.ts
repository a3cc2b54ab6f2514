import type { KnownPeer, Refusal } from '@penin/connection-manager'
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
  known?: KnownPeer
  /** Not dialled for a while, known or not. */
  held?: KnownPeer['held']
  isSelf: boolean
  peers: number
  target: number
  refusal?: Refusal | { reason: string; message: string } | undefined
}

/** Pure: turns what is known about a peer into sentences. */
export function explainPeer(input: ExplainInput): Explanation {
  const { info, known, now } = input
  const id = info.id.toString()
  const connected = info.connectedSince != null
  if (input.isSelf) {
    return { id, state: 'unknown', reasons: ['This is this node itself.'] }
  }
  if (!connected && known == null) {
    return {
      id,
      state: 'unknown',
      reasons: [...holds(input), 'No discovery source has named this peer in this run.', ...refusals(input)]
    }
  }
  const reasons = connected ? connectedReasons(info, now) : idleReasons(input, known as KnownPeer)
  const found = known == null ? [] : [`Known from: ${[...known.sources].join(', ')}.`]
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

function holds({ held, at }: ExplainInput): string[] {
  if (held == null || held.until <= at) {
    return []
  }
  const minutes = Math.ceil((held.until - at) / 60_000)
  return [`Not dialled for another ${minutes} min: ${printable(held.reason, 200)}.`]
}

function idleReasons(input: ExplainInput, known: KnownPeer): string[] {
  const { at, info, peers, target } = input
  const reasons = holds(input)
  if (info.state === 'dialling') {
    reasons.push('A dial is under way.')
  }
  if (info.addresses.length === 0) {
    reasons.push('No address of it is known.')
  }
  if (known.failures > 0 && reasons.length === 0) {
    const wait = Math.max(0, Math.round((known.nextAttemptAt - at) / 1000))
    const why = known.lastError == null ? '' : ` (last: ${printable(known.lastError, 300)})`
    reasons.push(
      `${known.failures} ${known.failures === 1 ? 'failure' : 'failures in a row'}${why}; next dial in ${wait} s or later.`
    )
  }
  if (known.persistence == null && peers >= target) {
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
