import type { Bench } from '../bench.js'
import { dial } from './dial.js'
import { formation } from './formation.js'
import { memory } from './memory.js'
import { start } from './start.js'

/** Every bench, in the order in which they run. */
export const benches: readonly Bench[] = [start, dial, memory, formation]
