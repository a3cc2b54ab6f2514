import { FakeClock } from '@penin/testing'
import { expect, it } from 'vitest'
import { Reputation } from '../src/index.js'
import { HOUR } from './reputation-support.js'
import { addressOf, plainNode } from './support.js'

it('works with a plain libp2p node: a ban closes the connection, the peer is refused until it is over', async () => {
  const clock = new FakeClock()
  const reputation = new Reputation({ clock })
  const node = await plainNode({
    gater: {
      denyInboundConnection: ({ remoteAddr }) => reputation.isGroupBanned(remoteAddr),
      denyInboundEncryptedConnection: (peer) => reputation.isBanned(peer),
      denyDialPeer: (peer) => reputation.isBanned(peer)
    }
  })
  node.addEventListener('connection:open', ({ detail }) => {
    reputation.connected(detail.remotePeer, detail.remoteAddr)
  })
  reputation.addEventListener('banned', ({ detail }) => {
    for (const connection of node.getConnections().filter(({ remotePeer }) => remotePeer.toString() === detail.key)) {
      connection.abort(new TypeError(detail.ban.reason))
    }
  })
  const bad = await plainNode()
  const gone = new Promise((resolve) => {
    bad.addEventListener('peer:disconnect', resolve, { once: true })
  })
  await bad.dial(addressOf(node))
  for (let n = 0; n < 10; n++) {
    reputation.report(bad.peerId, { reason: 'pex-malformed', tolerance: 'mid' })
  }
  await gone
  expect(node.getConnections(bad.peerId)).toEqual([])
  await expect(node.dial(addressOf(bad))).rejects.toThrow()
  await expect(bad.dial(addressOf(node)).then(async (c) => c.newStream('/ipfs/ping/1.0.0'))).rejects.toThrow()
  clock.tick(HOUR)
  await bad.dial(addressOf(node))
  await expect.poll(() => node.getConnections(bad.peerId).length).toBe(1)
})
