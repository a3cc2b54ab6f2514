import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { processExits } from '@penin/testing'
import { expect, it } from 'vitest'
import { tempFolder } from './state-support.js'

// Runs the build, from this package's folder: its devDependencies are those of a plain libp2p node.
const code = `
  import { identify } from '@libp2p/identify'
  import { noise } from '@libp2p/noise'
  import { tcp } from '@libp2p/tcp'
  import { yamux } from '@libp2p/yamux'
  import { createLibp2p } from 'libp2p'
  import { legacyMessages, openLegacyState } from '${new URL('../dist/index.js', import.meta.url).href}'

  const make = () => createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify(), legacy: legacyMessages() }
  })
  const [a, b] = await Promise.all([make(), make()])
  const state = await openLegacyState(process.argv.at(-1)) // its timer must not count
  state.addKnownPeer('10.0.0.1:51515')
  await a.dial(b.getMultiaddrs())
  await a.services.legacy.heartbeat(b.peerId)
  await a.services.legacy.queryStatus(b.peerId)
  await Promise.all([a.stop(), b.stop()])
  console.log('stopped')
`

it('a process with messages and an open state file exits by itself once its nodes are stopped', async () => {
  const args = [join(await tempFolder(), 'state.json')]
  const { stdout, stderr } = await processExits(code, { cwd: fileURLToPath(new URL('..', import.meta.url)), args })
  expect(stdout).toBe('stopped\n')
  expect(stderr).toBe('')
})
