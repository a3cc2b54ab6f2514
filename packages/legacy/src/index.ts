/**
 * Living with Python PENIN nodes: their state file, and their `/penin/1.0.0` messages over libp2p.
 *
 * @packageDocumentation
 */
export {
  LegacyBusyError,
  LegacyMessageInvalidError,
  LegacyMessageMalformedError,
  LegacyMessageTypeError,
  LegacyNotConnectedError,
  LegacySendError,
  LegacyStateConflictError,
  LegacyStateMalformedError,
  LegacyStateTooLargeError,
  LegacyStateUnreadableError,
  LegacyStateUnwritableError,
  LegacyTimeoutError
} from './errors.js'
export { openLegacyState, type LegacyState, type LegacyStateEvents, type OpenLegacyStateInit } from './legacy-state.js'
export {
  decodeLegacyMessage,
  encodeLegacyMessage,
  MAX_LEGACY_DEPTH,
  MAX_LEGACY_MESSAGE_BYTES
} from './message-codec.js'
export type { JsonObject, JsonValue } from './message-schema.js'
export {
  LEGACY_MESSAGE_TYPES,
  type AnyLegacyMessage,
  type LegacyMessage,
  type LegacyMessageType,
  type LegacyPayload,
  type MentalState
} from './message-types.js'
export { LEGACY_PROTOCOL, legacyMessages } from './messages.js'
export type {
  LegacyContext,
  LegacyDropReason,
  LegacyHandler,
  LegacyMessages,
  LegacyMessagesComponents,
  LegacyMessagesEvents,
  LegacyMessagesInit,
  LegacyMessagesStats,
  LegacySendOptions
} from './contracts.js'
export {
  LegacyOrchestrator,
  MAX_KNOWN_PEERS,
  type LegacyKnownPeers,
  type LegacyPeer,
  type LegacyStateInit,
  type LegacyStateOptions
} from './orchestrator.js'
export { MAX_STATE_BYTES } from './state-file.js'
