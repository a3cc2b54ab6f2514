/**
 * Peer discovery by UDP beacons that Python PENIN nodes understand.
 *
 * @packageDocumentation
 */
export { udpBroadcast } from './udp-broadcast.js'
export { UdpPortTakenError, UdpSocketError } from './errors.js'
export type { NetworkInterfaces, SocketOperation } from '@penin/interface'
export type { LegacyPeer } from './legacy-table.js'
export type {
  DropReason,
  UdpBroadcast,
  UdpBroadcastComponents,
  UdpBroadcastEvents,
  UdpBroadcastInit,
  UdpBroadcastStats
} from './options.js'
