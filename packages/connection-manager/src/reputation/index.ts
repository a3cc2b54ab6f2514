export { banDuration } from './ban-list.js'
export { nextHealth } from './health.js'
export { bannableGroup, isGroupToBan } from './ip-group.js'
export { Reputation } from './reputation.js'
export { openReputation, REPUTATION_PREFIX } from './storage.js'
export type { Ban, ManualBan } from './ban-list.js'
export type { Change, ChangeKind } from './history.js'
export type { GroupCount } from './ip-group.js'
export type {
  BannedDetail,
  PeerStanding,
  ReputationEvents,
  ReputationInit,
  ReputationPart,
  UnbannedDetail
} from './types.js'
export type { ReputationSnapshot, RestoreReport, StoredBan, StoredPeer } from './snapshot.js'
export type { ScoreParts } from './standing.js'
export type { OpenReputationOptions, ReputationLoadReport, StoredReputation } from './storage.js'
