import type { Bench } from '../bench.js'
import { networkId } from './network-id.js'

const NODES = 20

/** A network that comes up at once around one node that all others know. */
export const formation: Bench = {
  rows: [
    { name: 'formation-20', unit: 'ms', what: `start ${NODES - 1} nodes, until all are connected to a bootstrap node` }
  ],
  rounds: 3,

  async measure(side, lab) {
    const setup = { networkId: networkId(), dht: true }
    const [center, rest] = [lab.worker(), lab.worker()]
    const { address } = await center.request('start', { side, setup })
    await rest.request('load', { side, setup })
    const from = performance.now()
    await Promise.all([
      rest.request('join', { side, setup: { ...setup, bootstrap: address }, count: NODES - 1 }),
      center.request('untilPeers', { count: NODES - 1 })
    ])
    return { 'formation-20': performance.now() - from }
  }
}
