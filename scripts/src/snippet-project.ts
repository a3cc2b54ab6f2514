import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { extractSnippets, snippetModule } from './snippets.js'
import type { Snippet } from './snippets.js'
import { root, workspacePackages } from './workspace.js'

/** How a child process ended; `output` is what it wrote, both streams. */
export interface Outcome {
  code: number
  output: string
}

/** How long a snippet may run, in milliseconds: a reader would have given up by then. */
export const RUN_LIMIT_MS = 30_000

/** tsc over all snippets takes seconds; this only ends a hang. */
const TYPE_CHECK_LIMIT_MS = 120_000

/** Every TypeScript snippet of the root README and of the READMEs of the packages. */
export function readmeSnippets(): Snippet[] {
  const folders = ['', ...workspacePackages().map(({ dir }) => `packages/${dir.slice(dir.lastIndexOf('/') + 1)}/`)]
  return folders
    .map((folder) => `${folder}README.md`)
    .filter((file) => existsSync(join(root, file)))
    .flatMap((file) => extractSnippets(file, readFileSync(join(root, file), 'utf8')))
}

/**
 * A throw-away project that holds `snippets` as modules and sees every workspace package as a user would: by name,
 * through its manifest, as built.
 */
export class SnippetProject {
  constructor(
    readonly dir: string,
    readonly snippets: readonly Snippet[]
  ) {
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify(tsconfig(this.snippets)))
    for (const snippet of snippets) {
      const { name, text } = snippetModule(snippet)
      writeFileSync(join(dir, name), text)
    }
    linkPackages(join(dir, 'node_modules'))
  }

  /** Type-checks all snippets together and compiles them for {@link run}. */
  async compile(): Promise<Outcome> {
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
    return await spawned([tsc, '-p', this.dir], this.dir, TYPE_CHECK_LIMIT_MS)
  }

  /** Runs a compiled snippet as a program of its own in an empty folder, off the real network. */
  async run(snippet: Snippet): Promise<Outcome> {
    const cwd = mkdtempSync(join(tmpdir(), 'penin-snippet-'))
    try {
      const script = join(this.dir, 'out', snippetModule(snippet).name.replace(/\.ts$/, '.js'))
      return await spawned([script], cwd, RUN_LIMIT_MS)
    } finally {
      rmSync(cwd, { recursive: true, force: true })
    }
  }
}

function tsconfig(snippets: readonly Snippet[]): object {
  return {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      composite: false,
      incremental: false,
      declaration: false,
      declarationMap: false,
      sourceMap: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
      moduleDetection: 'force',
      typeRoots: [join(root, 'node_modules/@types')],
      rootDir: '.',
      outDir: 'out'
    },
    files: snippets.map((snippet) => snippetModule(snippet).name)
  }
}

/** Links every workspace package, and what those depend on, into `modules`. */
function linkPackages(modules: string): void {
  for (const { dir, manifest } of workspacePackages()) {
    link(modules, manifest.name, dir)
    for (const name of installed(join(dir, 'node_modules'))) link(modules, name, join(dir, 'node_modules', name))
  }
}

function installed(modules: string): string[] {
  if (!existsSync(modules)) return []
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.') && name !== '@penin')
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((sub) => `${name}/${sub}`) : [name]
    )
}

function link(modules: string, name: string, target: string): void {
  const path = join(modules, name)
  if (existsSync(path)) return
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path, 'dir')
}

async function spawned(args: string[], cwd: string, limit: number): Promise<Outcome> {
  const env = { ...process.env, PENIN_MDNS_INTERFACES: '127.0.0.1', PENIN_LISTEN: '/ip4/127.0.0.1/tcp/0' }
  return await new Promise((resolve) => {
    const options = { cwd, env, timeout: limit, killSignal: 'SIGKILL', maxBuffer: 16 * 2 ** 20 } as const
    const child = execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const late = error?.killed === true ? `\nstill running after ${limit} ms\n` : ''
      const code = typeof error?.code === 'number' ? error.code : error === null ? 0 : 1
      resolve({ code, output: `${stdout}${stderr}${late}` })
    })
    child.stdin?.end()
  })
}
