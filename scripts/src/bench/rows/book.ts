import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench } from '../bench.js'
import { NotMeasurableError } from '../errors.js'

/** A book that is nearly full; it can have 20,480. */
const ENTRIES = 20_000

/** An address book in memory. */
export const bookWork: Bench = {
  rows: [
    { name: 'book-add', unit: 'µs', what: `name a peer to an address book of ${ENTRIES} entries`, limit: 5 },
    { name: 'book-pick', unit: 'µs', what: 'choose a peer to dial out of it', limit: 10 }
  ],
  rounds: 3,
  alone: true,

  async measure(_side, lab) {
    const { add, pick } = await lab.worker().request('bookWork', { entries: ENTRIES })
    return { 'book-add': add, 'book-pick': pick }
  }
}

/** An address book on the disk, and a process that has not seen it. */
export const bookOpen: Bench = {
  rows: [
    { name: 'book-open', unit: 'ms', what: `open one of ${ENTRIES} entries in LevelDB, in a fresh process`, limit: 200 }
  ],
  rounds: 5,
  alone: true,

  async measure(_side, lab) {
    const dataDir = await mkdtemp(join(tmpdir(), 'penin-bench-'))
    try {
      const writer = lab.worker()
      await writer.request('bookWrite', { dataDir, entries: ENTRIES })
      await writer.end()
      const { ms, entries } = await lab.worker().request('bookOpen', { dataDir })
      if (entries !== ENTRIES) throw new NotMeasurableError(`${entries} of ${ENTRIES} entries came back`)
      return { 'book-open': ms }
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  }
}
