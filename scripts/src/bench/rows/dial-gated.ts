import type { Bench } from '../bench.js'
import { median } from '../statistics.js'

/** Dials that are not counted: the first ones compile the code they run. */
const WARM_UPS = 20

const DIALS = 150

/** What the gater, the keeper and the trimmer add to a dial: both kinds of nodes live in the same two processes. */
export const dialGated: Bench = {
  rows: [
    {
      name: 'dial-gated',
      unit: 'ms',
      what: 'one dial of libp2p with gater, keeper and trimmer at both ends, interleaved with dials of plain libp2p',
      atMost: 1.05
    }
  ],
  rounds: 5,

  async measureBoth(lab) {
    const [listener, dialler] = [lab.worker(), lab.worker()]
    const addresses = await listener.request('startGated', { listen: true })
    await dialler.request('startGated', { listen: false })
    const { ours, theirs } = await dialler.request('dialInTurns', { addresses, warmUps: WARM_UPS, count: DIALS })
    return { ours: { 'dial-gated': median(ours) }, theirs: { 'dial-gated': median(theirs) } }
  }
}
