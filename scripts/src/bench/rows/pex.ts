import type { Bench } from '../bench.js'
import { networkId } from './network-id.js'

const JUNK = 1_000

/** Peers that a book must hold for an answer to be as long as one can be. */
const SHARED = 300

const NODES = 30

/** Peers that a node wants at least: the lower bound of profile `standard`. */
const TARGET = 16

/** What a peer can make us do by telling of peers that are of no use. */
export const pexJunk: Bench = {
  rows: [
    { name: 'pex-junk', unit: 'ms', what: `CPU to look through ${JUNK} useless records, signatures apart`, limit: 5 }
  ],
  rounds: 3,
  alone: true,

  async measure(_side, lab) {
    return { 'pex-junk': await lab.worker().request('pexJunk', { records: JUNK }) }
  }
}

/** What a peer can make us do by asking. */
export const pexAnswer: Bench = {
  rows: [{ name: 'pex-answer', unit: 'ms', what: 'give an answer of 64 records that was made before', limit: 1 }],
  rounds: 3,
  alone: true,

  async measure(_side, lab) {
    return { 'pex-answer': await lab.worker().request('pexAnswer', { records: SHARED }) }
  }
}

/** A network that comes up at once, in which nodes learn of each other from nobody but their peers. */
export const pexFormation: Bench = {
  rows: [
    {
      name: 'formation-30-pex',
      unit: 'ms',
      what: `start ${NODES - 1} nodes that know one, until each has ${TARGET} peers, by peer exchange alone`,
      limit: 30_000
    }
  ],
  rounds: 2,
  alone: true,

  async measure(side, lab) {
    const setup = { networkId: networkId(), ownDht: false }
    const [center, ...rest] = [lab.worker(), lab.worker(), lab.worker()]
    const { address } = await center.request('start', { side, setup })
    await Promise.all(rest.map(async (worker) => worker.request('load', { side, setup })))
    const from = performance.now()
    await Promise.all(
      rest.map(async (worker, i) => {
        const count = Math.floor((NODES - 1 + i) / rest.length)
        return worker.request('gather', { setup: { ...setup, bootstrap: address }, count, peers: TARGET })
      })
    )
    return { 'formation-30-pex': performance.now() - from }
  }
}
