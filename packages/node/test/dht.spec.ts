import type { Candidate } from '@penin/interface'
import { lifecycleCompliance } from '@penin/testing'
import { TypedEventEmitter } from 'main-event'
import { describe, it } from 'vitest'
import { DhtDiscovery } from '../src/dht.js'

/** Counts its listeners, as a table of kad-dht would have them. */
class Table extends TypedEventEmitter<{ peer: CustomEvent }> {
  readonly protocol = '/penin/test/lan/kad/1.0.0'
  readonly routingTable = { size: 0, remove: async () => {} }
}

lifecycleCompliance(
  'DhtDiscovery',
  () => {
    const table = new Table()
    const found: Candidate[] = []
    const service = new DhtDiscovery({ dhtLan: table }, { addCandidate: (candidate) => found.push(candidate) })
    return { service, held: () => table.listenerCount('peer') }
  },
  { describe, it }
)
