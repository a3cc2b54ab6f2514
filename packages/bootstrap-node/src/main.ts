import { resolve } from 'node:path'
import { printable } from '@penin/interface'
import { BOOTSTRAP_DEFAULTS } from './bootstrap-node.js'
import { addNodeFlags, createCommand, isHelp, readNodeFlags, versionText, type NodeFlags } from './command.js'
import { runDaemon } from './daemon.js'
import { describeError, EXIT_CODES_HELP, exitCodeOf } from './exit-codes.js'
import { Log } from './log.js'
import { startManagedNode, type ManagedNode } from './managed-node.js'

const PROGRAM = 'penin-bootstrap'

/** Where `penin-bootstrap` listens for its operator. 9090 is where monitoring usually asks. */
const ADMIN = '127.0.0.1:9090'

const DEFAULTS = {
  ...BOOTSTRAP_DEFAULTS,
  listen: [...BOOTSTRAP_DEFAULTS.listen],
  dataDir: './.penin-bootstrap'
}

const HELP = `
A node that others find a network through. It keeps its identity in its data directory; tell others its address,
which it prints when it has started.

Examples:
  penin-bootstrap
  penin-bootstrap --data-dir /var/lib/penin --announce /dns4/boot.example.org/tcp/4001
  penin-bootstrap --network-id acme --bootstrap boot2.example.org:4001 --json
  PENIN_ADMIN_TOKEN=… penin-bootstrap --admin 0.0.0.0:9090

Signals: SIGTERM and SIGINT stop it; SIGHUP rereads the bootstrap list from the configuration file.

${EXIT_CODES_HELP}`

/**
 * Runs `penin-bootstrap` and returns its exit code.
 *
 * @param args the command line without program and script
 * @param exit ends the process at once
 */
export async function main(args: readonly string[], exit: (code: number) => void): Promise<number> {
  let flags: NodeFlags
  try {
    const parsed = readCommandLine(args)
    if (parsed == null) {
      return 0
    }
    flags = parsed
  } catch (error) {
    return reportUsage(PROGRAM, error, args)
  }
  const log = new Log({
    write: (line) => process.stdout.write(`${line}\n`),
    json: flags.json,
    level: flags.level,
    colour: process.stdout.isTTY && process.env['NO_COLOR'] == null
  })
  let running: ManagedNode | undefined
  return runDaemon({
    program: PROGRAM,
    log,
    exit,
    process,
    start: async (signal) => {
      running = await startManagedNode({ ...flags.options, signal }, DEFAULTS)
      logStart(log, running)
      return running
    },
    onHangUp: () => {
      if (running != null) {
        reload(log, running)
      }
    }
  })
}

/** Prints why a command line can't be used, in one line, and in JSON if that was asked for. Returns the exit code. */
export function reportUsage(program: string, error: unknown, args: readonly string[]): number {
  const code = exitCodeOf(error)
  if (args.includes('--json')) {
    const { name = 'Error' } = (error ?? {}) as Partial<Error>
    const log = new Log({ json: true, write: (line) => process.stdout.write(`${line}\n`) })
    log.write('error', 'error', { name, message: describeError(error) }, '')
  }
  process.stderr.write(`${program}: ${describeError(error)}\n`)
  return code
}

/** Says that a node has started, and logs what happens to it from now on. */
export function logStart(log: Log, { node, admin }: ManagedNode): void {
  const { dataDir } = node.config
  const addresses = node.addresses.map(String)
  const fields = {
    id: node.id.toString(),
    addresses,
    pid: process.pid,
    ...(dataDir == null ? {} : { dataDir: resolve(dataDir) }),
    ...(admin?.url == null ? {} : { admin: admin.url })
  }
  const where = admin?.url == null ? '' : `, admin endpoint ${admin.url}`
  log.write('info', 'started', fields, `started ${fields.id} in ${fields.dataDir ?? 'memory'}${where}`)
  if (!log.isJson) {
    addresses.forEach((address) => {
      log.write('info', 'started', {}, `listening on ${address}`)
    })
  }
  log.follow(node)
}

function readCommandLine(args: readonly string[]): NodeFlags | undefined {
  const command = createCommand(PROGRAM, 'Run a bootstrap node of a PENIN network')
    .version(versionText(PROGRAM), '-V, --version', 'Show the version')
    .addHelpText('after', HELP)
  addNodeFlags(command, { ...DEFAULTS, admin: ADMIN })
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    if (isHelp(error)) {
      return undefined
    }
    throw error
  }
  return readNodeFlags(command.opts(), ADMIN, process.env)
}

function reload(log: Log, running: ManagedNode): void {
  try {
    const { added, removed } = running.reload()
    const list = (entries: string[]): string => entries.map((entry) => printable(entry, 200)).join(', ')
    const parts = [
      ...(added.length > 0 ? [`added ${list(added)}`] : []),
      ...(removed.length > 0 ? [`removed ${list(removed)}`] : [])
    ]
    const text = parts.length === 0 ? 'nothing has changed' : parts.join('; ')
    log.write('info', 'reloaded', { added, removed }, `reread the bootstrap list: ${text}`)
  } catch (error) {
    const message = `the bootstrap list stays as it was: ${describeError(error)}`
    log.write('warn', 'warning', { message }, message)
  }
}
