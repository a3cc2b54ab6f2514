import { setTimeout as pause } from 'node:timers/promises'
import { components, until } from '@penin/e2e'
import { lanOf } from '@penin/e2e/lab'
import { expect, scenario, slowScenario } from './scenario.js'

/** Quick enough for a test to wait for; the rule is the same. */
const heartbeat = { interval: 3_000, timeout: 1_000, maxFailures: 3, maxSilence: 6_000 }

slowScenario('split 4|4 for 60 s and healed, the network is one again within 30 s', lanOf(8), async (lab) => {
  const left = ['h1', 'h2', 'h3', 'h4']
  const right = ['h5', 'h6', 'h7', 'h8']
  const nodes = await lab.startEverywhere({ heartbeat })
  await lab.formed({ ms: 10_000, nodes, minimum: 7 })

  await lab.faults.split(left, right)
  const minute = pause(60_000)
  await until(async () => components(await lab.links(nodes)).length === 2, {
    ms: 60_000,
    what: 'the split was not noticed'
  })
  await minute // so long that backoffs grow
  await lab.faults.heal()
  await lab.formed({ ms: 30_000, nodes })
  expect(lab.unhandled).toEqual([])
})

scenario('a link that is cut one way is noticed at both ends within the heartbeat rule', lanOf(2), async (lab) => {
  const [a, b] = await lab.startEverywhere({ heartbeat })
  await lab.formed({ ms: 10_000, minimum: 1 })
  await lab.faults.cutOneWay(['h1'], ['h2'])
  const { interval, timeout, maxFailures, maxSilence } = heartbeat
  const rule = Math.max(interval * (maxFailures + 1) + timeout, maxSilence + interval + timeout)
  for (const node of [a, b]) {
    await node?.event('peer:disconnected', () => true, rule * 2) // either end's verdict reaches the other only one way
  }
  expect(lab.unhandled).toEqual([])
})
