import type { PeerId } from '@libp2p/interface'
import type { ConfiguredPeers } from './configured-peers.js'
import { USEFUL_AFTER, type DialMemory } from './dial-memory.js'
import type { Link } from './links.js'
import type { PeerBook } from './peer-book.js'

/** A peer that was let go on purpose is not dialled again for so many milliseconds, unless the world changes. */
const LET_GO_FOR = 600_000

/** How a link came to its end. */
export interface LinkEnd {
  link: Link | undefined
  /** This node has hung up, for it needs the place for others. */
  wasLetGo: boolean
  /** False if no other peer is left: then it may be this node that has lost its network. */
  isOnline: boolean
  /** Monotonic time. */
  at: number
}

/** Notes what the end of a link says of the peer: nothing bad if it was let go, or had been of use. */
export function noteLinkEnd(
  { book, memory, configured }: { book: PeerBook; memory: DialMemory; configured: ConfiguredPeers },
  id: PeerId,
  { link, wasLetGo, isOnline, at }: LinkEnd
): void {
  const key = id.toString()
  const isUseful = link != null && at - link.connectedAt >= USEFUL_AFTER
  configured.recordEnd(id, at, isUseful) // it waits a little before it looks who answers there now
  if (wasLetGo) {
    memory.postpone(key, at + LET_GO_FOR)
    return
  }
  if (isUseful) {
    memory.wasUseful(key, at)
    book.seen(id)
  } else {
    memory.failed(key, at)
    if (link?.direction === 'outbound') {
      book.failed(id, { offline: !isOnline })
    }
  }
}
