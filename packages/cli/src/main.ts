import { createCommand, EXIT, isHelp, reportUsage, versionText } from '@penin/bootstrap-node'
import { CommanderError, type Command } from 'commander'
import { askCommands } from './ask-commands.js'
import { completionCommand } from './completion.js'
import { demoCommand } from './demo/command.js'
import { startCommand } from './start.js'

const HELP = `
Examples:
  penin start                      run a node, and watch its peers
  penin peers                      ask the node that runs in this folder
  penin explain 7xKwQb2p           why that peer is or is not connected
  penin demo                       watch a network form on this machine

Exit codes:
  0  done, or stopped as asked
  1  unexpected error, or the node could not do it
  2  bad command line or configuration
  3  data directory in use by another process, damaged, or not writable
  4  cannot listen on an address
  5  no node is running there`

/**
 * Runs `penin` and returns its exit code. Never rejects.
 *
 * @param args the command line without program and script
 * @param exit ends the process at once
 */
export async function main(args: readonly string[], exit: (code: number) => void): Promise<number> {
  let code: number = EXIT.ok
  const program = createProgram((result) => {
    code = result
  }, exit)
  try {
    await program.parseAsync(withoutSeparator(args), { from: 'user' })
    return code
  } catch (error) {
    if (isHelp(error)) {
      return EXIT.ok
    }
    return reportUsage('penin', readable(error), args)
  }
}

/** The `penin` command with all that belongs to it. */
export function createProgram(done: (code: number) => void, exit: (code: number) => void): Command {
  const program = createCommand('penin', 'A node of a PENIN network: run it, watch it, ask it')
    .version(versionText('penin'), '-V, --version', 'Show the version')
    .addHelpText('after', HELP)
    .helpCommand(false)
  for (const command of [startCommand(done, exit), ...askCommands(), demoCommand(done, exit)]) {
    program.addCommand(command)
  }
  return program.addCommand(completionCommand(program))
}

/** `pnpm start -- --json` hands the `--` on; nobody means it. */
function withoutSeparator(args: readonly string[]): string[] {
  return args[1] === '--' ? [args[0] ?? '', ...args.slice(2)] : [...args]
}

/** Without any command commander wants to print the whole help as an error; one line says it as well. */
function readable(error: unknown): unknown {
  if (error instanceof CommanderError && error.code === 'commander.help') {
    return new CommanderError(EXIT.usage, error.code, 'no command given; penin --help lists them')
  }
  return error
}
