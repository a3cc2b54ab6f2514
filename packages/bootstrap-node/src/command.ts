import { ConfigError, VERSION } from '@penin/node'
import { Command, CommanderError, Option } from 'commander'
import { parseAdminAddress } from './admin-address.js'
import { addSettingFlags, flagsToConfig, type ParsedFlags } from './flags.js'
import { LOG_LEVELS, type LogLevel } from './log-entries.js'
import { ADMIN_TOKEN_VARIABLE, type ManagedNodeOptions } from './managed-node.js'

/** A command of this project: its errors are thrown instead of ending the process, and printed by whoever catches them. */
export function createCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError()
    .allowExcessArguments(false)
    .helpOption('-h, --help', 'Show this help')
}

/** True if commander has only shown help or version: nothing went wrong. */
export function isHelp(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0
}

/** The flags that programs with a node in them share. */
export function addNodeFlags(
  command: Command,
  defaults: Readonly<Record<string, unknown>> & { admin: string }
): Command {
  addSettingFlags(command, defaults)
  return command
    .option('--config <file>', 'JSON file with settings (env: PENIN_CONFIG)')
    .option('--admin <host:port>', `Where the admin endpoint listens, or off (default: ${defaults.admin})`)
    .option('--admin-token <token>', `Token of the admin endpoint; better given as env: ${ADMIN_TOKEN_VARIABLE}`)
    .option('--json', 'Write JSON lines instead of text')
    .addOption(
      new Option('--log-level <level>', `Leave out what matters less (${LOG_LEVELS.join(', ')}; default: info)`)
    )
}

/** What the shared flags say. */
export interface NodeFlags {
  options: Required<Pick<ManagedNodeOptions, 'admin' | 'env' | 'flags'>> & Pick<ManagedNodeOptions, 'configFile'>
  json: boolean
  level: LogLevel
}

/**
 * Reads the shared flags.
 *
 * @param admin where the endpoint listens unless a flag says otherwise
 * @throws ConfigError
 */
export function readNodeFlags(parsed: ParsedFlags, admin: string, env: NodeJS.ProcessEnv): NodeFlags {
  const { config, admin: where = admin, adminToken, json, logLevel = 'info' } = parsed
  if (!LOG_LEVELS.includes(logLevel as LogLevel)) {
    throw new ConfigError('--log-level', logLevel, LOG_LEVELS.join(', '), 'command line')
  }
  const address = parseAdminAddress(String(where))
  const token = (adminToken as string | undefined) ?? env[ADMIN_TOKEN_VARIABLE]
  const isToken = token != null && token !== ''
  if (isToken && !/^\S+$/.test(token)) {
    throw new ConfigError(
      adminToken == null ? ADMIN_TOKEN_VARIABLE : '--admin-token',
      '(hidden)',
      'a text without blanks',
      adminToken == null ? 'environment' : 'command line'
    )
  }
  return {
    options: {
      flags: flagsToConfig(parsed),
      env,
      ...(typeof config === 'string' ? { configFile: config } : {}),
      admin: address == null ? false : { ...address, ...(isToken ? { token } : {}) }
    },
    json: json === true,
    level: logLevel as LogLevel
  }
}

/** `--version` prints it. */
export function versionText(program: string): string {
  return `${program} ${VERSION} (Node.js ${process.versions.node})`
}
