import { createCommand, describeError, EXIT } from '@penin/bootstrap-node'
import { printable } from '@penin/interface'
import type { Command } from 'commander'
import { ChildDiedError, DemoInterruptedError, UsageError } from '../errors.js'
import { renderTable } from '../table.js'
import { delivered, Demo, seconds, type DemoOptions, type DemoResult } from './run.js'
import type { Delivery } from './tally.js'
import { DemoScreen, foundBy } from './watch.js'

/** More processes than this are a test of the machine, not of the network. */
const MAX_NODES = 100

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const HELP = `
Starts a bootstrap node and N nodes as processes of their own, on this machine's loopback only; shows who finds whom, by
which source; stops the bootstrap node for good; restarts one node, which has to find its way back without it; lets each
node send a message to each other one, and one of them a broadcast; stops all.

Examples:
  penin demo
  penin demo --nodes 20 --timeout 120
  penin demo --nodes 3 --json

Exit codes:
  0    the network has formed, the node has come back, and all messages were delivered
  1    it has not, in time, or a process died
  2    bad command line
  130  interrupted`

/** `penin demo`. @param done takes the exit code */
export function demoCommand(done: (code: number) => void, exit: (code: number) => void): Command {
  const command = createCommand('demo', 'Watch a network form on this machine')
    .option('--nodes <number>', 'Nodes beside the bootstrap node, 2 or more', '5')
    .option('--timeout <seconds>', 'Time for forming, for coming back, and for the messages', '60')
    .option('--keep', "Keep the folder with the nodes' data")
    .option('--json', 'Show progress on standard error, and one JSON object on standard output at the end')
    .addHelpText('after', HELP)
  return command.action(async () => {
    const flags = command.opts<{ nodes: string; timeout: string; keep?: boolean; json?: boolean }>()
    const options = {
      nodes: readNumber('--nodes', flags.nodes, 2, MAX_NODES),
      timeout: readNumber('--timeout', flags.timeout, 1, 3_600) * 1000,
      keep: flags.keep === true
    }
    done(await runDemo(options, flags.json === true, exit))
  })
}

function readNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new UsageError(`${flag}: got "${printable(text, 40)}", expected a whole number, ${least} to ${most}`)
  }
  return value
}

async function runDemo(options: DemoOptions, json: boolean, exit: (code: number) => void): Promise<number> {
  const interruption = new AbortController()
  const screen = new DemoScreen(json ? process.stderr : process.stdout)
  const demo = new Demo(options, { watcher: screen, signal: interruption.signal })
  const onSignal = (signal: NodeJS.Signals): void => {
    if (interruption.signal.aborted) {
      demo.kill()
      exit(130)
    }
    interruption.abort(new DemoInterruptedError(signal))
  }
  const onExit = (): void => {
    demo.kill() // whatever happens, no process is left behind
  }
  SIGNALS.forEach((signal) => process.on(signal, onSignal))
  process.on('exit', onExit)
  try {
    const result = await demo.run()
    screen.close()
    if (!json) {
      process.stdout.write(`\n${summary(result)}\n`)
    }
    return EXIT.ok
  } catch (error) {
    screen.close()
    complain(error)
    return error instanceof DemoInterruptedError ? 130 : EXIT.unexpected
  } finally {
    SIGNALS.forEach((signal) => process.off(signal, onSignal))
    process.off('exit', onExit)
    if (options.keep && demo.folder != null) {
      process.stderr.write(`the nodes' data is in ${demo.folder}\n`)
    }
    if (json) {
      process.stdout.write(`${JSON.stringify(demo.result)}\n`)
    }
  }
}

function complain(error: unknown): void {
  process.stderr.write(`penin: ${describeError(error)}\n`)
  if (error instanceof ChildDiedError) {
    error.lines.forEach((line) => process.stderr.write(`  ${printable(line, 500)}\n`))
  }
}

/** The end of a demo for people. */
export function summary({ nodes, formedMs, rejoinedMs, messages, broadcast }: DemoResult): string {
  const rows = nodes.map((node, index) => [
    `node-${index + 1}`,
    node.addresses[0] ?? '-',
    String(node.connections),
    foundBy(node.discoveredBy)
  ])
  const columns = [
    { title: 'NODE' },
    { title: 'ADDRESS' },
    { title: 'CONNECTIONS', align: 'right' as const },
    { title: 'FOUND BY' }
  ]
  return [
    ...renderTable(columns, rows),
    '',
    `formed in ${formedMs == null ? '-' : seconds(formedMs)}; came back without the bootstrap node in ${rejoinedMs == null ? '-' : seconds(rejoinedMs)}`,
    `messages delivered: ${shown(messages)}`,
    `broadcast delivered: ${shown(broadcast)}`
  ].join('\n')
}

function shown(delivery: Delivery | null): string {
  if (delivery == null) {
    return '-'
  }
  const { p50Ms, p99Ms } = delivery
  return p50Ms == null ? delivered(delivery) : `${delivered(delivery)}, p50 ${p50Ms} ms, p99 ${p99Ms ?? '-'} ms`
}
