import { setTimeout as rest } from 'node:timers/promises'
import type { Bench, Side } from '../bench.js'
import { NotMeasurableError } from '../errors.js'
import type { Setup } from '../workers/protocol.js'
import type { WorkerProcess } from '../workers/worker-process.js'
import { networkId } from './network-id.js'

const CONNECTIONS = 1_000

/** Processes that hold the other ends. */
const CROWDS = 4

/** Peers that are made at one request: on a busy machine all of them would take longer than a worker may. */
const AT_ONCE = 12

/** Connections that are there before the first measurement, so that what the first ones load and compile is not counted. */
const WARM_UPS = 10

const WARM_UP_MS = 3_000

/** So long all of them must stay. */
const STAY_MS = 60_000

/** A node that a thousand others are connected to. It takes minutes. */
export const connections: Bench = {
  rows: [
    {
      name: 'connections-1000',
      unit: 'KiB',
      what: `JavaScript heap for each of ${CONNECTIONS} connections that stay up for ${STAY_MS / 1000} s`,
      atMost: 1.3
    },
    { name: 'connections-1000-rss', unit: 'KiB', what: 'the same, resident memory of the process' }
  ],
  rounds: 1,
  long: true,

  async measure(side, lab) {
    const setup = { networkId: networkId() }
    const listener = lab.worker()
    const maxConnections = (WARM_UPS + CONNECTIONS) * 2
    const { address } = await listener.request('start', { side, setup: { ...setup, maxConnections } })
    const crowds = Array.from({ length: CROWDS }, () => lab.worker())
    const join = (worker: WorkerProcess, count: number): Promise<void> => crowd(worker, side, setup, address, count)
    await join(crowds[0] as WorkerProcess, WARM_UPS)
    await listener.request('untilPeers', { count: WARM_UPS })
    await rest(WARM_UP_MS)
    const before = await listener.request('memory', null)
    // One process after the other: handshakes of sixteen at once would only wait for each other, until they time out.
    for (const worker of crowds) await join(worker, CONNECTIONS / CROWDS)
    await listener.request('untilPeers', { count: WARM_UPS + CONNECTIONS })
    await rest(STAY_MS)
    const { ready, lost } = await listener.request('peers', null)
    if (ready < WARM_UPS + CONNECTIONS || lost > 0) {
      throw new NotMeasurableError(`${ready - WARM_UPS} of ${CONNECTIONS} connections are left, ${lost} were lost`)
    }
    const after = await listener.request('memory', null)
    return {
      'connections-1000': perConnection(after.heap - before.heap),
      'connections-1000-rss': perConnection(after.rss - before.rss)
    }
  }
}

/** Peers that neither listen nor dial anybody else, and have no DHT: what is measured is the end that a thousand share. */
async function crowd(worker: WorkerProcess, side: Side, setup: Setup, address: string, count: number): Promise<void> {
  const peers = { side, setup: { ...setup, listen: false, dialsByItself: false, ownDht: false }, address }
  for (let left = count; left > 0; left -= AT_ONCE) {
    await worker.request('crowd', { ...peers, count: Math.min(AT_ONCE, left) })
  }
}

function perConnection(bytes: number): number {
  return bytes / CONNECTIONS / 1024
}
