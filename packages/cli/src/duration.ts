import { UsageError } from './errors.js'

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000
}

/**
 * Milliseconds of `90s`, `15m`, `1h`, `7d`, or several of them such as `1d12h`.
 *
 * @throws UsageError
 */
export function parseDuration(text: string, name: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(min|[smhd])/g)]
  const ms = parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNITS[unit] ?? 0), 0)
  if (parts.map(([part]) => part).join('') !== text || !(ms > 0) || ms > Number.MAX_SAFE_INTEGER) {
    throw new UsageError(`${name}: expected a duration such as 90s, 15m, 1h or 7d`)
  }
  return ms
}
