import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { forbiddenArrow, importsOf, layerProblems, packageOf } from '../src/layers.js'
import type { Manifest } from '../src/workspace.js'
import { typescriptFiles, workspacePackages } from '../src/workspace.js'

describe('the packages of this workspace', () => {
  it.each(workspacePackages().map(({ dir, manifest }) => [manifest.name, dir, manifest] as const))(
    '%s only depends on lower floors and declares what it imports',
    (_name, dir, manifest) => {
      const sources = typescriptFiles(join(dir, 'src')).map((path) => ({ path, text: readFileSync(path, 'utf8') }))
      expect(layerProblems(dir, manifest, sources)).toEqual([])
    }
  )
})

describe('layer rule', () => {
  const dir = '/repo/packages/pex'
  const pex: Manifest = { name: '@penin/pex', dependencies: { '@penin/interface': 'workspace:*', protons: '1' } }
  const check = (text: string, manifest: Manifest = pex): string[] =>
    layerProblems(dir, manifest, [{ path: `${dir}/src/a/index.ts`, text }])

  it('lets arrows point down, over any number of floors', () => {
    expect(forbiddenArrow('cli', 'bootstrap-node')).toBeUndefined()
    expect(forbiddenArrow('cli', 'interface')).toBeUndefined()
    expect(forbiddenArrow('testing', 'node')).toBeUndefined()
  })

  it('refuses arrows up, between neighbours and to the test kit', () => {
    expect(forbiddenArrow('interface', 'pex')).toMatch(/only point down/)
    expect(forbiddenArrow('pex', 'peer-store')).toMatch(/only point down/)
    expect(forbiddenArrow('cli', 'testing')).toMatch(/tests only/)
    expect(forbiddenArrow('cli', 'newcomer')).toMatch(/no floor/)
  })

  it('accepts declared packages, modules of Node.js and own files', () => {
    expect(check("import 'protons'\nimport fs from 'node:fs'\nimport '../b.js'\nimport '@penin/interface'")).toEqual([])
  })

  it('finds an undeclared dependency, also of a type', () => {
    expect(check("import type { X } from '@libp2p/interface'")).toEqual([
      'pex/src/a/index.ts imports @libp2p/interface, which is not in dependencies'
    ])
  })

  it('finds a forbidden arrow in an import and in the manifest', () => {
    expect(check("export * from '@penin/messaging'")).toEqual([
      'pex/src/a/index.ts: pex → messaging: arrows only point down'
    ])
    const manifest = { ...pex, dependencies: { '@penin/node': 'workspace:*' } }
    expect(check('', manifest)).toEqual(['pex → node: arrows only point down'])
  })

  it('finds a relative path into another package', () => {
    expect(check("import '../../../hello/src/index.js'")).toHaveLength(1)
  })

  it('reads imports, re-exports and dynamic imports, but not comments', () => {
    expect(
      importsOf("import 'a'\nexport * from 'b'\nawait import('c')\n// import 'd'\nimport type { E } from 'e'")
    ).toEqual(expect.arrayContaining(['a', 'b', 'c', 'e']))
    expect(importsOf("// import 'd'")).toEqual([])
  })

  it('names the package of a subpath', () => {
    expect(packageOf('@libp2p/crypto/keys')).toBe('@libp2p/crypto')
    expect(packageOf('zod/v4')).toBe('zod')
    expect(packageOf('fs/promises')).toBeUndefined()
  })
})
