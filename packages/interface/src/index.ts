/**
 * Contracts that all PENIN packages share, and what they would all write alike. Nothing here opens a file or a socket.
 *
 * @packageDocumentation
 */
export * from './address-scope.js'
export * from './candidates.js'
export * from './clock.js'
export * from './errors.js'
export { formatIp6, isPublicIp4, kindOfIp4, kindOfIp6, parseIp4, parseIp6, type IpKind } from './ip.js'
export * from './link-sockets.js'
export * from './local-network.js'
export * from './printable.js'
export * from './rate-limiter.js'
export * from './record-writer.js'
export * from './reports.js'
export * from './rng.js'
export * from './runtime.js'
export * from './single-frames.js'
export { ipOf, sourceGroup } from './source-group.js'
