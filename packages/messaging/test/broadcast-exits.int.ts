import { fileURLToPath } from 'node:url'
import { processExits } from '@penin/testing'
import { expect, it } from 'vitest'

// Runs the build, from this package's folder: its devDependencies are those of a plain libp2p node.
const code = `
  import { identify } from '@libp2p/identify'
  import { noise } from '@libp2p/noise'
  import { tcp } from '@libp2p/tcp'
  import { yamux } from '@libp2p/yamux'
  import { createLibp2p } from 'libp2p'
  import { broadcast } from '${new URL('../dist/broadcast/index.js', import.meta.url).href}'

  const make = () => createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify(), broadcast: broadcast({ networkId: 'exits' }) }
  })
  const [a, b] = await Promise.all([make(), make()])
  const got = new Promise((resolve) => b.services.broadcast.subscribe('x', (message) => resolve(message.text())))
  b.services.broadcast.subscribe('y', () => new Promise(() => {}))
  await a.dial(b.getMultiaddrs())
  while (a.services.broadcast.subscribers('x').length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await a.services.broadcast.publish('y', 'for a handler that never returns')
  await a.services.broadcast.publish('x', 'hi')
  console.log(await got)
  const from = performance.now()
  await Promise.all([a.stop(), b.stop()])
  process.on('exit', () => console.log(performance.now() - from < 5_000 ? 'in time' : 'late'))
`

it('a process with broadcast exits by itself soon after its nodes are stopped', async () => {
  const { stdout, stderr } = await processExits(code, { cwd: fileURLToPath(new URL('..', import.meta.url)) })
  expect(stdout).toBe('hi\nin time\n')
  expect(stderr).toBe('')
})
