import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { ConfigError, type ConfigSource } from '../errors.js'
import { profileDefaults, type NodeConfig } from './defaults.js'
import { readEnvironment, type Environment } from './environment.js'
import { configSchema, type ConfigInput } from './schema.js'
import { parseWish, type PeerWish } from './wish.js'

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
  const merged = [legacyDefaults(checked), ...checked].reduce(merge, profileDefaults(profile) as unknown as Tree)
  const warnings = environment.unknown
    .filter((name) => name !== 'PENIN_CONFIG')
    .map((name) => `${name} (environment): no setting has this name; it is ignored`)
  return { config: consistent(merged as unknown as NodeConfig, given(checked)), warnings }
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

/** Whoever shares a Python node's state file wants to see Python nodes, unless told otherwise. */
function legacyDefaults(layers: readonly Tree[]): Tree {
  const isShared = layers.some((layer) => layer['legacyState'] !== undefined)
  return isShared ? { discovery: { udpBroadcast: { enabled: true } }, legacyMessages: true } : {}
}

type Connections = Partial<NodeConfig['connections']>

/** What is said of connections in any layer. */
function given(layers: readonly Tree[]): Connections {
  return Object.assign({}, ...layers.map((layer) => layer['connections'] ?? {})) as Connections
}

/**
 * A maximum that differs from the profile's takes the other numbers with it, as far as nobody has set them: the target is
 * never above it, inbound and outbound may each fill it, and a quarter of it is for outbound peers. Asking for less must not
 * be an error, and asking for more must give more.
 */
function consistent(config: NodeConfig, explicit: Connections): NodeConfig {
  const { max, target, minOutbound, maxInbound, maxOutbound, wishes } = config.connections
  const isOwn = explicit.max != null
  const limits = {
    target: Math.min(target, max),
    maxInbound: explicit.maxInbound ?? (isOwn ? max : maxInbound),
    maxOutbound: explicit.maxOutbound ?? (isOwn ? max : maxOutbound),
    minOutbound: explicit.minOutbound ?? Math.min(minOutbound, isOwn ? Math.floor(max / 4) : minOutbound, target)
  }
  return { ...config, connections: { ...config.connections, ...limits, wishes: wishes.flatMap(asWish) } }
}

/** Wishes are checked by now, but still as they were written. */
function asWish(wish: string | (Omit<PeerWish, 'peers'> & { peers?: number })): PeerWish[] {
  return typeof wish === 'string' ? [parseWish(wish) ?? []].flat() : [{ ...wish, peers: wish.peers ?? 1 }]
}
