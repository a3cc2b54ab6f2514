/** How far the rounds of one side lie apart. */
export interface Spread {
  min: number
  max: number
  /** Median of the absolute distances from the median: how far a usual round is off, whatever the outliers do. */
  mad: number
}

/** The middle value, or the mean of the two middle ones; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const upper = sorted[half] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2
}

export function spread(values: readonly number[]): Spread {
  const middle = median(values)
  return {
    min: Math.min(...values),
    max: Math.max(...values),
    mad: median(values.map((value) => Math.abs(value - middle)))
  }
}
