import { registerHooks } from 'node:module'
import type { PeerDiscovery } from '@libp2p/interface'
import { afterEach, beforeEach, describe, it } from 'vitest'
import { udpBroadcast, type UdpBroadcast, type UdpBroadcastInit } from '../src/index.js'
import { components, freePort, makePeer } from './support.js'

// libp2p's tests are written for mocha: they expect its functions among the globals, where a hook may have a title.
Object.assign(globalThis, {
  describe,
  it,
  beforeEach,
  afterEach: (title: string, hook: () => Promise<void>) => {
    afterEach(hook)
  }
})
// Of aegir, which they get them from, only these assertions are used.
const assertions = new URL('fixtures/aegir-chai.mjs', import.meta.url).href
registerHooks({
  resolve: (specifier, context, nextResolve) =>
    specifier === 'aegir/chai' ? { url: assertions, shortCircuit: true } : nextResolve(specifier, context)
})
const { default: compliance } = await import('@libp2p/interface-compliance-tests/peer-discovery')

let other: UdpBroadcast

compliance({
  setup: async (): Promise<PeerDiscovery> => {
    const init = { port: await freePort(), interfaces: ['127.0.0.1'], interval: 100 }
    other = await make(init)
    await other.start()
    return make(init)
  },
  teardown: async () => other.stop()
})

async function make(init: UdpBroadcastInit): Promise<UdpBroadcast> {
  return udpBroadcast(init)(components(await makePeer(), ['/ip4/127.0.0.1/tcp/4001']))
}
