/** What became of recent dials. */
export interface DialOutcomes {
  dials: number
  successes: number
}

/** Fewer dials than this say nothing about their success. */
const ENOUGH = 10

/**
 * Under a third of outbound dials succeed on the public internet, as Lodestar found; then overshoot by 3, or the count
 * never reaches the target. Where more of them succeed it would only make connections that are closed at once.
 */
const LOW_SUCCESS = 1 / 3
const OVERSHOOT = 3

/** How many dials it takes to fill so many places. */
export function dialsFor(places: number, outcomes?: DialOutcomes): number {
  const isLow = outcomes != null && outcomes.dials >= ENOUGH && outcomes.successes < outcomes.dials * LOW_SUCCESS
  return isLow ? places * OVERSHOOT : places
}
