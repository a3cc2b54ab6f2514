/**
 * Whom to dial, whom to let in, and whom to let go: pure decisions that say why.
 */
export * from './errors.js'
export * from './eviction.js'
export { geoLimits, type GeoLimits, type GeoLimitsInit, type GeoRefusal } from './geo-limits.js'
export { inboundSubnet, isGrouped, keyedGroup, netGroup, type PeerScope } from './groups.js'
export * from './limits.js'
export * from './outbound-situation.js'
export { planOutbound } from './outbound.js'
export type { DialOutcomes } from './overshoot.js'
export { LOW_SCORE } from './scores.js'
export * from './subnet-limit.js'
export * from './surplus.js'
