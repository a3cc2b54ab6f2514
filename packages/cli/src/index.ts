/**
 * The `penin` command as a function, for programs that want to offer it under a name of their own, and its client for a
 * running node's admin endpoint.
 *
 * @packageDocumentation
 */
export { AdminClient, findAdmin, type AdminTarget } from './admin-client.js'
export { createProgram, main } from './main.js'
export * from './errors.js'
