import { isBuiltin } from 'node:module'
import { dirname, relative, resolve, sep } from 'node:path'
import ts from 'typescript'
import type { Manifest } from './workspace.js'

/**
 * The house, from the ground up: a package may only depend on packages of a lower floor, so neighbours never know each
 * other and there are no cycles. What a feature needs of a neighbour is a contract in `interface`, handed in by `node`.
 */
export const floors: ReadonlyArray<readonly string[]> = [
  ['interface'],
  ['connection-manager', 'hello', 'legacy', 'mdns', 'messaging', 'peer-store', 'pex', 'udp-broadcast'],
  ['node'],
  ['bootstrap-node', 'testing'],
  ['cli']
]

/** Packages that nothing but tests may use. */
export const testOnly: ReadonlySet<string> = new Set(['testing'])

const scope = '@penin/'

/** A source file of a package: its absolute path and its text. */
export interface SourceFile {
  path: string
  text: string
}

/** What of `@penin/…` a manifest depends on at run time, without the scope. */
function runtimeNeighbours(manifest: Manifest): string[] {
  return [...runtimeDependencies(manifest)].filter((name) => name.startsWith(scope)).map((name) => short(name))
}

function runtimeDependencies(manifest: Manifest): Set<string> {
  const { dependencies, peerDependencies, optionalDependencies } = manifest
  return new Set(Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }))
}

function short(name: string): string {
  return name.startsWith(scope) ? name.slice(scope.length) : name
}

function floorOf(name: string): number {
  return floors.findIndex((floor) => floor.includes(name))
}

/** Why `from` must not depend on `to` (both without scope); undefined if it may. */
export function forbiddenArrow(from: string, to: string): string | undefined {
  if (floorOf(to) < 0) return `${to} has no floor in scripts/src/layers.ts`
  if (testOnly.has(to)) return `${from} → ${to}: ${to} is for tests only (devDependencies)`
  if (floorOf(to) >= floorOf(from)) return `${from} → ${to}: arrows only point down`
  return undefined
}

/** The name of the package that `specifier` imports from; undefined for a relative path or a module of Node.js. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || isBuiltin(specifier)) return undefined
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Every module specifier that `text` imports or re-exports, types and dynamic imports included. */
export function importsOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName)
}

/** Everything that is wrong with the arrows and the declared dependencies of one package. */
export function layerProblems(dir: string, manifest: Manifest, sources: readonly SourceFile[]): string[] {
  const from = short(manifest.name)
  if (floorOf(from) < 0) return [`${from} has no floor in scripts/src/layers.ts`]
  const problems = runtimeNeighbours(manifest).map((to) => forbiddenArrow(from, to))
  for (const { path, text } of sources) {
    for (const specifier of importsOf(text)) problems.push(importProblem(dir, manifest, path, specifier))
  }
  return problems.filter((problem) => problem !== undefined)
}

function importProblem(dir: string, manifest: Manifest, path: string, specifier: string): string | undefined {
  const where = `${short(manifest.name)}/${relative(dir, path)}`
  if (specifier.startsWith('.')) {
    const inside = resolve(dirname(path), specifier).startsWith(resolve(dir, 'src') + sep)
    return inside ? undefined : `${where} imports ${specifier}, which is outside of its own src`
  }
  const name = packageOf(specifier)
  if (name === undefined) return undefined
  if (name.startsWith(scope)) {
    const forbidden = forbiddenArrow(short(manifest.name), short(name))
    if (forbidden !== undefined) return `${where}: ${forbidden}`
  }
  return runtimeDependencies(manifest).has(name) ? undefined : `${where} imports ${name}, which is not in dependencies`
}
