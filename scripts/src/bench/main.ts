import { constants } from 'node:os'
import { parseArguments, type Command } from './arguments.js'
import type { Bench, Row, RowSpec } from './bench.js'
import { Lab } from './lab.js'
import { Progress } from './progress.js'
import { createReport, whyNotWritable, writeReport } from './report.js'
import { benches } from './rows/index.js'
import { runBench } from './runner.js'
import { barText, formatTable } from './table.js'

const usage = `Usage: pnpm bench [name…] [--rounds N] [--json FILE] [--check]

Measures PENIN's createNode() against plain libp2p, in turns, in one run, and parts that libp2p does not have by
themselves. Without a name: all that does not take minutes by itself.

  --rounds N   measure each side N times; each bench has its own default
  --json FILE  write the result there as well
  --check      exit with 1 if a bar is missed
  --list       the names, and what they measure
  --help       this

Exit codes: 0 measured, 1 something could not be measured or (--check) a bar was missed, 2 wrong arguments.
docs/BENCHMARKS.md says how to read the numbers.
`

type RunCommand = Extract<Command, { action: 'run' }>

async function main(): Promise<number> {
  const command = parseArguments(
    process.argv.slice(2),
    rowNames(() => true),
    rowNames(({ long }) => long !== true)
  )
  switch (command.action) {
    case 'help':
      process.stdout.write(usage)
      return 0
    case 'list':
      process.stdout.write(list())
      return 0
    case 'reject':
      process.stderr.write(`${command.problem}\n${command.showNames ? `\n${list()}` : `\n${usage}`}`)
      return 2
    case 'run': {
      const problem = command.json === undefined ? undefined : whyNotWritable(command.json)
      if (problem === undefined) return await run(command)
      process.stderr.write(`--json: ${problem}\n`)
      return 2
    }
  }
}

function rowNames(isWanted: (bench: Bench) => boolean): string[] {
  return benches.filter(isWanted).flatMap(({ rows }) => rows.map(({ name }) => name))
}

function list(): string {
  const rows = benches.flatMap((bench) => bench.rows)
  const width = Math.max(...rows.map(({ name }) => name.length))
  return rows.map((row) => `${row.name.padEnd(width)}  ${row.what}${bar(row)}\n`).join('')
}

function bar({ atMost, limit, unit }: RowSpec): string {
  if (limit !== undefined) return `; bar: ${barText({ atMost: limit, unit })}`
  return atMost === undefined ? '' : `; bar: ratio ${barText({ atMost })}`
}

async function run(command: RunCommand): Promise<number> {
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      interrupt.abort(name)
    })
  }
  const { rows, failed } = await measureAll(command, interrupt.signal)
  if (interrupt.signal.aborted) {
    return 128 + constants.signals[interrupt.signal.reason as 'SIGINT' | 'SIGTERM']
  }
  if (rows.length > 0) process.stdout.write(formatTable(rows))
  if (command.json !== undefined) writeReport(command.json, createReport(rows))
  const missed = command.check ? rows.filter(({ bar }) => bar?.met === false) : []
  for (const row of missed) {
    const found =
      row.against === undefined ? `it is ${row.value.toPrecision(3)}` : `the ratio is ${row.ratio.toFixed(3)}`
    process.stderr.write(`${row.name}: ${found}, the bar ${row.bar === undefined ? '' : barText(row.bar)}\n`)
  }
  return failed || missed.length > 0 ? 1 : 0
}

/** One bench that fails doesn't take the numbers of the others with it. */
async function measureAll(command: RunCommand, signal: AbortSignal): Promise<{ rows: Row[]; failed: boolean }> {
  const rows: Row[] = []
  const progress = new Progress()
  let failed = false
  for (const bench of benches) {
    const wanted = bench.rows.filter(({ name }) => command.names.includes(name))
    if (wanted.length === 0 || signal.aborted) continue
    try {
      rows.push(...(await measureOne({ ...bench, rows: wanted }, command.rounds ?? bench.rounds, progress, signal)))
    } catch (error) {
      progress.clear()
      failed = true
      if (!signal.aborted) process.stderr.write(`${wanted[0]?.name}: ${(error as Error).message}\n`)
    }
  }
  return { rows, failed }
}

async function measureOne(bench: Bench, rounds: number, progress: Progress, signal: AbortSignal): Promise<Row[]> {
  const rows = await runBench(bench, {
    rounds,
    measure: async (side) => {
      await using lab = new Lab(signal)
      return (await bench.measure?.(side, lab)) ?? {}
    },
    measureBoth:
      bench.measureBoth === undefined
        ? undefined
        : async () => {
            await using lab = new Lab(signal)
            return (await bench.measureBoth?.(lab)) ?? { ours: {}, theirs: {} }
          },
    onProgress: (at) => {
      progress.show(bench.rows, at)
    }
  })
  progress.end(bench.rows, rounds)
  return rows
}

process.exitCode = await main()
