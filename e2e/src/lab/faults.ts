import type { NodeProcess } from '../node-process.js'
import type { BuildPlan } from './build-script.js'
import type { Sandbox } from './sandbox.js'
import type { Timeline } from './timeline.js'

/** What faults need of a lab. */
export interface FaultsLab {
  readonly sandbox: Sandbox
  readonly timeline: Timeline
  hostOf(node: NodeProcess): string
}

/** The bridge table in which splits and one-way cuts are rules. */
const TABLE = 'lab_cuts'

/** Things that go wrong in networks and machines, as calls. */
export class Faults {
  readonly #pulled = new Set<string>()
  #cuts: Array<{ switch: string; from: string[]; to: string[] }> = []

  constructor(
    private readonly lab: FaultsLab,
    private readonly plan: BuildPlan
  ) {}

  /** Pulls a host's plug. */
  async cut(host: string, nic = 'eth0'): Promise<void> {
    await this.#setPlug(host, nic, 'down')
    this.#pulled.add(`${host}/${nic}`)
    await this.#untilState([`${host} ${nic}`], 'DOWN')
  }

  /** Puts it back. */
  async plugBack(host: string, nic = 'eth0'): Promise<void> {
    this.#pulled.delete(`${host}/${nic}`)
    await this.#setPlug(host, nic, 'up')
    await this.settle()
  }

  /** Waits until every port is up: the kernel looks at carriers once a second only, and drops what is sent before. */
  async settle(): Promise<void> {
    const inserted = [...this.plan.plugs].filter(([owner]) => !this.#pulled.has(owner))
    const ports = inserted.flatMap(([owner, plug]) => {
      const [host = '', nic = ''] = owner.split('/')
      return [`${host} ${nic}`, `${plug.switch} ${plug.port}`]
    })
    await this.#untilState(ports, 'UP')
  }

  /** Nothing passes between the two groups of hosts any more, on any switch. */
  async split(left: string[], right: string[]): Promise<void> {
    await this.#addCuts(left, right)
    await this.#addCuts(right, left)
    this.lab.timeline.add('lab', `split ${left.join(',')} | ${right.join(',')}`)
  }

  /** What `from` sends does not reach `to` any more; the other way everything passes. */
  async cutOneWay(from: string[], to: string[]): Promise<void> {
    await this.#addCuts(from, to)
    this.lab.timeline.add('lab', `cut ${from.join(',')} -> ${to.join(',')}`)
  }

  /** Undoes every split and one-way cut. */
  async heal(): Promise<void> {
    const switches = new Set(this.#cuts.map((cut) => cut.switch))
    this.#cuts = []
    for (const name of switches) {
      await this.lab.sandbox.sh(`nft delete table bridge ${TABLE}`, name)
    }
    this.lab.timeline.add('lab', 'healed')
  }

  /** Stops a process in its tracks, as a laptop's sleep does: it neither runs nor answers, its sockets stay. */
  freeze(node: NodeProcess): void {
    node.signal('SIGSTOP')
    this.lab.timeline.add(node.name, 'frozen')
  }

  thaw(node: NodeProcess): void {
    node.signal('SIGCONT')
    this.lab.timeline.add(node.name, 'thawed')
  }

  /** Ends a process at once, without a word to anybody. */
  async kill(node: NodeProcess): Promise<void> {
    this.lab.timeline.add(node.name, 'killed')
    await node.kill()
  }

  /** Resets every TCP connection of a host. */
  async resetConnections(host: string): Promise<void> {
    await this.lab.sandbox.sh('ss -K -t state established >/dev/null', host)
    this.lab.timeline.add(host, 'all connections reset')
  }

  /** A NAT forgets its mappings, as after a power cut. */
  async rebootNat(router: string): Promise<void> {
    await this.lab.sandbox.sh('conntrack -F 2>/dev/null', router)
    this.lab.timeline.add(router, 'mappings flushed')
  }

  /** A host gets another IPv4 address, as on another Wi-Fi: connections from the old one hang. */
  async changeAddress(host: string, address: string, nic = 'eth0'): Promise<void> {
    const route = 'ip route show default | head -1'
    await this.lab.sandbox.sh(
      `old=$(${route}); ip addr flush dev ${nic} scope global; ip addr add ${address} brd + dev ${nic}; [ -z "$old" ] || ip route replace $old`,
      host
    )
    this.lab.timeline.add(host, `address is ${address} now`)
  }

  /** Makes a disk of its own at a path, which nodes started later see. @param size such as `8m` */
  async mountDisk(path: string, size: string): Promise<void> {
    await this.lab.sandbox.sh(`mkdir -p ${path} && mount -t tmpfs -o size=${size} tmpfs ${path}`)
  }

  /** Leaves no byte free on a disk that {@link mountDisk} has made. */
  async fillDisk(path: string): Promise<void> {
    const fill = (name: string, block: string): string =>
      `dd if=/dev/zero of=${path}/${name} bs=${block} 2>/dev/null || true`
    await this.lab.sandbox.sh(`${fill('ballast-1', '64k')}; ${fill('ballast-2', '1k')}`)
    this.lab.timeline.add('lab', `${path} is full`)
  }

  /** Gives the room back. */
  async freeDisk(path: string): Promise<void> {
    await this.lab.sandbox.sh(`rm -f ${path}/ballast-1 ${path}/ballast-2`)
    this.lab.timeline.add('lab', `${path} has room`)
  }

  /** A process gets `spare` more file descriptors and then no other; those it has stay open. */
  async exhaustDescriptors(node: NodeProcess, spare = 0): Promise<void> {
    const pid = String(node.pid)
    // the limit is on the number of a descriptor, not on their count, and new ones take the lowest free number
    const lowestFree = `n=0; while [ -e /proc/${pid}/fd/$n ]; do n=$((n + 1)); done`
    await this.lab.sandbox.sh(`${lowestFree}; prlimit --pid ${pid} --nofile=$((n + ${spare})):`)
    this.lab.timeline.add(node.name, 'out of file descriptors')
  }

  async restoreDescriptors(node: NodeProcess): Promise<void> {
    const pid = String(node.pid)
    await this.lab.sandbox.sh(
      `prlimit --pid ${pid} --nofile=$(prlimit --pid ${pid} --nofile --noheadings --output HARD):`
    )
    this.lab.timeline.add(node.name, 'file descriptors restored')
  }

  /** Moves a node's wall clock. */
  async jumpClock(node: NodeProcess, milliseconds: number): Promise<void> {
    await node.request('jumpClock', milliseconds)
    this.lab.timeline.add(node.name, `clock jumped by ${milliseconds} ms`)
  }

  /** Waits, at most 5 s each, until ports (`host nic`) are in a state. */
  async #untilState(ports: string[], state: 'UP' | 'DOWN'): Promise<void> {
    const reached = `ip -n "$1" -o link show dev "$2" | grep -Eq "state [A-Z]*${state} "`
    const wait = `wait_for() { n=0; until ${reached}; do n=$((n + 1)); [ $n -lt 100 ] || return 0; sleep 0.05; done; }`
    await this.lab.sandbox.sh([wait, ...ports.map((port) => `wait_for ${port}`)].join('\n'))
  }

  async #setPlug(host: string, nic: string, state: 'up' | 'down'): Promise<void> {
    const plug = this.plan.plugs.get(`${host}/${nic}`)
    await this.lab.sandbox.sh(`ip link set ${plug?.port ?? ''} ${state}`, plug?.switch)
    this.lab.timeline.add(host, `${nic} ${state}`)
  }

