import { fileURLToPath } from 'node:url'
import { until } from '@penin/e2e'
import { lanOf } from '@penin/e2e/lab'
import { expect, scenario } from './scenario.js'

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

scenario('an mDNS browser of another make sees our service, with our addresses', lanOf(2), async (lab) => {
  const node = await lab.startOn('h1')
  const { lines: seen } = lab.run(['/usr/bin/python3', fixture('browse.py'), '_p2p._udp.local.'], 'h2')
  await until(() => seen.some((line) => line.includes(`dnsaddr=/ip4/10.77.0.1/tcp/`) && line.includes(node.id)), {
    ms: 20_000,
    what: () => `the browser saw only: ${seen.join(' | ')}`
  })
})

scenario('a plain libp2p node with @libp2p/mdns and ours find each other', lanOf(2), async (lab) => {
  const node = await lab.startOn('h1', { foreignPeers: 'allow' })
  const { lines: plain } = lab.run([process.execPath, fixture('plain-mdns.mjs')], 'h2')
  const id = await until(() => /^id (\S+)/m.exec(plain.join('\n'))?.[1], {
    ms: 20_000,
    what: 'the plain node did not start'
  })
  await until(() => plain.includes(`found ${node.id}`), {
    ms: 20_000,
    what: () => `it did not find us: ${plain.join(' | ')}`
  })
  await until(
    async () => (await node.request('peers', {})).some((peer) => peer.id === id && peer.sources.includes('mdns')),
    {
      ms: 20_000,
      what: 'we did not find it'
    }
  )
  await until(
    async () => (await node.request('peers', {})).some((peer) => peer.id === id && peer.state === 'foreign'),
    {
      ms: 20_000,
      what: 'not connected'
    }
  )
  expect(lab.unhandled).toEqual([])
})
