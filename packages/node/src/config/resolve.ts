import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { ConfigError, type ConfigSource } from '../errors.js'
import { profileDefaults, type NodeConfig } from './defaults.js'
import { readEnvironment, type Environment } from './environment.js'
import { configSchema, type ConfigInput } from './schema.js'

/** The layers of a configuration, strongest first. */
export interface ConfigLayers {
  code?: ConfigInput
  flags?: ConfigInput
  /** @default process.env */
  env?: Environment
  /** Path of a JSON file; also `PENIN_CONFIG`. */
  configFile?: string
}

/** A configuration, and what about it a person should hear. */
export interface ResolvedConfig {
  config: NodeConfig
  warnings: string[]
}

/**
 * Merges code > command line > environment > config file > profile defaults, each checked by itself, so that an error
 * names where the value came from. Objects merge by key, lists replace each other.
 *
 * @throws ConfigError for the first thing that is wrong, in one line
 */
export function resolveConfig(layers: ConfigLayers = {}): ResolvedConfig {
  const env = layers.env ?? process.env
  const environment = readEnvironment(env)
  const file = layers.configFile ?? env['PENIN_CONFIG']
  const checked = [
    file == null || file === '' ? {} : check(readConfigFile(file), 'config file'),
    check(environment.config, 'environment', environment.names),
    check(layers.flags ?? {}, 'command line'),
    check(layers.code ?? {}, 'code')
  ].map(expandSwitches)
  const profile = checked.map((layer) => layer['profile']).findLast((value) => value != null) as NodeConfig['profile']
  const merged = checked.reduce(merge, profileDefaults(profile) as unknown as Tree)
  const warnings = environment.unknown
    .filter((name) => name !== 'PENIN_CONFIG')
    .map((name) => `${name} (environment): no setting has this name; it is ignored`)
  return { config: consistent(merged as unknown as NodeConfig), warnings }
}

type Tree = Record<string, unknown>

function check(input: unknown, source: ConfigSource, names?: Map<string, string>): Tree {
  const result = configSchema.safeParse(input)
  if (result.success) {
    return result.data
  }
  const issue = deepest(result.error.issues[0] as z.core.$ZodIssue)
  const key = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const unknown = [...issue.path, issue.keys[0]].join('.')
    throw new ConfigError(
      unknown,
      valueAt(input, unknown.split('.')),
      `no such key${suggestion(issue.keys[0] ?? '')}`,
      source
    )
  }
  const shown = names?.get(listKey(issue.path)) ?? (key === '' ? 'configuration' : key)
  throw new ConfigError(shown, valueAt(input, issue.path), issue.message, source)
}

/** Of a union's branches the one that got furthest says best what is wrong. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') {
    return issue
  }
  const inner = issue.errors.flat().sort((a, b) => b.path.length - a.path.length)[0]
  const further = inner != null && (inner.path.length > 0 || inner.code === 'unrecognized_keys')
  return further ? deepest({ ...inner, path: [...issue.path, ...inner.path] }) : issue
}

function listKey(path: PropertyKey[]): string {
  return path.filter((part) => typeof part !== 'number').join('.')
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown> | undefined)?.[part], input)
}

/** Names the known key that a misspelt one most likely meant. */
function suggestion(wrong: string): string {
  const known = Object.keys(configSchema.shape)
  const near = known.find((key) => key.toLowerCase().startsWith(wrong.slice(0, 4).toLowerCase()))
  return near == null ? '' : `; did you mean ${near}?`
}

function readConfigFile(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(
      'config',
      path,
      `a readable file (${(error as NodeJS.ErrnoException).code ?? 'error'})`,
      'config file'
    )
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ConfigError('config', path, `a JSON file (${(error as Error).message})`, 'config file')
  }
}

const SWITCHES = ['mdns', 'dht', 'udpBroadcast']

/** `mdns: false` and `mdns: { interval: 5000 }` become `{ enabled: … }`, so that layers merge. */
function expandSwitches(layer: Tree): Tree {
  const discovery = layer['discovery'] as Tree | undefined
  if (discovery == null) {
    return layer
  }
  const expanded = Object.entries(discovery).map(([key, value]) => {
    const isSwitch = SWITCHES.includes(key) && typeof value === 'boolean'
    return [key, isSwitch ? { enabled: value } : value]
  })
  return { ...layer, discovery: Object.fromEntries(expanded) as Tree }
}

function merge(under: Tree, over: Tree): Tree {
  const out = { ...under }
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) {
      continue
    }
    const below = out[key]
    out[key] = isTree(value) && isTree(below) ? merge(below, value) : value
  }
  return out
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value != null && !Array.isArray(value)
}

/** A lowered maximum lowers the target with it: asking for less must not be an error. */
function consistent(config: NodeConfig): NodeConfig {
  const { max, target } = config.connections
  return { ...config, connections: { ...config.connections, target: Math.min(target, max) } }
}
