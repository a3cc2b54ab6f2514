import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '@penin/e2e'
import { lanOf, type NetworkDescription } from '@penin/e2e/lab'
import { expect, scenario } from './scenario.js'

for (const count of [3, 8]) {
  scenario(
    `${count} hosts on an IPv4 LAN without any configuration are all connected within 5 s`,
    lanOf(count),
    async (lab) => {
      const nodes = await lab.startEverywhere()
      await lab.formed({ ms: 5_000, nodes, minimum: count - 1 })
      expect(lab.unhandled).toEqual([])
    }
  )
}

scenario('without a default route the LAN is found all the same', lanOf(4, { gateway: 'none' }), async (lab) => {
  const nodes = await lab.startEverywhere()
  await lab.formed({ ms: 5_000, nodes, minimum: 3 })
  expect(lab.unhandled).toEqual([])
})

scenario('on an IPv6-only LAN the nodes find each other', lanOf(4, { ipv4: false, ipv6: true }), async (lab) => {
  const nodes = await lab.startEverywhere()
  await lab.formed({ ms: 5_000, nodes, minimum: 3 })
  const connections = (await Promise.all(nodes.map(async (node) => node.request('connections', undefined)))).flat()
  expect(connections.every(({ address }) => address.startsWith('/ip6/'))).toBe(true)
  expect(lab.unhandled).toEqual([])
})

/** h2 stands on both LANs and does not forward. */
const twoLans: NetworkDescription = {
  switches: ['left', 'right'],
  hosts: {
    h1: { ports: [{ switch: 'left', ipv4: '10.1.0.1/24', noIpv6: true }] },
    h2: {
      ports: [
        { switch: 'left', ipv4: '10.1.0.2/24', noIpv6: true },
        { switch: 'right', ipv4: '10.2.0.2/24', noIpv6: true }
      ]
    },
    h3: { ports: [{ switch: 'right', ipv4: '10.2.0.3/24', noIpv6: true }] }
  }
}

scenario('a host with two interfaces finds peers on both', twoLans, async (lab) => {
  const [h1, h2, h3] = await lab.startEverywhere()
  await until(async () => (await h2?.connected())?.length === 2, { ms: 5_000, what: 'h2 has no peer on each side' })
  const peers = await h2?.request('peers', { connected: true })
  expect(new Set(peers?.map((peer) => peer.id))).toEqual(new Set([h1?.id, h3?.id]))
  expect(lab.unhandled).toEqual([])
})

scenario('an interface that appears after the start is used', twoLans, async (lab) => {
  const late = await lab.startOn('h1')
  const there = await lab.startOn('h3')
  await lab.plug('h1', 'eth9', { switch: 'right', ipv4: '10.2.0.9/24', noIpv6: true })
  await until(async () => (await late.connected()).includes(there.id), {
    ms: 20_000,
    what: 'the new interface is not used'
  })
  expect(lab.unhandled).toEqual([])
})

scenario('two processes with one identity raise an alarm on both', lanOf(2), async (lab) => {
  const first = await lab.startOn('h1')
  const copy = join(await lab.root(), 'copy')
  await mkdir(copy)
  await cp(join(String(first.config.dataDir), 'identity.key'), join(copy, 'identity.key'))
  const second = await lab.startOn('h2', { dataDir: copy })
  expect(second.id).toBe(first.id)
  for (const node of [first, second]) {
    const { detail } = await node.event('warning', (event) => String(event.detail['message']).includes('identity'))
    expect(detail['message']).toMatch(/another process at 10\.77\.0\.\d uses this node's identity/)
  }
  expect(lab.unhandled).toEqual([])
})
