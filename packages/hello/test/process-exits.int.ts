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
  import { hello } from '${new URL('../dist/index.js', import.meta.url).href}'
  import { AddressBook } from '${new URL('../../peer-store/dist/index.js', import.meta.url).href}'
  import { heartbeat, peerKeeper, singleConnection, WakeUp } from '${new URL('../../connection-manager/dist/index.js', import.meta.url).href}'

  const bookOf = (selfId) => new AddressBook({ selfId, secret: crypto.getRandomValues(new Uint8Array(16)) })
  const make = () => createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: {
      identify: identify(),
      hello: hello({ networkId: 'test' }),
      heartbeat: heartbeat(),
      single: singleConnection(),
      keeper: (components) => peerKeeper({ target: 4, book: bookOf(components.peerId) })(components)
    }
  })
  const [a, b] = await Promise.all([make(), make()])
  const wakeUp = new WakeUp({ onWakeUp: () => {} })
  wakeUp.start()
  const greeted = new Promise((resolve) => a.services.hello.addEventListener('greeted', resolve, { once: true }))
  a.services.keeper.addCandidate({ id: b.peerId, multiaddrs: b.getMultiaddrs(), source: 'manual' })
  await greeted
  await a.services.heartbeat.beat()
  await Promise.all([a.stop(), b.stop()])
  console.log('stopped') // wakeUp still runs: its timer must not count
`

it('a process with all services exits by itself once its nodes are stopped', async () => {
  const { stdout, stderr } = await processExits(code, { cwd: fileURLToPath(new URL('..', import.meta.url)) })
  expect(stdout).toBe('stopped\n')
  expect(stderr).toBe('')
})
