import { readFileSync } from 'node:fs'
import { readEnvironment, type ConfigInput, type ConfigLayers } from '@penin/node'

/**
 * Puts a program's own defaults under everything that a person can set: code, flags, environment and config file.
 *
 * `createNode()` knows no such layer. What none of the others sets is added to the flags, the weakest layer that a
 * program can hand in; a key that one of them sets is left out.
 *
 * @param defaults top-level keys only
 */
export function withProgramDefaults(layers: ConfigLayers, defaults: ConfigInput): ConfigLayers {
  const env = layers.env ?? process.env
  const file = layers.configFile ?? env['PENIN_CONFIG']
  const set: ReadonlyArray<Readonly<Record<string, unknown>> | undefined> = [
    layers.code,
    layers.flags,
    readEnvironment(env).config,
    readFile(file)
  ]
  const missing = Object.entries(defaults).filter(([key]) => set.every((layer) => layer?.[key] === undefined))
  return { ...layers, flags: { ...Object.fromEntries(missing), ...layers.flags } }
}

/** A file that can't be read sets nothing here: `resolveConfig()` says what is wrong with it. */
function readFile(path: string | undefined): Record<string, unknown> {
  if (path == null || path === '') {
    return {}
  }
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof content === 'object' && content != null ? (content as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
