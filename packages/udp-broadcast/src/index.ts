/**
 * Peer discovery by UDP beacons that Python PENIN nodes understand.
 *
 * @packageDocumentation
 */
export { udpBroadcast } from './udp-broadcast.js'
export { UdpPortTakenError, UdpSocketError } from './errors.js'
export type { SocketOperation } from './errors.js'
export type { NetworkInterfaces } from './interfaces.js'
export type { LegacyPeer } from './legacy-table.js'
export type {
  DropReason,
  UdpBroadcast,
  UdpBroadcastComponents,
  UdpBroadcastEvents,
  UdpBroadcastInit,
  UdpBroadcastStats
} from './options.js'
