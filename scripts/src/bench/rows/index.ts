import type { Bench } from '../bench.js'
import { bookOpen, bookWork } from './book.js'
import { connections } from './connections.js'
import { dial } from './dial.js'
import { dialGated } from './dial-gated.js'
import { evict } from './evict.js'
import { formation } from './formation.js'
import { memory } from './memory.js'
import { messageBenches } from './messages.js'
import { pexAnswer, pexFormation, pexJunk } from './pex.js'
import { start } from './start.js'

/** Every bench, in the order in which they run. */
export const benches: readonly Bench[] = [
  start,
  dial,
  dialGated,
  memory,
  connections,
  formation,
  bookWork,
  bookOpen,
  pexJunk,
  pexAnswer,
  pexFormation,
  evict,
  ...messageBenches
]
