/**
 * The network lab: real hosts, switches and routers from Linux network namespaces, with node processes on them.
 *
 * @packageDocumentation
 */
export {
  lanOf,
  type CableDescription,
  type HostDescription,
  type NatKind,
  type NetworkDescription,
  type PortDescription,
  type RouterDescription
} from './description.js'
export { Faults } from './faults.js'
export { Lab, type LabOptions } from './lab.js'
export { LabCommandError, Sandbox, whyNoLab } from './sandbox.js'
export { Timeline } from './timeline.js'
