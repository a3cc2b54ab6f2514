#!/usr/bin/env node
// Runs the scenarios of the network lab (e2e/lab) and shows what happened on each host. See --help.
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'

const help = `usage: pnpm lab [NAME…] [--fast] [--quiet]

Runs the network lab's scenarios, all of them, or those whose name contains NAME (words in any order of one name).

  --fast    leave out the scenarios of a minute and more
  --quiet   no timeline of passed scenarios

A failed scenario leaves its timeline, the nodes' logs and the packets of each switch in e2e/lab-failures/.
The lab needs Linux namespaces and the Debian packages that CONTRIBUTING.md names; without them it says what is missing.`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    fast: { type: 'boolean' },
    quiet: { type: 'boolean' }
  }
})

if (values.help) {
  console.log(help)
  process.exit(0)
}

const pattern = positionals.map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')
const args = ['run', '--project', 'lab', ...(pattern === '' ? [] : ['-t', pattern])]
const child = spawn('vitest', args, {
  stdio: 'inherit',
  env: {
    ...process.env,
    PENIN_LAB: values.fast ? 'fast' : 'all',
    PENIN_LAB_TIMELINE: values.quiet ? '0' : '1'
  }
})
child.on('exit', (code, signal) => {
  process.exit(code ?? (signal == null ? 1 : 130))
})
