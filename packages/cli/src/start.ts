import {
  addNodeFlags,
  createCommand,
  EXIT_CODES_HELP,
  Log,
  logStart,
  readNodeFlags,
  runDaemon,
  startManagedNode,
  type ManagedNode,
  type NodeFlags
} from '@penin/bootstrap-node'
import { systemClock, type Timer } from '@penin/interface'
import type { Command } from 'commander'
import { createLogUpdate } from 'log-update'
import { keepLatest, renderLive } from './live-view.js'

/** Where `penin start` keeps its data, and where the other commands look for it. */
export const DATA_DIR = './.penin'

/** A free port: several nodes on one machine are the normal case. The others find it through `admin.json`. */
const ADMIN = '127.0.0.1:0'

/** Every source of peers is on, the beacons as well: somebody who tries things out wants to see who is there. */
const DEFAULTS = { dataDir: DATA_DIR, discovery: { udpBroadcast: { enabled: true } } }

/** Milliseconds between two pictures of the peers. */
const REFRESH = 1_000

const HELP = `
Examples:
  penin start
  penin start --bootstrap boot.example.org:4001 --network-id acme
  penin start --listen /ip4/127.0.0.1/tcp/0 --no-mdns --no-udp --json

While it runs, penin peers, penin stats and penin explain ask it, from the same folder.

${EXIT_CODES_HELP}`

/** `penin start`. @param done takes the exit code */
export function startCommand(done: (code: number) => void, exit: (code: number) => void): Command {
  const command = createCommand('start', 'Run a node until Ctrl-C').addHelpText('after', HELP)
  const shown = { dataDir: DATA_DIR, 'discovery.udpBroadcast.enabled': true, admin: ADMIN }
  return addNodeFlags(command, shown).action(async () => {
    const flags = readNodeFlags(command.opts(), ADMIN, process.env)
    done(await run(flags, exit))
  })
}

async function run(flags: NodeFlags, exit: (code: number) => void): Promise<number> {
  const screen = process.stdout.isTTY && !flags.json ? new Screen() : undefined
  const log = new Log({
    write: (line) => {
      if (screen?.isOn === true) {
        screen.add(line)
      } else {
        process.stdout.write(`${line}\n`)
      }
    },
    json: flags.json,
    level: flags.level,
    colour: false
  })
  return runDaemon({
    program: 'penin',
    log,
    exit: (code) => {
      screen?.close()
      exit(code)
    },
    process,
    start: async (signal) => {
      const running = await startManagedNode({ ...flags.options, signal }, DEFAULTS)
      logStart(log, running)
      screen?.open(running)
      return running
    },
    onStopping: () => {
      screen?.close()
    }
  })
}

/** The picture of a node on a terminal, renewed in place. */
class Screen {
  readonly #update = createLogUpdate(process.stdout)
  #events: string[] = []
  #running: ManagedNode | undefined
  #timer?: Timer

  get isOn(): boolean {
    return this.#running != null
  }

  open(running: ManagedNode): void {
    this.#running = running
    this.#timer = systemClock.setInterval(this.#draw, REFRESH)
    process.stdout.on('resize', this.#draw)
    this.#draw()
  }

  add(line: string): void {
    this.#events = keepLatest(this.#events, line)
    this.#draw()
  }

  /** Leaves the last picture where it is and gives the cursor back. */
  close(): void {
    if (this.#running != null) {
      this.#timer?.clear()
      process.stdout.off('resize', this.#draw)
      this.#running = undefined
      this.#update.done()
    }
  }

  readonly #draw = (): void => {
    if (this.#running == null) {
      return
    }
    const { node, admin } = this.#running
    const columns = process.stdout.columns || 80 // 0 on a terminal that does not know its size
    const rows = process.stdout.rows || 24
    this.#update(
      renderLive(
        {
          stats: node.stats(),
          peers: node.peers.list({ connected: true }),
          events: this.#events,
          ...(admin?.url == null ? {} : { adminUrl: admin.url }),
          now: systemClock.now()
        },
        { columns, rows }
      )
    )
  }
}
