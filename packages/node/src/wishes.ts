import { asPeerId, type CapabilityLookup, type WantedCapability } from '@penin/connection-manager'
import type { Capabilities, Hello, HelloService } from '@penin/hello'
import type { PeerWish } from './config/wish.js'
import type { HelloMemory } from './peer-view-memory.js'

/** Wishes as the keeper takes them: a kind, or a kind and a name, is one capability. */
export function wantedCapabilities(wishes: readonly PeerWish[]): WantedCapability[] {
  return wishes.map(({ kind, name, peers }) => ({ capability: name == null ? kind : `${kind}:${name}`, peers }))
}

/**
 * What peers have said in their last hello: those that are connected, and those whose hello is remembered. That memory ends
 * with the run, so that after a start nobody is known to be able to do anything before it has been met.
 */
export function capabilitiesByHello(memory: HelloMemory, hello: Pick<HelloService, 'get'>): CapabilityLookup {
  const helloOf = (id: string): Hello | undefined => {
    const remembered = memory.get(id)
    const peer = remembered == null ? asPeerId(id) : undefined
    return remembered?.hello ?? (peer == null ? undefined : hello.get(peer))
  }
  return {
    offers: (id, capability) => has(helloOf(id), capability),
    offering: (capability) =>
      [...memory.entries()].reverse().flatMap(([id, known]) => (has(known.hello, capability) ? [id] : []))
  }
}

function has(hello: Capabilities | undefined, capability: string): boolean {
  const [kind = '', ...name] = capability.split(':')
  const offered = hello?.[kind as keyof Capabilities] ?? []
  return name.length === 0 ? offered.length > 0 : offered.includes(name.join(':'))
}
