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
  import { messaging } from '${new URL('../dist/index.js', import.meta.url).href}'

  const make = () => createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify(), messages: messaging() }
  })
  const [a, b] = await Promise.all([make(), make()])
  await a.dial(b.getMultiaddrs())
  b.services.messages.handle('x', () => 'hi')
  a.services.messages.notify(b.peerId, 'x')
  await a.services.messages.request(b.peerId, 'x')
  await Promise.all([a.stop(), b.stop()])
  console.log('stopped')
`

it('a process with messages exits by itself once its nodes are stopped', async () => {
  const { stdout, stderr } = await processExits(code, { cwd: fileURLToPath(new URL('..', import.meta.url)) })
  expect(stdout).toBe('stopped\n')
  expect(stderr).toBe('')
})
