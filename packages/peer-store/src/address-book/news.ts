import type { Candidate } from '@penin/interface'
import { addressGroup } from './address-facts.js'
import type { BookCandidate } from './types.js'

/**
 * What a discovery source says, in the terms of the book: its share of the places is that of the group of the observed
 * address, or of the source itself where nobody outside this node is behind it.
 */
export function bookCandidate({ id, multiaddrs, source, observed, record }: Candidate): BookCandidate {
  return {
    id,
    multiaddrs,
    source,
    sourceGroup: observed == null ? `local:${source}` : addressGroup(observed),
    ...(record == null ? {} : { record: { seq: record.seq, certified: true, bytes: record.envelope } })
  }
}
