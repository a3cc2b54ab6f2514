import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The parts of a package.json that the tooling reads. */
export interface Manifest {
  name: string
  private?: boolean
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

/** A package of the workspace: its folder (absolute) and its manifest. */
export interface WorkspacePackage {
  dir: string
  manifest: Manifest
}

/** The folder that holds the root package.json; the same from `scripts/src` and from `scripts/dist`. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Every package under `packages/`, in alphabetical order. */
export function workspacePackages(): WorkspacePackage[] {
  return readdirSync(join(root, 'packages'))
    .sort()
    .map((name) => join(root, 'packages', name))
    .filter((dir) => existsSync(join(dir, 'package.json')))
    .map((dir) => ({ dir, manifest: JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Manifest }))
}

/** Every TypeScript file below `dir`, absolute, in alphabetical order; none if there is no such folder. */
export function typescriptFiles(dir: string): string[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => join(dir, path))
}
