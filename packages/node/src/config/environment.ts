import { ConfigError } from '../errors.js'
import { settings, type Setting } from './settings.js'
import type { ConfigInput } from './schema.js'

/** The variables of a process; `process.env` fits. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Names of this project's variables start with it; one that no setting knows is worth a warning. */
const PREFIX = 'PENIN_'

/** What the environment sets, and what in it looks like a misspelt setting. */
export interface EnvironmentSettings {
  config: ConfigInput
  /** Which variable set a key, for error messages. */
  names: Map<string, string>
  unknown: string[]
}

/**
 * Reads settings from environment variables. Lists are separated by commas. An empty variable counts as absent.
 *
 * @throws ConfigError naming the variable
 */
export function readEnvironment(env: Environment): EnvironmentSettings {
  const config: Record<string, unknown> = {}
  const names = new Map<string, string>()
  const known = new Set<string>()
  for (const setting of settings()) {
    for (const [name, seconds] of variables(setting)) {
      known.add(name)
      const text = env[name]
      if (text != null && text !== '' && !names.has(setting.key)) {
        names.set(setting.key, name)
        assign(config, setting.key, readValue(setting, name, text, seconds))
      }
    }
  }
  const method = env['P2P_DISCOVERY_METHOD']
  if (method != null && method !== '' && !names.has('discovery.mdns.enabled')) {
    names.set('discovery.mdns.enabled', 'P2P_DISCOVERY_METHOD')
    assign(config, 'discovery.mdns.enabled', discoversByItself(method))
    assign(config, 'discovery.dht.enabled', discoversByItself(method))
    if (!discoversByItself(method) && !names.has('discovery.udpBroadcast.enabled')) {
      assign(config, 'discovery.udpBroadcast.enabled', false)
    }
  }
  const unknown = Object.keys(env).filter((name) => name.startsWith(PREFIX) && !known.has(name))
  return { config, names, unknown }
}

/** Open-A.G.I's two methods: `zeroconf` looks around by itself, `manual` goes only where it is told to. */
function discoversByItself(method: string): boolean {
  if (method === 'zeroconf' || method === 'manual') {
    return method === 'zeroconf'
  }
  throw new ConfigError('P2P_DISCOVERY_METHOD', method, 'zeroconf or manual', 'environment')
}

function variables({ env, envSeconds }: Setting): Array<[name: string, seconds: boolean]> {
  return [
    ...env.map((name): [string, boolean] => [name, false]),
    ...envSeconds.map((name): [string, boolean] => [name, true])
  ]
}

function readValue(setting: Setting, name: string, text: string, seconds: boolean): unknown {
  switch (setting.type) {
    case 'number': {
      const value = text.trim() === '' ? Number.NaN : Number(text)
      const { minimum = -Infinity, maximum = Infinity } = setting
      const scaled = seconds ? value * 1000 : value
      if (!Number.isFinite(value) || (seconds && (scaled < minimum || scaled > maximum))) {
        const expected = seconds ? `a number of seconds, ${minimum / 1000} to ${maximum / 1000}` : setting.expected
        throw new ConfigError(name, text, expected, 'environment')
      }
      return scaled
    }
    case 'boolean': {
      const value = { true: true, '1': true, yes: true, on: true, false: false, '0': false, no: false, off: false }[
        text.toLowerCase()
      ]
      if (value == null) {
        throw new ConfigError(name, text, 'true or false', 'environment')
      }
      return value
    }
    case 'list':
      return text
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== '')
    case 'text':
      return text
  }
}

/** Sets `a.b.c` in nested objects. */
export function assign(target: Record<string, unknown>, key: string, value: unknown): void {
  const path = key.split('.')
  const last = path.pop() as string
  let at = target
  for (const part of path) {
    at = (at[part] ??= {}) as Record<string, unknown>
  }
  at[last] = value
}
