/**
 * Contracts that all PENIN packages share. Nothing here does I/O.
 *
 * @packageDocumentation
 */
export * from './address-scope.js'
export * from './candidates.js'
export * from './clock.js'
export * from './errors.js'
export * from './printable.js'
export * from './rate-limiter.js'
export * from './reports.js'
export * from './rng.js'
export * from './runtime.js'
export { ipOf, sourceGroup } from './source-group.js'
