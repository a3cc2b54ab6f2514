/**
 * What a node remembers: its database with a policy for locks, damage, schemas and sick disks, and its identity.
 *
 * @packageDocumentation
 */
export * from './errors.js'
export { loadOrCreateIdentity, IDENTITY_FILE } from './identity.js'
export { openStore } from './store.js'
export { GuardedDatastore } from './guarded-datastore.js'
export { PROBE_INTERVAL_MS } from './safe-writer.js'
export { OVERLAY_MAX_BYTES, OVERLAY_MAX_KEYS } from './overlay.js'
export { KEPT_CORRUPT_DATABASES } from './set-aside.js'
export { createPeerRecordCheck, PEER_PREFIX } from './peer-records.js'
export { SCHEMA_KEY, SCHEMA_VERSION } from './schema.js'
export type {
  CorruptEvent,
  CorruptRecordEvent,
  ReadFailedEvent,
  StoreEvent,
  StoreEventListener,
  StoreStats,
  WriteFailedEvent,
  WriteFailure,
  WriteRecoveredEvent
} from './events.js'
export type { GuardedDatastoreInit } from './guarded-datastore.js'
export type { Identity, IdentityOptions } from './identity.js'
export type { Level } from './level-rows.js'
export type { OverlayLimits } from './overlay.js'
export type { PeerRecordCheck } from './peer-records.js'
export type { SafeWriterInit } from './safe-writer.js'
export type { OpenStoreOptions, Store } from './store.js'
export * from './address-book/index.js'
