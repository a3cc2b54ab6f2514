import { ADMIN_TOKEN_VARIABLE, createCommand } from '@penin/bootstrap-node'
import { systemClock } from '@penin/interface'
import { resolveConfig } from '@penin/node'
import type { Command } from 'commander'
import { AdminClient, findAdmin } from './admin-client.js'
import type { Rendering } from './ask.js'
import { DATA_DIR } from './start.js'

const EXIT_CODES = `Exit codes:
  0  done
  1  the node could not do it
  2  bad command line
  5  no node is running there`

/** A command that asks a running node, with the flags that all of them have. */
export function ask(name: string, description: string, examples: readonly string[]): Command {
  return createCommand(name, description)
    .option('--data-dir <path>', `Data directory of the node (default: ${DATA_DIR}; env: PENIN_DATA_DIR)`)
    .option('--admin <url>', "The node's admin endpoint, instead of the one that its data directory names")
    .option('--token <token>', `Token of that endpoint; better given as env: ${ADMIN_TOKEN_VARIABLE}`)
    .option('--json', 'Write JSON')
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}\n\n${EXIT_CODES}`)
}

/** The node that the command's flags name. */
export async function client(command: Command): Promise<AdminClient> {
  const flags = command.opts<{ dataDir?: string }>()
  const dataDir = flags.dataDir ?? resolveConfig().config.dataDir ?? DATA_DIR
  return new AdminClient(await findAdmin(flags, dataDir))
}

/** Writes an answer, as JSON or for a person. */
export function print(command: Command, value: unknown, text: () => string): void {
  const { json } = command.opts<{ json?: boolean }>()
  process.stdout.write(`${json === true ? JSON.stringify(value) : text()}\n`)
}

/** How tables are to look where standard output goes. */
export function rendering(): Rendering {
  const { isTTY, columns } = process.stdout
  return { now: systemClock.now(), fullIds: !isTTY, ...(isTTY ? { width: columns } : {}) }
}
