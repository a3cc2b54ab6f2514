/** The program of the demo's nodes: `penin start --json`, and what the demo asks it to say to others. */
import {
  addNodeFlags,
  createCommand,
  EXIT,
  Log,
  logStart,
  readNodeFlags,
  reportUsage,
  runDaemon,
  startManagedNode,
  type NodeFlags
} from '@penin/bootstrap-node'
import { Talker } from '../demo/talker.js'

/** None: the demo's nodes are asked over their channel. */
const ADMIN = 'off'

async function run(flags: NodeFlags): Promise<number> {
  const log = new Log({
    write: (line) => process.stdout.write(`${line}\n`),
    json: flags.json,
    level: flags.level,
    colour: false
  })
  return runDaemon({
    program: 'penin',
    log,
    exit: (code) => process.exit(code),
    process,
    start: async (signal) => {
      const talker = new Talker((event) => {
        if (process.connected) {
          process.send?.(event)
        }
      })
      const running = await startManagedNode({ ...flags.options, handlers: talker.handlers, signal })
      talker.attach(running.node)
      process.on('message', talker.onOrder)
      logStart(log, running)
      return {
        stop: async () => {
          process.off('message', talker.onOrder) // it keeps the channel, and with it the process, alive
          await running.stop()
        }
      }
    }
  })
}

const command = addNodeFlags(createCommand('demo-node', 'A node of the demo'), { admin: ADMIN })
let code: number = EXIT.ok
command.action(async () => {
  code = await run(readNodeFlags(command.opts(), ADMIN, process.env))
})
try {
  await command.parseAsync(process.argv.slice(2), { from: 'user' })
  process.exitCode = code
} catch (error) {
  process.exitCode = reportUsage('penin', error, process.argv.slice(2))
}
