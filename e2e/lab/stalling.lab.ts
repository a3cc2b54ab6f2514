import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { until } from '@penin/e2e'
import type { Lab, NetworkDescription } from '@penin/e2e/lab'
import { addAddresses } from './fixtures/light-peers.js'
import { expect, scenario, slowScenario } from './scenario.js'

const PROGRAM = fileURLToPath(new URL('fixtures/stalling.mjs', import.meta.url))

const CONNECTIONS = 300

const STAGES = ['silent', 'half-multistream', 'multistream', 'mid-noise', 'encrypted', 'muxed', 'identified']

/** Everybody on one wire, with addresses that look public. */
const internet: NetworkDescription = {
  switches: ['internet'],
  hosts: {
    target: { ports: [{ switch: 'internet', ipv4: '80.80.1.1/24', noIpv6: true }] },
    attacker: { ports: [{ switch: 'internet', ipv4: '45.45.0.1/24', noIpv6: true }] },
    honest: { ports: [{ switch: 'internet', ipv4: '92.1.1.1/24', noIpv6: true }] }
  }
}

/** Ten addresses each of thirty /24s, so that no limit of one address or of one subnet is in the way. */
const SOURCES = Array.from(
  { length: CONNECTIONS },
  (_, index) => `45.45.${1 + (index % 30)}.${1 + Math.floor(index / 30)}`
)

const discovery = { mdns: false, dht: false, pex: false }

/** The stallers come again as soon as they are cut; meanwhile an honest peer comes, and has to get in. */
async function withstands(lab: Lab, stages: string[]): Promise<void> {
  const target = await lab.startOn('target', {
    discovery,
    listen: ['/ip4/0.0.0.0/tcp/4001'],
    connections: { target: 0 }
  })
  const address = target.addressWith('/80.80.1.1/')
  await addAddresses(lab, 'attacker', SOURCES, 32)
  const args = JSON.stringify({ ip: '80.80.1.1', port: 4001, from: SOURCES, stages })
  const { lines, program } = lab.run([process.execPath, PROGRAM, args], 'attacker')
  const tried = (): Set<string> => new Set(lines.filter((line) => line.startsWith('open ')))
  await until(() => tried().size === CONNECTIONS, {
    ms: 60_000,
    what: () => `only ${tried().size} connections: ${lines.slice(-3).join(' | ')}`
  })

  await pause(5_000) // at full strength, all of them have come and some have come again

  const honest = await lab.startOn('honest', { discovery, persistentPeers: [address], connections: { target: 1 } })
  await until(async () => (await target.connected()).includes(honest.id), {
    ms: 60_000,
    what: () => `the honest peer does not get in; ${lines.filter((line) => line.startsWith('cut ')).length} cuts`
  })
  expect(program.exitCode, lines.slice(-8).join('\n')).toBeNull() // the attack goes on
  const { connections } = await target.request('stats', undefined)
  lab.timeline.add('target', JSON.stringify(connections))
  expect(connections.inbound).toBeLessThanOrEqual(24 + 8) // the limit, and those in the overflow
  expect((await target.connected()).length).toBe(1)
  expect(lab.unhandled).toEqual([])
}

scenario(
  '300 connections that stall at all stages of the handshake do not keep an honest peer out',
  internet,
  async (lab) => withstands(lab, STAGES)
)

for (const stage of STAGES) {
  slowScenario(
    `300 connections that stall at one stage of the handshake do not keep an honest peer out: ${stage}`,
    internet,
    async (lab) => withstands(lab, [stage])
  )
}
