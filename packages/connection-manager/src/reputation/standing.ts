import {
  AWAY_EVIDENCE,
  EXCHANGE_WEIGHT,
  HALF_LIFE,
  LATENCY_WEIGHT,
  MAX_PENALTY,
  MESSAGE_WEIGHT,
  NEUTRAL,
  NEUTRAL_LATENCY,
  WEIGHTS
} from './parameters.js'

/** The parts of a score, each 0..100; 50 is "no data". */
export interface ScoreParts {
  /** Share of the time it was there, of the time that is known. */
  uptime: number
  /** Share of its messages that were valid. */
  messages: number
  latency: number
  /** Share of exchanges with it that were of use. */
  exchange: number
}

/**
 * What is known of one peer, as numbers; `at` is the moment (monotonic) for which they hold. Parts are kept as distances
 * from 50, since that is what decays.
 */
export interface Standing extends ScoreParts {
  at: number
  /** Points, 0..100, taken off the score. */
  penalty: number
  /** Points since the last ban, which lead to the next. */
  strikes: number
  presence: 'connected' | 'away' | 'unknown'
  /** When it went away, monotonic. */
  awaySince: number
}

export function newStanding(at: number): Standing {
  return {
    at,
    uptime: 0,
    messages: 0,
    latency: 0,
    exchange: 0,
    penalty: 0,
    strikes: 0,
    presence: 'unknown',
    awaySince: at
  }
}

/**
 * Moves the numbers to `now`. Everything goes half of the way to 50 (points: to 0) in {@link HALF_LIFE}; uptime goes
 * the same way towards 100 while the peer is connected and towards 0 while it is known to be away. It is thus the mean of
 * what was known, with older times weighing less, and a peer that has been connected for a week has it without ever
 * having disconnected.
 */
export function settle(standing: Standing, now: number): void {
  const elapsed = now - standing.at
  if (!(elapsed > 0)) {
    return
  }
  const left = leftAfter(elapsed)
  standing.uptime = settledUptime(standing, elapsed)
  standing.messages *= left
  standing.latency *= left
  standing.exchange *= left
  standing.penalty *= left
  standing.strikes *= left
  standing.at = now
  if (standing.presence === 'away' && now - standing.awaySince >= AWAY_EVIDENCE) {
    standing.presence = 'unknown'
  }
}

function leftAfter(elapsed: number): number {
  return 2 ** (-elapsed / HALF_LIFE)
}

function settledUptime({ uptime, presence, at, awaySince }: Standing, elapsed: number): number {
  switch (presence) {
    case 'connected':
      return towards(NEUTRAL, uptime, elapsed)
    case 'away': {
      const away = Math.min(elapsed, Math.max(0, awaySince + AWAY_EVIDENCE - at))
      return towards(0, towards(-NEUTRAL, uptime, away), elapsed - away)
    }
    case 'unknown':
      return towards(0, uptime, elapsed)
  }
}

function towards(target: number, value: number, elapsed: number): number {
  return target + (value - target) * leftAfter(elapsed)
}

/** The parts as they are shown. */
export function partsOf({ uptime, messages, latency, exchange }: Standing): ScoreParts {
  return {
    uptime: within(NEUTRAL + uptime, 100),
    messages: within(NEUTRAL + messages, 100),
    latency: within(NEUTRAL + latency, 100),
    exchange: within(NEUTRAL + exchange, 100)
  }
}

/**
 * The score, 0..100: the weighted parts less the penalty.
 *
 * Only what a peer does wrong takes it below 50: invalid messages and penalties. That it is slow, often away or of little
 * use keeps it from rising, no more. An id costs nothing, so a peer that is rated below a newcomer has only to come back
 * as one; honest but slow peers would not, and every attacker's fresh ids would be preferred to them.
 */
export function scoreOf({ uptime, messages, latency, exchange, penalty }: Standing): number {
  const quality =
    WEIGHTS.uptime * uptime + WEIGHTS.messages * messages + WEIGHTS.latency * latency + WEIGHTS.exchange * exchange
  const misconduct = WEIGHTS.messages * Math.min(0, messages)
  return within(NEUTRAL + Math.max(quality, misconduct) - penalty, 100)
}

function within(value: number, max: number): number {
  return Math.min(max, Math.max(0, value))
}

/** Messages that came from the peer; of one batch the valid ones count first. */
export function observeMessages(standing: Standing, valid: number, invalid: number): void {
  standing.messages = blend(standing.messages, NEUTRAL, MESSAGE_WEIGHT, valid)
  standing.messages = blend(standing.messages, -NEUTRAL, MESSAGE_WEIGHT, invalid)
}

/** A round trip in milliseconds; Infinity for none. */
export function observeLatency(standing: Standing, ms: number): void {
  standing.latency = blend(standing.latency, latencyScore(ms) - NEUTRAL, LATENCY_WEIGHT, 1)
}

/** An exchange, from 0 (useless) to 1 (as useful as can be). */
export function observeExchange(standing: Standing, usefulness: number): void {
  standing.exchange = blend(standing.exchange, 100 * usefulness - NEUTRAL, EXCHANGE_WEIGHT, 1)
}

export function penalise(standing: Standing, points: number): void {
  standing.penalty = within(standing.penalty + points, MAX_PENALTY)
  standing.strikes = within(standing.strikes + points, MAX_PENALTY)
}

/** What a round trip is worth, 0..100: 100 for none, 91 for 50 ms, 50 for 500 ms, 20 for 2 s. */
export function latencyScore(ms: number): number {
  return 100 / (1 + ms / NEUTRAL_LATENCY)
}

function blend(value: number, target: number, weight: number, times: number): number {
  return target + (value - target) * (1 - weight) ** times
}
