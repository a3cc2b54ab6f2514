import { createNode } from '@penin/node'
import { lifecycleCompliance } from '@penin/testing'
import { describe, it } from 'vitest'
import { AdminServer } from '../src/index.js'

lifecycleCompliance(
  'AdminServer',
  async () => {
    const discovery = { mdns: false, dht: false }
    const node = await createNode({ env: {}, listen: ['/ip4/127.0.0.1/tcp/0'], discovery })
    const service = new AdminServer({ node })
    return { service, held: () => (service.isRunning ? 1 : 0), dispose: async () => node.stop() }
  },
  { describe, it }
)
