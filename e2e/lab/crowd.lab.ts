import { until } from '@penin/e2e'
import type { NetworkDescription } from '@penin/e2e/lab'
import { addAddresses, addressesIn, LightPeers, type LightEvent } from './fixtures/light-peers.js'
import { expect, scenario } from './scenario.js'

const PEERS = 200

/** What a peer of the crowd has to have within, in milliseconds from its dial. */
const LIMIT = 15_000

const campus: NetworkDescription = {
  switches: ['campus'],
  hosts: {
    boot: { ports: [{ switch: 'campus', ipv4: '10.1.2.254/24', noIpv6: true }] },
    crowd: { ports: [{ switch: 'campus', ipv4: '10.1.2.253/24', noIpv6: true }] }
  }
}

const first = (events: LightEvent[], event: LightEvent['event']): number =>
  events.find((one) => one.event === event)?.at ?? Infinity

scenario(
  '200 nodes of one private /24 that dial a bootstrap node in one second are all answered within 15 s, and stay or are let go',
  campus,
  async (lab) => {
    const boot = await lab.startOn('boot', {
      profile: 'bridge',
      listen: ['/ip4/0.0.0.0/tcp/4001'],
      discovery: { mdns: false, dht: false, pex: true }
    })
    const from = addressesIn('10.1.2.', 1, PEERS)
    await addAddresses(lab, 'crowd', from, 24)
    const crowd = await LightPeers.open(lab, 'crowd', { from, pause: 4 })
    crowd.dial(boot.addressWith('/10.1.2.254/'))

    const isSurplus = (events: LightEvent[]): boolean => events.some(({ surplus }) => surplus != null)
    const isSettled = (events: LightEvent[]): boolean =>
      first(events, 'answered') < Infinity && (!isSurplus(events) || first(events, 'gone') < Infinity)
    await until(() => crowd.byPeer.every(isSettled), {
      ms: 60_000,
      what: () =>
        `${crowd.byPeer.filter((events) => !isSettled(events)).length} of ${PEERS} are not settled: ${JSON.stringify(crowd.byPeer.find((events) => !isSettled(events)))}`
    })

    const peers = crowd.byPeer
    const late = peers.filter(
      (events) => first(events, 'answered') > LIMIT || (isSurplus(events) && first(events, 'gone') > LIMIT)
    )
    lab.timeline.add('lab', summary(peers))
    expect(late, summary(peers)).toEqual([])
    // whoever has not been told that it has to go has a place, up to the limit
    const staying = peers.filter((events) => !isSurplus(events))
    expect(staying.filter((events) => first(events, 'gone') < Infinity)).toEqual([])
    const { connections, counters } = await boot.request('stats', undefined)
    expect(connections.inbound).toBe(staying.length)
    expect(connections.inbound).toBe(112) // all inbound places of a bridge
    expect(connections.outbound).toBe(0)
    expect(Object.entries(connections.refused).filter(([, count]) => count > 0)).toEqual([])
    expect(counters.peersRefused).toEqual({})
    expect(lab.unhandled).toEqual([])
  }
)

function summary(peers: LightEvent[][]): string {
  const latest = (event: LightEvent['event']): number => Math.max(...peers.map((events) => first(events, event)))
  const gone = peers.map((events) => first(events, 'gone')).filter((at) => at < Infinity)
  return `greeted by ${latest('greeted')}, answered by ${latest('answered')}, ${gone.length} gone by ${Math.max(0, ...gone)} ms`
}
