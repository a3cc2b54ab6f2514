import { until } from '@penin/testing'
import { describe, expect, it } from 'vitest'
import { connectionOf, keeping } from './keeper-support.js'
import { addressOf, plainNode } from './support.js'

describe('PeerKeeper: who keeps a place', () => {
  it('keeps a peer that was dialled only to see whether it answers, if it has what peers are wanted for', async () => {
    const other = await plainNode()
    const key = other.peerId.toString()
    const node = await keeping({
      target: 0,
      feelerInterval: 1_000,
      wishes: () => [{ capability: 'tools', peers: 1 }],
      capabilities: { offers: (id) => id === key && node.services.keeper.isAccepted(id), offering: () => [] }
    })
    const reasons: string[] = []
    node.services.keeper.addEventListener('dialling', ({ detail }) => reasons.push(detail.reason))
    node.services.keeper.addCandidate({ id: other.peerId, multiaddrs: [addressOf(other)], source: 'pex' })
    await until(() => node.services.keeper.isWished(other.peerId))
    await until(() => !node.services.keeper.isDialling(other.peerId))
    expect(reasons).toEqual(['feeler'])
    expect(connectionOf(node, other).status).toBe('open')
  })
})
