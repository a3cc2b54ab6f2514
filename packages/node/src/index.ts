/**
 * A peer of a PENIN network in five lines: {@link createNode}.
 *
 * @packageDocumentation
 */
export { createNode, type NodeOptions } from './create-node.js'
export { PeninNode } from './node.js'
export type { NodeEvents } from './events.js'
export { Peers, type AddPeerOptions, type PeersEvents } from './peers.js'
export { PEER_SORTS, type CapabilityKind, type PeerFilter, type PeerSort, type PeersStats } from './peer-filter.js'
export { banToJson, peerInfoToJson, type BanJson, type PeerInfo, type PeerInfoJson } from './peer-info.js'
export type { Ban, BannedDetail, Change, ManualBan, ReputationSnapshot } from '@penin/connection-manager'
export type { Explanation } from './explain.js'
export { Messages } from './messages.js'
export type { Counters, NodeStats } from './stats.js'
export type { LegacyStats, LegacyView } from './legacy-wiring.js'
export * from './errors.js'
export { resolveConfig, type ConfigLayers, type ResolvedConfig } from './config/resolve.js'
export { profileDefaults, type NodeConfig } from './config/defaults.js'
export type { PeerWish } from './config/wish.js'
export { PROFILES, type ConfigInput, type Profile } from './config/schema.js'
export { settings, settingsTable, type Setting } from './config/settings.js'
export { readEnvironment, type Environment } from './config/environment.js'
export { dhtProtocols } from './dht.js'
export { VERSION } from './version.js'
