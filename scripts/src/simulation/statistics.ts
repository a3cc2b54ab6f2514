/** The mean; NaN of nothing. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The standard deviation of all there is: not estimated from a sample. */
export function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values)
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)))
}

/** Half the width of the 95 % confidence interval of a mean of independent values. */
export function confidence(values: readonly number[]): number {
  const { length } = values
  return length < 2 ? Infinity : 1.96 * Math.sqrt(deviationOf(values) ** 2 / (length - 1))
}
