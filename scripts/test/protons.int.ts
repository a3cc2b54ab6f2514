import { execFile } from 'node:child_process'
import { copyFileSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { root } from '../src/workspace.js'

const protos = globSync('packages/*/src/pb/*.proto', { cwd: root }).map((path) => join(root, path))

it.for(protos.map((path) => [relative(root, path), path] as const))(
  'the code checked in for %s is what `pnpm protons` makes of it',
  async ([_name, path]) => {
    const dir = mkdtempSync(join(tmpdir(), 'penin-protons-'))
    try {
      const copy = join(dir, basename(path))
      copyFileSync(path, copy)
      await promisify(execFile)(join(root, 'node_modules/.bin/protons'), [copy], { cwd: dir })
      const code = (proto: string): string => readFileSync(proto.replace(/\.proto$/, '.ts'), 'utf8')
      expect(code(path)).toBe(code(copy))
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }
)
