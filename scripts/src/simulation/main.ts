import { readFileSync, writeFileSync } from 'node:fs'
import { parseArguments, type Command } from './arguments.js'
import { eclipseTable, threatModel, withEclipseTable, BEGIN, END } from './eclipse/document.js'
import { defenceSets, eclipseRows, FULL_SIZE } from './eclipse/table.js'
import { ATTACKERS, SHARES } from './eclipse/scenario.js'
import { formatOverlay, NODES, PENIN, simulateOverlay } from './overlay/overlay.js'
import { Progress } from './progress.js'

const usage = `Usage: pnpm simulate overlay [--json] [--seed N]
       pnpm simulate eclipse [--json] [--seed N] [--write | --check]

Simulates with this project's own address book and peer selection. The same seed gives the same numbers.

  overlay   a network of 5,000 nodes, beside random graphs and Cyclon; about two minutes
  eclipse   how often an attacker gets all outbound connections of a node that restarts; about five minutes

  --json    the figures as JSON
  --seed N  other chances than usual
  --write   eclipse: writes the table into docs/THREAT_MODEL.md
  --check   eclipse: exit with 1 if the table there is another one
  --help    this

Exit codes: 0 done, 1 the table of the document is out of date or has no place, 2 wrong arguments.
`

function main(): number {
  const command = parseArguments(process.argv.slice(2))
  switch (command.action) {
    case 'help':
      process.stdout.write(usage)
      return 0
    case 'reject':
      process.stderr.write(`${command.problem}\n\n${usage}`)
      return 2
    case 'overlay':
      return overlay(command)
    case 'eclipse':
      return eclipse(command)
  }
}

function overlay({ seed, json }: Extract<Command, { action: 'overlay' }>): number {
  const progress = new Progress()
  const report = simulateOverlay({ nodes: NODES, ...PENIN }, seed, (what, done, of) => {
    progress.show(what, done, of)
  })
  progress.clear()
  process.stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : formatOverlay(report))
  return 0
}

function eclipse({ seed, json, document }: Extract<Command, { action: 'eclipse' }>): number {
  const progress = new Progress()
  const cells = SHARES.length + defenceSets().length * ATTACKERS.length
  let done = 0
  const rows = eclipseRows(FULL_SIZE, seed, () => {
    progress.show('eclipse', done++, cells)
  })
  progress.clear()
  const table = eclipseTable(rows)
  if (document === 'leave') {
    process.stdout.write(json ? `${JSON.stringify({ seed, rows }, undefined, 2)}\n` : `${table}\n`)
    return 0
  }
  return keepDocument(table, document)
}

function keepDocument(table: string, document: 'write' | 'check'): number {
  const before = readFileSync(threatModel, 'utf8')
  const after = withEclipseTable(before, table)
  if (after === undefined) {
    process.stderr.write(`docs/THREAT_MODEL.md: ${BEGIN} and ${END} must stand in it once each, in this order\n`)
    return 1
  }
  if (after === before) {
    process.stdout.write('docs/THREAT_MODEL.md: the eclipse table is up to date\n')
    return 0
  }
  if (document === 'check') {
    const command = 'npx -y pnpm@12 run simulate eclipse --write'
    process.stderr.write(`docs/THREAT_MODEL.md: the eclipse table is out of date; run: ${command}\n`)
    return 1
  }
  writeFileSync(threatModel, after)
  process.stdout.write('docs/THREAT_MODEL.md: the eclipse table was renewed\n')
  return 0
}

process.exitCode = main()
