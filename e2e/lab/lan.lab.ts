import { lanOf } from '@penin/e2e/lab'
import { expect, scenario } from './scenario.js'

scenario('three hosts on a LAN without any configuration find each other', lanOf(3), async (lab) => {
  const nodes = await lab.startEverywhere()
  await lab.formed({ ms: 20_000, nodes, minimum: 2 })
  expect(lab.unhandled).toEqual([])
})
