import type { NetworkDescription } from '@penin/e2e/lab'
import { expect, scenario } from './scenario.js'

const HOSTS = [1, 2, 3, 4, 5]

const dataCentre: NetworkDescription = {
  switches: ['rack'],
  hosts: Object.fromEntries(
    HOSTS.map((n) => [`h${n}`, { ports: [{ switch: 'rack', ipv4: `45.45.45.${n}/24`, noIpv6: true }] }])
  )
}

scenario('five nodes that all live in one public /24 still form a network', dataCentre, async (lab) => {
  const config = { listen: ['/ip4/0.0.0.0/tcp/4001'], discovery: { mdns: false, dht: false, pex: true } }
  const first = await lab.startOn('h1', config)
  const bootstrap = [first.addressWith('/45.45.45.1/')]
  const others = await Promise.all(HOSTS.slice(1).map(async (n) => lab.startOn(`h${n}`, { ...config, bootstrap })))
  // everybody knows everybody, though only one of them was named to them and all are of one group
  await lab.formed({ ms: 60_000, nodes: [first, ...others], minimum: HOSTS.length - 1 })
  expect(lab.unhandled).toEqual([])
})
