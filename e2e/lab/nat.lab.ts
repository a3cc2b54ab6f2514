import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@penin/e2e'
import type { NetworkDescription } from '@penin/e2e/lab'
import { addAddresses, addressesIn, LightPeers } from './fixtures/light-peers.js'
import { expect, scenario } from './scenario.js'

const PEERS = 20

/** A dormitory behind one public address, and a bootstrap node out there. */
const network: NetworkDescription = {
  switches: ['home', 'public'],
  hosts: {
    inside: { ports: [{ switch: 'home', ipv4: '192.168.1.2/24', noIpv6: true }], gateway: '192.168.1.1' },
    boot: { ports: [{ switch: 'public', ipv4: '45.45.45.5/24', noIpv6: true }] }
  },
  routers: {
    r: {
      lan: { switch: 'home', ipv4: '192.168.1.1/24', noIpv6: true },
      wan: { switch: 'public', ipv4: '45.45.45.11/24', noIpv6: true },
      nat: 'port-restricted'
    }
  }
}

scenario(
  'a NAT with 20 honest nodes behind it is served by a bootstrap node, also when all come back at once, and not banned',
  network,
  async (lab) => {
    const boot = await lab.startOn('boot', {
      profile: 'bridge',
      listen: ['/ip4/0.0.0.0/tcp/4001'],
      discovery: { mdns: false, dht: false, pex: true }
    })
    const from = addressesIn('192.168.1.', 10, PEERS)
    await addAddresses(lab, 'inside', from, 24)
    const crowd = await LightPeers.open(lab, 'inside', { from, again: 1_000 })
    crowd.dial(boot.addressWith('/45.45.45.5/'))
    const served = (times: number): boolean =>
      crowd.byPeer.every((events) => events.filter(({ event }) => event === 'greeted').length >= times)
    await until(() => served(1) && crowd.byPeer.every((events) => events.some(({ event }) => event === 'answered')), {
      ms: 30_000,
      what: 'not everybody was served'
    })
    const sources = new Set((await boot.request('connections', undefined)).map(({ address }) => address.split('/')[2]))
    expect([...sources]).toEqual(['45.45.45.11']) // so they have all come through the NAT

    for (let times = 2; times <= 4; times++) {
      await lab.faults.resetConnections('inside')
      await until(() => served(times), { ms: 60_000, what: `not everybody came back for the ${times - 1}. time` })
    }
    await pause(5_000) // who were to be let go would be

    expect((await boot.connected()).sort()).toEqual(crowd.ids.sort())
    expect(crowd.events.filter(({ surplus }) => surplus != null)).toEqual([])
    const { connections, reputation } = await boot.request('stats', undefined)
    expect(Object.entries(connections.refused).filter(([, count]) => count > 0)).toEqual([])
    expect({ bans: reputation.bans, groupBans: reputation.groupBans }).toEqual({ bans: 0, groupBans: 0 })
    expect(reputation.reports).toEqual({})
    expect(lab.unhandled).toEqual([])
  }
)
