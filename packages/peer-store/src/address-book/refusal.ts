import { MAX_GROUP, MAX_SEQ } from './parameters.js'
import type { AddRefusal, BookCandidate } from './types.js'

/** Base58, as ids are written; the longest in use, of a 512-bit hash, have 90 characters. */
export const ID = /^[1-9A-HJ-NP-Za-km-z]{8,96}$/

/** Why a candidate is not looked at, whatever is in the book; undefined for a sound one. */
export function refusalOf(id: string, { sourceGroup, record }: BookCandidate, selfId: string): AddRefusal | undefined {
  if (id === selfId) {
    return 'own-id'
  }
  if (!ID.test(id)) {
    return 'malformed-id'
  }
  if (typeof sourceGroup !== 'string' || sourceGroup === '' || sourceGroup.length > MAX_GROUP) {
    return 'malformed-group'
  }
  return record?.certified === true && (record.seq < 0n || record.seq > MAX_SEQ) ? 'malformed-seq' : undefined
}
