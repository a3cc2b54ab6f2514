import type { Bench } from '../bench.js'
import { median } from '../statistics.js'
import { networkId } from './network-id.js'

/** Dials that are not counted: the first ones compile the code they run. */
const WARM_UPS = 10

const DIALS = 30

/** One dial at a time between two processes. */
export const dial: Bench = {
  rows: [
    {
      name: 'dial',
      unit: 'ms',
      what: 'one dial, until there is an encrypted and multiplexed connection',
      atMost: 1.1
    },
    { name: 'dial-ready', unit: 'ms', what: 'the same until the end of identify (libp2p), of hello (PENIN)' }
  ],
  rounds: 5,

  async measure(side, lab) {
    const setup = { networkId: networkId(), dialsByItself: false }
    const [listener, dialler] = [lab.worker(), lab.worker()]
    const { address } = await listener.request('start', { side, setup })
    await dialler.request('start', { side, setup: { ...setup, listen: false } })
    const times = await dialler.request('dial', { address, warmUps: WARM_UPS, count: DIALS })
    return {
      dial: median(times.map(({ open }) => open)),
      'dial-ready': median(times.map(({ ready }) => ready))
    }
  }
}
