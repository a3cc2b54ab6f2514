/**
 * Peer discovery on the local network.
 *
 * @packageDocumentation
 */
export { mdns } from './mdns.js'
export { MdnsSocketError } from './errors.js'
export { SERVICE_TAG } from './options.js'
export type { AddressDrop } from './addresses.js'
export type { SightingDrop } from './discovered.js'
export type { NetworkInterfaces, SocketOperation } from '@penin/interface'
export type { DropReason, IdentityConflict, Mdns, MdnsComponents, MdnsEvents, MdnsInit, MdnsStats } from './options.js'
