import { z } from 'zod'
import { profileDefaults } from './defaults.js'
import { configSchema } from './schema.js'

/** One row of the configuration table. */
export interface Setting {
  /** Dotted key. */
  key: string
  type: 'text' | 'number' | 'boolean' | 'list'
  /** What a good value looks like. */
  expected: string
  description: string
  default: unknown
  env: readonly string[]
  /** Variables that give the value in seconds. */
  envSeconds: readonly string[]
  flag?: string
  /** Bounds of a number. */
  minimum?: number
  maximum?: number
}

interface JsonSchema {
  type?: string
  description?: string
  properties?: Record<string, JsonSchema>
  anyOf?: JsonSchema[]
  enum?: string[]
  minimum?: number
  maximum?: number
  env?: string[]
  envSeconds?: string[]
  flag?: string
}

let cached: Setting[] | undefined

/** Every setting of the schema, in its order. The environment reader, the flags and the README's table come from here. */
export function settings(): Setting[] {
  cached ??= walk(
    z.toJSONSchema(configSchema) as JsonSchema,
    '',
    profileDefaults() as unknown as Record<string, unknown>
  )
  return cached
}

function walk(schema: JsonSchema, prefix: string, defaults: Record<string, unknown>): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const key = prefix === '' ? name : `${prefix}.${name}`
    const nested = property.properties != null ? property : property.anyOf?.find((option) => option.properties != null)
    if (nested != null) {
      return walk(nested, key, (defaults[name] ?? {}) as Record<string, unknown>)
    }
    return [toSetting(key, property, defaults[name])]
  })
}

function toSetting(key: string, schema: JsonSchema, fallback: unknown): Setting {
  const types = { array: 'list', boolean: 'boolean', number: 'number', integer: 'number' } as const
  return {
    key,
    type: types[schema.type as keyof typeof types] ?? 'text',
    expected: expectation(schema),
    description: schema.description ?? '',
    default: fallback,
    env: schema.env ?? [],
    envSeconds: schema.envSeconds ?? [],
    ...(schema.flag == null ? {} : { flag: schema.flag }),
    ...(schema.minimum == null ? {} : { minimum: schema.minimum }),
    ...(schema.maximum == null ? {} : { maximum: schema.maximum })
  }
}

function expectation({ type, enum: choices, minimum, maximum }: JsonSchema): string {
  if (choices != null) {
    return choices.join(', ')
  }
  if (type === 'array') {
    return 'a list'
  }
  if (type === 'boolean') {
    return 'true or false'
  }
  if (type === 'number' || type === 'integer') {
    return minimum != null && maximum != null ? `a number, ${minimum} to ${maximum}` : 'a number'
  }
  return 'a string'
}

/** The configuration table of the README, in Markdown. */
export function settingsTable(): string {
  const rows = settings().map((setting) => {
    const names = [...setting.env.map((n) => `\`${n}\``), ...setting.envSeconds.map((n) => `\`${n}\` (seconds)`)]
    const cells = [
      `\`${setting.key}\``,
      setting.default === undefined ? '' : `\`${JSON.stringify(setting.default)}\``,
      setting.expected,
      names.join('<br>'),
      setting.flag == null ? '' : `\`${setting.flag}\``,
      setting.description
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return [
    '| Key | Default | Expected | Environment | Flag | Meaning |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows
  ].join('\n')
}
