/**
 * Whom a node talks to. Decisions are pure functions and plain classes ({@link planOutbound}, {@link chooseSurvivor},
 * {@link RateLimiter}); thin libp2p services carry them out.
 *
 * @packageDocumentation
 */
export * from './admission.js'
export * from './backoff.js'
export { type ConfiguredPeer, type Persistence } from './configured-peers.js'
export { type DialState } from './dial-memory.js'
export * from './dialler.js'
export * from './errors.js'
export * from './heartbeat.js'
export { type Hold } from './holds.js'
export * from './keeper-contract.js'
export * from './peer-address.js'
export * from './peer-book.js'
export * from './peer-keeper.js'
export * from './ping.js'
export * from './selection/index.js'
export * from './reputation/index.js'
export * from './single-connection.js'
export * from './traffic.js'
export * from './trimmer.js'
export * from './wake-up.js'
export { type CapabilityLookup, type WantedCapability } from './wishes.js'
export { ipOf, RateLimiter, sourceGroup, type RateLimit } from '@penin/interface'
