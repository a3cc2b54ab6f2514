// Builds every package that is not up to date. A first build takes a while and tsc says nothing, so this says something.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** An up-to-date check is over by then, so a warm build stays silent. */
const PATIENCE_MS = 1200

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
const notice = setTimeout(() => {
  process.stderr.write('building… (up to a minute the first time)\n')
}, PATIENCE_MS)

const child = spawn(process.execPath, [tsc, '-b', 'tsconfig.json', 'scripts', ...process.argv.slice(2)], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit']
})
child.on('exit', (code, signal) => {
  clearTimeout(notice)
  if (code !== 0) process.stderr.write(`build failed (tsc -b: ${signal ?? `exit code ${code}`})\n`)
  process.exitCode = code ?? 1
})
