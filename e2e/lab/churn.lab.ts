import { setTimeout as pause } from 'node:timers/promises'
import { until, type NodeProcess } from '@penin/e2e'
import { lanOf } from '@penin/e2e/lab'
import { expect, slowScenario } from './scenario.js'

const TARGET = 8

slowScenario(
  '20 hosts, 3 of them killed every 5 s for 60 s: all have their target of live peers again within 30 s',
  lanOf(20),
  async (lab) => {
    const nodes = await lab.startEverywhere({ connections: { target: TARGET, max: 32 } })
    await lab.formed({ ms: 60_000, nodes, minimum: TARGET })
    const steady = nodes.slice(0, 5) // never killed: their memory tells of leaks
    const before = await heap(steady)

    for (let round = 0; round < 12; round++) {
      const victims = [0, 1, 2].map((k) => nodes[5 + ((round * 3 + k) % 15)] as NodeProcess)
      await Promise.all(victims.map(async (node) => lab.faults.kill(node)))
      await Promise.all(victims.map(async (node) => node.start()))
      await pause(2_000)
    }

    await lab.formed({ ms: 30_000, nodes, minimum: TARGET })
    const alive = new Set(nodes.map((node) => node.id))
    for (const [, peers] of await lab.links(nodes)) {
      expect(peers.filter((id) => !alive.has(id))).toEqual([])
    }
    expect(nodes.every((node) => node.isRunning)).toBe(true)
    await until(
      async () => (await heap(steady)).every((used, index) => used < (before[index] ?? 0) + 6 * 1024 * 1024),
      {
        ms: 20_000,
        what: 'memory has grown by more than 6 MiB'
      }
    )
    expect(lab.unhandled).toEqual([])
  }
)

async function heap(nodes: NodeProcess[]): Promise<number[]> {
  return Promise.all(nodes.map(async (node) => (await node.request('memory', undefined)).heapUsed))
}
