import type { GossipsubOpts } from '@libp2p/gossipsub'
import { RPC } from '@libp2p/gossipsub/message'
import { FRAME_IDS, FRAME_MESSAGES, type BroadcastLimits } from './limits.js'

/** What a frame may hold at most. Honest ones have announcements, grafts and prunes of each topic once. */
export function frameLimits({ topics }: BroadcastLimits): NonNullable<GossipsubOpts['decodeRpcLimits']> {
  return {
    maxSubscriptions: 2 * topics,
    maxMessages: FRAME_MESSAGES,
    maxControlMessages: 2 * topics,
    maxIhaveMessageIDs: FRAME_IDS,
    maxIwantMessageIDs: FRAME_IDS,
    maxIdontwantMessageIDs: 512, // GossipSubMaxIDontWantMessages, of each heartbeat
    maxPeerInfos: 16 // GossipSubPrunePeers; none of them is used
  }
}

/** Reads a frame. @throws whatever the decoder does */
export function decodeFrame(bytes: Uint8Array, limits: BroadcastLimits): RPC {
  const most = frameLimits(limits)
  const control = most.maxControlMessages
  return RPC.decode(bytes, {
    limits: {
      subscriptions: most.maxSubscriptions,
      messages: most.maxMessages,
      control: {
        ihave: control,
        ihave$: { messageIDs: most.maxIhaveMessageIDs },
        iwant: control,
        iwant$: { messageIDs: most.maxIwantMessageIDs },
        graft: control,
        prune: control,
        prune$: { peers: most.maxPeerInfos },
        idontwant: control,
        idontwant$: { messageIDs: most.maxIdontwantMessageIDs }
      }
    }
  })
}
