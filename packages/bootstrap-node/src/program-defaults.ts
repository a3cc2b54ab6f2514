import { readFileSync } from 'node:fs'
import { readEnvironment, type ConfigInput, type ConfigLayers } from '@penin/node'

/**
 * Puts a program's own defaults under everything that a person can set: code, flags, environment and config file.
 *
 * `createNode()` knows no such layer. What none of the others sets is added to the flags, the weakest layer that a
 * program can hand in; a key that one of them sets is left out, in nested objects each key by itself.
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
  return { ...layers, flags: addMissing(layers.flags ?? {}, defaults, set) }
}

type Tree = Readonly<Record<string, unknown>>

/** `target` with what `defaults` has and none of `layers` sets. */
function addMissing(target: Tree, defaults: Tree, layers: ReadonlyArray<Tree | undefined>): Tree {
  const result: Record<string, unknown> = { ...target }
  for (const [key, value] of Object.entries(defaults)) {
    const set = layers.map((layer) => layer?.[key]).filter((entry) => entry !== undefined)
    // a list, or a switch such as `mdns: false`, stands for all that is below it
    if (isTree(value) && set.every(isTree)) {
      result[key] = addMissing(isTree(target[key]) ? target[key] : {}, value, set)
    } else if (set.length === 0) {
      result[key] = value
    }
  }
  return result
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value != null && !Array.isArray(value)
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
