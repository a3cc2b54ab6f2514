/**
 * What the tests of PENIN packages, and of programs built on them, have in common: a fake clock, seeded randomness,
 * lifecycle tests and networks of real nodes on loopback.
 *
 * @packageDocumentation
 */
export * from './errors.js'
export * from './fake-clock.js'
export * from './lifecycle.js'
export * from './process-exits.js'
export * from './program.js'
export * from './recording-reporter.js'
export * from './seeded-rng.js'
export * from './testnet.js'
export * from './waiting.js'
