export { broadcast } from './broadcast.js'
export {
  type Broadcast,
  type BroadcastComponents,
  type BroadcastInit,
  type BroadcastStats,
  type PublishOptions,
  type SubscribeOptions
} from './contract.js'
export {
  BroadcastRateError,
  BroadcastTooLongError,
  GossipsubIncompatibleError,
  NoSubscribersError,
  PublishFailedError,
  TooManyTopicsError
} from './errors.js'
export { BROADCAST_LIMITS, type BroadcastLimits } from './limits.js'
export { type BroadcastOffence } from './offences.js'
export { type BroadcastCounts, type DropReason } from './statistics.js'
export { type BroadcastHandler, type BroadcastMessage, type BroadcastValidator, type Verdict } from './subscriptions.js'
