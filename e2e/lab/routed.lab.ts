import type { NetworkDescription } from '@penin/e2e/lab'
import { expect, scenario } from './scenario.js'

const subnet = (name: string, net: string): NetworkDescription['hosts'] =>
  Object.fromEntries(
    [1, 2, 3].map((n) => [
      `${name}${n}`,
      { ports: [{ switch: name, ipv4: `10.${net}.0.${n + 10}/24`, noIpv6: true }], gateway: `10.${net}.0.1` }
    ])
  )

const routed: NetworkDescription = {
  switches: ['a', 'b'],
  hosts: { ...subnet('a', '1'), ...subnet('b', '2') },
  routers: {
    r: {
      lan: { switch: 'a', ipv4: '10.1.0.1/24', noIpv6: true },
      wan: { switch: 'b', ipv4: '10.2.0.1/24', noIpv6: true },
      nat: 'none'
    }
  }
}

scenario(
  'across two routed subnets everybody finds everybody through the DHT, though mDNS does not cross',
  routed,
  async (lab) => {
    const discovery = { dht: { profile: 'lan' as const }, pex: false }
    const bootstrap = await lab.startOn('a1', { discovery, profile: 'bridge' })
    const others = ['a2', 'a3', 'b1', 'b2', 'b3']
    const nodes = await Promise.all(
      others.map(async (host) =>
        lab.startOn(host, { discovery, bootstrap: [bootstrap.addressWith('/ip4/10.1.0.11/')] })
      )
    )
    await lab.formed({ ms: 30_000, nodes: [bootstrap, ...nodes], minimum: 5 })

    const far = await lab.nodes.find((node) => node.name === 'b1')?.request('peers', { connected: true })
    const acrossTheRouter = far?.filter((peer) => peer.id === nodes[0]?.id || peer.id === nodes[1]?.id) ?? []
    expect(acrossTheRouter).toHaveLength(2)
    expect(acrossTheRouter.some((peer) => peer.sources.includes('mdns'))).toBe(false)
    expect(lab.unhandled).toEqual([])
  }
)
