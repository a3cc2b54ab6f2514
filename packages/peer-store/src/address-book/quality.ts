import {
  COUNTED_FAILURES,
  FAILING_AFTER,
  FAILURE_WEIGHT,
  FUTURE,
  HORIZON,
  JUST_TRIED,
  MAX_FAILURES,
  NEVER_GOOD_FAILURES,
  RECENT_ATTEMPT,
  RECENT_WEIGHT
} from './parameters.js'
import type { BookEntry } from './entry.js'

/** What is known of a peer that says how good it is. Times of 0 or undefined are never. */
export type TrackRecord = Pick<BookEntry, 'lastSeen' | 'lastSuccess' | 'lastAttempt' | 'failures'>

/**
 * Whether an entry may lose its place to a newcomer. It is so when nobody has heard of the peer for 30 days, when it was
 * heard of more than 10 minutes in the future, when it has failed 3 times without any success ever, or when it has
 * failed 10 times and its last success is more than 7 days ago; but never within a minute after an attempt.
 */
export function isTerrible(
  { lastSeen, lastSuccess = 0, lastAttempt = 0, failures }: TrackRecord,
  now: number
): boolean {
  if (lastAttempt > 0 && lastAttempt <= now && now - lastAttempt < JUST_TRIED) {
    return false
  }
  return (
    lastSeen > now + FUTURE ||
    now - lastSeen > HORIZON ||
    (lastSuccess === 0 && failures >= NEVER_GOOD_FAILURES) ||
    (failures >= MAX_FAILURES && now - lastSuccess > FAILING_AFTER)
  )
}

/** How likely a pick takes an entry that it has come upon, in (0, 1]. */
export function weightOf({ lastAttempt = 0, failures }: TrackRecord, now: number): number {
  const recent = lastAttempt > 0 && Math.abs(now - lastAttempt) < RECENT_ATTEMPT
  return FAILURE_WEIGHT ** Math.min(failures, COUNTED_FAILURES) * (recent ? RECENT_WEIGHT : 1)
}
