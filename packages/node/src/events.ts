import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Refusal, WakeUpReason } from '@penin/connection-manager'
import type { PeerSource } from '@penin/interface'
import type { MessageType } from '@penin/messaging'
import type { StoreEvent } from '@penin/peer-store'
import type { LegacyPeer } from '@penin/udp-broadcast'
import type { PeerInfo } from './peer-info.js'

/** What a node tells its program. `detail` carries the value. */
export interface NodeEvents {
  /** A source has named a peer that was unknown. */
  'peer:discovered': CustomEvent<{ id: PeerId; source: PeerSource }>
  /** A peer of this network is connected and has said hello. */
  'peer:connected': CustomEvent<PeerInfo>
  /** A connected peer has changed what it offers. */
  'peer:updated': CustomEvent<PeerInfo>
  'peer:disconnected': CustomEvent<{ id: PeerId }>
  /** A connection was given up after the handshake: another network, no hello, … `name` is the error's name. */
  'peer:refused': CustomEvent<{ id: PeerId; name: string; message: string }>
  /** A dial begins. */
  dialling: CustomEvent<{ target: string; reason: string }>
  /** A dial ended, well or badly. */
  dial: CustomEvent<{ target: string; reason: string; ok: boolean; error?: string }>
  /** A connection was not let in, or a dial not let out. */
  'connection:refused': CustomEvent<Refusal>
  /** The heartbeat has closed a connection. */
  'connection:dead': CustomEvent<{ id: PeerId; message: string }>
  /** First sight of a Python PENIN node, and once more when its address becomes known later. It is never dialled. */
  'legacy:discovered': CustomEvent<LegacyPeer>
  /** A Python PENIN node has fallen silent. */
  'legacy:lost': CustomEvent<LegacyPeer>
  /** A message for whose outcome nobody waits has failed: one of `notify()`, or a durable one of an earlier run. */
  'message:undelivered': CustomEvent<{ id: PeerId; type: MessageType | string; error: Error }>
  /** The addresses that others are told have changed. */
  addresses: CustomEvent<Multiaddr[]>
  /** No peer for a while: every backoff was cleared. */
  isolated: CustomEvent<{ forMs: number }>
  /** The machine has slept or its interfaces have changed: every backoff was cleared, every connection is pinged. */
  'wake-up': CustomEvent<{ reason: WakeUpReason }>
  /** Something happened to the database. */
  store: CustomEvent<StoreEvent>
  /** Somebody should look at this; the node goes on. */
  warning: CustomEvent<{ message: string }>
}
