import { until as untilTrue } from '@penin/testing'

/**
 * Waits for other processes: looks ten times a second until `condition` gives something truthy, and returns it. What it
 * throws meanwhile is the cause of the failure, if there is one.
 *
 * @throws ConditionTimeoutError after `ms`, saying `what`
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { ms, what, interval = 100 }: { ms: number; what: string | (() => string); interval?: number }
): Promise<Exclude<NonNullable<T>, false>> {
  return (await untilTrue(condition, { timeoutMs: ms, intervalMs: interval, message: what })) as Exclude<
    NonNullable<T>,
    false
  >
}
