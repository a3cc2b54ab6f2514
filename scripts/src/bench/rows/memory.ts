import { setTimeout as rest } from 'node:timers/promises'
import type { Bench } from '../bench.js'
import { networkId } from './network-id.js'

/** Connections that are there before the first measurement, so that what the first ones load and compile is not counted. */
const WARM_UPS = 10

const CONNECTIONS = 200

/** Until what follows the first connections (identify, hello, the DHT's ping and its first lookup) is over. */
const WARM_UP_MS = 3_000

/**
 * Until that has been let go of as well: whatever opens or takes a stream in libp2p and kad-dht holds it by the abort
 * signal of a timeout, which lives for its 10 seconds even if the stream has long been closed.
 */
const SETTLE_MS = 12_000

/** What an idle inbound connection costs the node that has taken it. */
export const memory: Bench = {
  rows: [
    {
      name: 'heap-per-connection',
      unit: 'KiB',
      what: `JavaScript heap for each of ${CONNECTIONS} idle inbound connections`,
      atMost: 1.3
    },
    { name: 'rss-per-connection', unit: 'KiB', what: 'the same, resident memory of the process' }
  ],
  rounds: 2,

  async measure(side, lab) {
    const setup = { networkId: networkId(), pings: false }
    const [listener, dialler] = [lab.worker(), lab.worker()]
    const maxConnections = (WARM_UPS + CONNECTIONS) * 2
    const { address } = await listener.request('start', { side, setup: { ...setup, maxConnections } })
    const crowd = { side, setup: { ...setup, listen: false, dialsByItself: false }, address }
    await dialler.request('crowd', { ...crowd, count: WARM_UPS })
    await listener.request('untilPeers', { count: WARM_UPS })
    await rest(WARM_UP_MS)
    const before = await listener.request('memory', null)
    await dialler.request('crowd', { ...crowd, count: CONNECTIONS })
    await listener.request('untilPeers', { count: WARM_UPS + CONNECTIONS })
    await rest(SETTLE_MS)
    const after = await listener.request('memory', null)
    return {
      'heap-per-connection': perConnection(after.heap - before.heap),
      'rss-per-connection': perConnection(after.rss - before.rss)
    }
  }
}

function perConnection(bytes: number): number {
  return bytes / CONNECTIONS / 1024
}
