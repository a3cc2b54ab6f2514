import { HEALTH_START } from './parameters.js'

/**
 * How well a peer answers dials and pings, 0..1, after one more of them: 0.1 up for a success, 0.2 down for a failure
 * (Project Dawn's steps). Two of three must succeed for it not to sink.
 *
 * It starts at 0.5, not at Project Dawn's 1: there, a peer nobody had ever reached looked better than one that had missed
 * one ping of a thousand. Health is never part of the score: whoever tells wrong addresses of a peer makes dials to it
 * fail, and nobody's words may change another's score.
 */
export function nextHealth(health: number | undefined, isSuccess: boolean): number {
  const tenths = health == null || !Number.isFinite(health) ? HEALTH_START : Math.round(health * 10)
  return Math.min(10, Math.max(0, tenths + (isSuccess ? 1 : -2))) / 10
}

/** The health of a peer that was never dialled. */
export const UNKNOWN_HEALTH = HEALTH_START / 10
