import { components } from '@penin/e2e'
import { lanOf } from '@penin/e2e/lab'
import { expect, scenario } from './scenario.js'

const HOSTS = 6

scenario(
  'when every TCP connection is reset at once all links are back within 10 s, without a storm of dials',
  lanOf(HOSTS),
  async (lab) => {
    const nodes = await lab.startEverywhere()
    await lab.formed({ ms: 10_000, nodes, minimum: HOSTS - 1 })
    const dialsBefore = await Promise.all(nodes.map(dials))

    await Promise.all(Object.keys(lab.network.hosts).map(async (host) => lab.faults.resetConnections(host)))
    await Promise.all(nodes.map(async (node) => node.event('peer:disconnected')))
    await lab.formed({ ms: 10_000, nodes, minimum: HOSTS - 1 })

    expect(components(await lab.links(nodes))).toHaveLength(1)
    const dialsAfter = await Promise.all(nodes.map(dials))
    dialsAfter.forEach((after, index) => {
      // each of the others once, and as often again for attempts that met in the middle
      expect(after - (dialsBefore[index] ?? 0)).toBeLessThanOrEqual(2 * (HOSTS - 1))
    })
    expect(lab.unhandled).toEqual([])

    async function dials(node: (typeof nodes)[number]): Promise<number> {
      const { counters } = await node.request('stats', undefined)
      return counters.dials.ok + counters.dials.failed
    }
  }
)
