/**
 * The daemon that others find a network through, and what every program with a node in it needs: flags, an admin
 * endpoint, a log, and an orderly end.
 *
 * @packageDocumentation
 */
export { startBootstrapNode, type BootstrapNode, type BootstrapNodeOptions } from './bootstrap-node.js'
export {
  ADMIN_TOKEN_VARIABLE,
  startManagedNode,
  type BootstrapChange,
  type ManagedNode,
  type ManagedNodeOptions
} from './managed-node.js'
export { AdminServer, MAX_ADMIN_CONNECTIONS, MAX_BODY_BYTES, MIN_TOKEN_LENGTH, type AdminServerInit } from './admin.js'
export { adminUrl, isLoopback, parseAdminAddress, type AdminAddress } from './admin-address.js'
export { ADMIN_FILE, readAdminFile, removeAdminFile, writeAdminFile, type AdminFile } from './admin-file.js'
export { addSettingFlags, flagsToConfig, splitList, type ParsedFlags } from './flags.js'
export { withProgramDefaults } from './program-defaults.js'
export { Log, type LogInit } from './log.js'
export { LOG_LEVELS, type LogLevel } from './log-entries.js'
export { runDaemon, type DaemonInit, type DaemonProcess } from './daemon.js'
export { describeError, EXIT, EXIT_CODES_HELP, exitCodeOf } from './exit-codes.js'
export { addNodeFlags, createCommand, isHelp, readNodeFlags, versionText, type NodeFlags } from './command.js'
export { logStart, reportUsage } from './main.js'
export * from './errors.js'
