import { until } from '@penin/e2e'
import type { NetworkDescription } from '@penin/e2e/lab'
import { addAddresses, addressesIn, LightPeers } from './fixtures/light-peers.js'
import { expect, scenario } from './scenario.js'

const SYBILS = 60
const SYBIL_SUBNET = '45.45.45.'

/** Each is in a /16 of its own. */
const HONEST = Array.from({ length: 20 }, (_, index) => `${60 + index}.1.1.1`)

const internet: NetworkDescription = {
  switches: ['internet'],
  hosts: {
    boot: { ports: [{ switch: 'internet', ipv4: '80.80.1.1/24', noIpv6: true }] },
    victim: { ports: [{ switch: 'internet', ipv4: '92.1.1.1/24', noIpv6: true }] },
    sybils: { ports: [{ switch: 'internet', ipv4: '45.45.45.250/24', noIpv6: true }] },
    world: { ports: [{ switch: 'internet', ipv4: '93.1.1.1/24', noIpv6: true }] }
  }
}

/** Limits of the design: one outbound connection to a public /16, ten inbound ones from a public /24. */
const MAX_OUTBOUND = 1
const MAX_INBOUND = 10

/** A node of the standard profile chooses eight outbound peers in any case; of those the Sybils may have their one. */
const MIN_HONEST = 8 - MAX_OUTBOUND

/** How often the victim loses all connections and chooses anew, and how long each choice is watched, in milliseconds. */
const ROUNDS = 3
const WATCH = 8_000

scenario(
  'Sybils of one public /24 get at most one outbound and ten inbound connections while there are others to choose from',
  internet,
  async (lab) => {
    const discovery = { mdns: false, dht: false, pex: true }
    const listen = ['/ip4/0.0.0.0/tcp/4001']
    const boot = await lab.startOn('boot', { profile: 'bridge', listen, discovery, connections: { target: 0 } })
    const bootstrap = boot.addressWith('/80.80.1.1/')
    await addAddresses(lab, 'world', HONEST, 32)
    const honest = await LightPeers.open(lab, 'world', { from: HONEST, port: 4001 })
    honest.dial(bootstrap)
    const answered = (): number => honest.events.filter(({ event }) => event === 'answered').length
    await until(() => answered() === HONEST.length, { ms: 30_000, what: 'the honest peers are not all known' })

    const victim = await lab.startOn('victim', { listen, discovery, bootstrap: [bootstrap] })
    const addresses = addressesIn(SYBIL_SUBNET, 1, SYBILS)
    await addAddresses(lab, 'sybils', addresses, 32)
    // every Sybil tells whoever lets it in where it can be dialled, and comes again as soon as it is cut
    const sybils = await LightPeers.open(lab, 'sybils', { from: addresses, port: 4001, again: 500 })
    sybils.dial(victim.addressWith('/92.1.1.1/'))

    const most = { outbound: 0, inbound: 0, honest: 0 }
    // a feeler only looks whether somebody answers, and takes no place
    const isFeeler = (id: string): boolean =>
      victim.events.findLast(({ name, detail }) => name === 'dialling' && String(detail['target']).endsWith(id))
        ?.detail['reason'] === 'feeler'
    const look = async (): Promise<number> => {
      const all = (await victim.request('connections', undefined)).filter(
        ({ peer, direction }) => direction === 'inbound' || !isFeeler(peer)
      )
      const hostile = (of: string): number =>
        all.filter(({ address, direction }) => address.startsWith(`/ip4/${SYBIL_SUBNET}`) && direction === of).length
      most.outbound = Math.max(most.outbound, hostile('outbound'))
      most.inbound = Math.max(most.inbound, hostile('inbound'))
      return all.filter(({ direction }) => direction === 'outbound').length - hostile('outbound')
    }
    for (let round = 0; round < ROUNDS; round++) {
      // it has to choose anew, and knows Sybils by then
      await until(async () => (await look()) >= MIN_HONEST, { ms: 60_000, what: 'the honest peers are not chosen' })
      const end = performance.now() + WATCH
      await until(async () => (await look()) >= 0 && performance.now() > end, { ms: 60_000, what: 'it does not end' })
      if (round < ROUNDS - 1) {
        await lab.faults.resetConnections('victim')
      }
    }
    await until(async () => (await look()) >= MIN_HONEST, { ms: 30_000, what: 'the honest peers are not kept' })
    most.honest = await look()
    const known = (await victim.request('peers', {})).filter(({ id }) => sybils.ids.includes(id)).length
    const { connections, book } = await victim.request('stats', undefined)
    lab.timeline.add('victim', JSON.stringify({ most, known, connections, book }))
    expect(known).toBeGreaterThan(MAX_INBOUND) // it could have dialled them
    expect(most.inbound).toBe(MAX_INBOUND) // and they have really tried
    expect(connections.refused['subnet-limit']).toBeGreaterThan(0)
    expect(most.outbound).toBeLessThanOrEqual(MAX_OUTBOUND)
    expect(most.honest).toBeGreaterThanOrEqual(MIN_HONEST)
    expect(lab.unhandled).toEqual([])
  }
)
