import type { Bench } from '../bench.js'
import { networkId } from './network-id.js'

/** Until a fresh process has a node that listens. */
export const start: Bench = {
  rows: [
    { name: 'start', unit: 'ms', what: 'make a node, until it listens; code already loaded' },
    { name: 'start-process', unit: 'ms', what: 'the same from the birth of the process, loading the code included' }
  ],
  rounds: 10,

  async measure(side, lab) {
    const setup = { networkId: networkId(), mdns: true }
    const { ms, sinceProcessStart } = await lab.worker().request('start', { side, setup })
    return { start: ms, 'start-process': sinceProcessStart }
  }
}
