/**
 * The e2e harness: real nodes in real processes, driven over typed pipes.
 *
 * @packageDocumentation
 */
export { Cluster } from './cluster.js'
export { NodeProcess, NodeProcessEndedError, RemoteError } from './node-process.js'
export type { ConnectionJson, Heard, Methods, NodeEvent, Sent } from './protocol.js'
export { components, type Links } from './topology.js'
export { until } from './until.js'
