import { setTimeout as pause } from 'node:timers/promises'
import { lanOf } from '@penin/e2e/lab'
import { expect, slowScenario } from './scenario.js'

// 25 ms on each of the two cables that a packet passes makes 100 ms for a round trip; 1 % on each about 2 % each way
const slowLan = lanOf(6, { cable: { delay: 25, jitter: 2, loss: 0.01 } })

slowScenario(
  'with 100 ms round trips and 2 % loss the network forms within 15 s, and in 3 minutes nobody is declared dead',
  slowLan,
  async (lab) => {
    const nodes = await lab.startEverywhere()
    await lab.formed({ ms: 15_000, nodes, minimum: 5 })
    await pause(180_000)
    const stats = await Promise.all(nodes.map(async (node) => node.request('stats', undefined)))
    expect(stats.map(({ connections }) => connections.dead)).toEqual(nodes.map(() => 0))
    expect(stats.map(({ peers }) => peers.connected)).toEqual(nodes.map(() => 5))
    expect(lab.unhandled).toEqual([])
  }
)
