/** What a person should have heard is kept to so many lines, the latest: a damaged disk can make thousands. */
const MAX_WARNINGS = 100

/** Adds to a list of warnings; the oldest go. */
export function addWarnings(warnings: string[], ...added: readonly string[]): void {
  warnings.push(...added)
  warnings.splice(0, Math.max(0, warnings.length - MAX_WARNINGS))
}
