import {
  ConfigError,
  profileDefaults,
  resolveConfig,
  settings,
  type ConfigInput,
  type Profile,
  type Setting
} from '@penin/node'
import { Option, type Command } from 'commander'

/** What commander makes of a command line: values by the flag's name in camel case. */
export type ParsedFlags = Readonly<Record<string, unknown>>

type FlagSetting = Setting & { flag: string }

/**
 * Gives a command one option per setting that has a flag. Values stay texts; {@link flagsToConfig} reads them.
 *
 * @param defaults values that the program sets where nothing else does, for the help
 */
export function addSettingFlags(command: Command, defaults: Readonly<Record<string, unknown>> = {}): Command {
  const ofProfile = profileDefaults(defaults['profile'] as Profile | undefined)
  for (const setting of flagSettings()) {
    const fallback = setting.key in defaults ? defaults[setting.key] : valueAt(ofProfile, setting.key)
    for (const option of optionsOf(setting, fallback)) {
      command.addOption(option)
    }
  }
  return command
}

/**
 * Turns parsed options into the `flags` layer of a configuration. Options of the program's own are left alone.
 *
 * @throws ConfigError that names the flag
 */
export function flagsToConfig(options: ParsedFlags): ConfigInput {
  const config: Record<string, unknown> = {}
  for (const setting of flagSettings()) {
    const raw = options[attributeOf(setting.flag)]
    if (raw !== undefined) {
      assign(config, setting.key, readValue(setting, raw))
    }
  }
  try {
    resolveConfig({ flags: config, env: {} })
  } catch (error) {
    throw naming(error, config)
  }
  return config
}

/** `a,b` becomes two entries; blanks around them and empty ones go. */
export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function flagSettings(): FlagSetting[] {
  return settings().filter((setting): setting is FlagSetting => setting.flag != null)
}

function optionsOf(setting: FlagSetting, fallback: unknown): Option[] {
  const { flag, type } = setting
  const text = describe(setting, fallback)
  switch (type) {
    case 'boolean':
      return [new Option(flag, text), new Option(flag.replace('--', '--no-'), `Switch ${flag} off`)]
    case 'list':
      return [
        new Option(`${flag} <list>`, text).argParser((value: string, before: string[] | undefined) => [
          ...(before ?? []),
          ...splitList(value)
        ])
      ]
    case 'number':
      return [new Option(`${flag} <number>`, text)]
    case 'text':
      return [new Option(`${flag} <text>`, text)]
  }
}

function describe({ type, description, expected, env }: FlagSetting, fallback: unknown): string {
  const notes = [
    ...(type === 'list' ? ['repeatable, or separated by commas'] : []),
    ...(type === 'text' && expected !== 'a string' ? [expected] : []),
    ...(hasContent(fallback) ? [`default: ${show(fallback)}`] : []),
    ...(env[0] == null ? [] : [`env: ${env[0]}`])
  ]
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`
}

function hasContent(value: unknown): boolean {
  return value != null && (!Array.isArray(value) || value.length > 0)
}

function show(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value)
}

function attributeOf(flag: string): string {
  return new Option(flag).attributeName()
}

function readValue({ type, flag, expected }: FlagSetting, raw: unknown): unknown {
  if (type !== 'number') {
    return raw
  }
  const text = String(raw)
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value)) {
    throw new ConfigError(flag, text, expected, 'command line')
  }
  return value
}

/** The schema names keys; who typed a flag wants to read the flag. */
function naming(error: unknown, config: Record<string, unknown>): unknown {
  if (!(error instanceof ConfigError)) {
    return error
  }
  const setting = flagSettings().find(({ key }) => error.key === key || error.key.startsWith(`${key}.`))
  if (setting == null) {
    return error
  }
  return new ConfigError(setting.flag, valueAt(config, error.key), error.expected, 'command line')
}

function valueAt(tree: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], tree)
}

function assign(target: Record<string, unknown>, key: string, value: unknown): void {
  const path = key.split('.')
  const last = path.pop() as string
  let at = target
  for (const part of path) {
    at = (at[part] ??= {}) as Record<string, unknown>
  }
  at[last] = value
}
