import { EXCHANGE_SHARE, MAX_EXCHANGE, MIN_EXCHANGE } from './parameters.js'
import type { Entry } from './entry.js'
import type { ExchangeEntry } from './types.js'

/** How many peers of a book may be named at once. */
export function exchangeCount(size: number, max: number): number {
  return Math.max(0, Math.min(max, MAX_EXCHANGE, Math.max(MIN_EXCHANGE, Math.floor(EXCHANGE_SHARE * size))))
}

/** Whether somebody who may be told the scopes of `mask` may be shown the entry's record: all of it, or nothing. */
export function maySee({ record, recordScopes }: Entry, mask: number): boolean {
  return record != null && recordScopes !== 0 && (recordScopes & ~mask) === 0
}

/** What is handed out of an entry: nothing if it has no record. */
export function exchangeEntry({ id, seq, record, addresses }: Entry): ExchangeEntry[] {
  if (seq == null || record == null) {
    return []
  }
  return [{ id, seq, record, addresses: addresses.flatMap(({ text, certified }) => (certified ? [text] : [])) }]
}