  async #addCuts(from: string[], to: string[]): Promise<void> {
    const switches = new Set([...this.plan.plugs.values()].map((plug) => plug.switch))
    for (const name of switches) {
      const cut = { switch: name, from: this.#portsOf(from, name), to: this.#portsOf(to, name) }
      if (cut.from.length > 0 && cut.to.length > 0) {
        this.#cuts.push(cut)
        await this.#apply(name)
      }
    }
  }

  #portsOf(hosts: string[], switchName: string): string[] {
    return [...this.plan.plugs].flatMap(([owner, plug]) =>
      plug.switch === switchName && hosts.includes(owner.split('/')[0] ?? '') ? [plug.port] : []
    )
  }

  /** One transaction: a table that is emptied and filled again, so that no packet slips through in between. */
  async #apply(name: string): Promise<void> {
    const set = (ports: string[]): string => `{ ${ports.map((port) => `"${port}"`).join(', ')} }`
    const rules = this.#cuts
      .filter((cut) => cut.switch === name)
      .map((cut) => `    iifname ${set(cut.from)} oifname ${set(cut.to)} drop`)
    const script = [
      `table bridge ${TABLE}`,
      `delete table bridge ${TABLE}`,
      `table bridge ${TABLE} {`,
      '  chain passing {',
      '    type filter hook forward priority 0; policy accept;',
      ...rules,
      '  }',
      '}'
    ].join('\n')
    await this.lab.sandbox.sh(`nft -f - <<'EOF'\n${script}\nEOF`, name)
  }
}
