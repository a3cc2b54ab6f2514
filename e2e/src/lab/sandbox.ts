import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { promisify } from 'node:util'
import { PeninError } from '@penin/interface'

const run = promisify(execFile)

/** A command inside the lab failed. */
export class LabCommandError extends PeninError {
  static override readonly name = 'LabCommandError'

  constructor(
    readonly command: string,
    readonly output: string,
    options?: ErrorOptions
  ) {
    super(`lab: ${command.slice(0, 200)}: ${output.trim().slice(0, 500)}`, options)
  }
}

/** What a machine must have, with the Debian packages that bring it. */
const TOOLS: Record<string, string> = {
  ip: 'iproute2',
  tc: 'iproute2',
  ss: 'iproute2',
  nft: 'nftables',
  iptables: 'iptables',
  conntrack: 'conntrack',
  ethtool: 'ethtool',
  sysctl: 'procps',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  prlimit: 'util-linux',
  tcpdump: 'tcpdump',
  python3: 'python3'
}

/** Sbin is not on everybody's path. */
export const LAB_PATH = `/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin:${process.env['PATH'] ?? ''}`

const env = { ...process.env, PATH: LAB_PATH }

/** Namespaces of users, networks and mounts of our own, as root in them; without a user namespace where that is refused. */
const WAYS = [['-Urnm'], ['-nm']]

/** Why the lab can't run here; undefined if it can. */
export async function whyNoLab(): Promise<string | undefined> {
  const missing: string[] = []
  for (const [tool, name] of Object.entries(TOOLS)) {
    await run('sh', ['-c', `command -v ${tool}`], { env }).catch(() => missing.push(`${tool} (Debian package ${name})`))
  }
  if (missing.length > 0) {
    return `the network lab needs ${missing.join(', ')}`
  }
  for (const flags of WAYS) {
    try {
      await run('unshare', [...flags, 'true'], { env })
      return undefined
    } catch {
      // the next way
    }
  }
  return 'the network lab needs namespaces, and this system lets us make none (unshare -Urnm is refused)'
}

/**
 * The throw-away world in which a lab's network lives. It is one process in namespaces of its own; when that ends, which it
 * does when this program ends in whatever way, everything in them is gone.
 */
export class Sandbox implements AsyncDisposable {
  private constructor(
    private readonly anchor: ChildProcess,
    private readonly hasUserNamespace: boolean
  ) {}

  static async open(): Promise<Sandbox> {
    let problem = ''
    for (const flags of WAYS) {
      const script = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && echo ready && exec cat >/dev/null'
      const anchor = spawn('unshare', [...flags, 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'pipe'], env })
      const ready = await new Promise<boolean>((resolve) => {
        anchor.stdout.once('data', () => {
          resolve(true)
        })
        anchor.stderr.on('data', (chunk: Buffer) => (problem += chunk.toString()))
        anchor.once('error', (error) => {
          problem += error.message
          resolve(false)
        })
        anchor.once('exit', () => {
          resolve(false)
        })
      })
      if (ready) {
        anchor.unref()
        return new Sandbox(anchor, flags[0] === '-Urnm')
      }
    }
    throw new LabCommandError('unshare', problem)
  }

  /** The command line that runs `command` in the sandbox, on a host if one is named; the process id stays the same. */
  wrap(command: readonly string[], host?: string): string[] {
    const user = this.hasUserNamespace ? ['--user', '--preserve-credentials'] : []
    const enter = ['nsenter', '--target', String(this.anchor.pid), ...user, '--mount', '--net', '--']
    return [...enter, ...(host == null ? [] : ['ip', 'netns', 'exec', host]), ...command]
  }

  /** Runs a shell script in the sandbox, on a host if one is named, and returns its output. */
  async sh(script: string, host?: string): Promise<string> {
    const [command = '', ...args] = this.wrap(['sh', '-c', script], host)
    try {
      const { stdout } = await run(command, args, { env, maxBuffer: 16 << 20 })
      return stdout
    } catch (error) {
      const { stderr = '', message } = error as Error & { stderr?: string }
      throw new LabCommandError(script, stderr === '' ? message : stderr, { cause: error })
    }
  }

  /** Starts a long-running program in the sandbox. It ends by itself when its standard input is closed, or is killed. */
  spawn(command: readonly string[], host?: string): ChildProcess {
    const [file = '', ...args] = this.wrap(command, host)
    return spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.anchor.exitCode == null && this.anchor.signalCode == null) {
      const gone = new Promise<void>((resolve) => {
        this.anchor.once('exit', () => {
          resolve()
        })
      })
      this.anchor.ref()
      this.anchor.stdin?.end()
      this.anchor.kill('SIGKILL')
      await gone
    }
  }
}
