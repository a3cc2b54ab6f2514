import { setTimeout as pause } from 'node:timers/promises'
import { lanOf } from '@penin/e2e/lab'
import { until, type NodeProcess } from '@penin/e2e'
import { expect, scenario, slowScenario } from './scenario.js'

slowScenario('a node that slept for 90 s is connected again within 10 s of waking', lanOf(4), async (lab) => {
  const nodes = await lab.startEverywhere()
  await lab.formed({ ms: 10_000, nodes, minimum: 3 })
  const [sleeper, ...others] = nodes as [NodeProcess, ...NodeProcess[]]
  lab.faults.freeze(sleeper)
  await pause(90_000)
  lab.faults.thaw(sleeper)
  await lab.formed({ ms: 10_000, nodes, minimum: 3 })
  await reallyConnected(sleeper, others)
  expect(lab.unhandled).toEqual([])
})

scenario('a node whose host changes its address is back within 15 s', lanOf(4), async (lab) => {
  const nodes = await lab.startEverywhere()
  await lab.formed({ ms: 10_000, nodes, minimum: 3 })
  const [mover, ...others] = nodes as [NodeProcess, ...NodeProcess[]]
  await lab.faults.changeAddress('h1', '10.77.0.101/24')
  await until(
    async () => {
      const links = await mover.request('connections', undefined)
      const alive = await Promise.all(others.map(async (node) => seesNewAddress(node, mover)))
      return links.length >= 3 && alive.every(Boolean)
    },
    { ms: 15_000, what: 'the moved node is not connected from its new address' }
  )
  expect(lab.unhandled).toEqual([])
})

async function seesNewAddress(node: NodeProcess, mover: NodeProcess): Promise<boolean> {
  const connections = await node.request('connections', undefined)
  return connections.some((c) => c.peer === mover.id && c.address.includes('/10.77.0.101/'))
}

/** A list of peers may be stale; a change of capabilities that arrives is not. */
async function reallyConnected(node: NodeProcess, others: NodeProcess[]): Promise<void> {
  await node.request('setCapabilities', { agents: ['awake'] })
  for (const other of others) {
    await other.event('peer:updated', ({ detail }) => detail['id'] === node.id)
  }
}
