import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { until } from '@penin/e2e'
import { lanOf, type Lab, type NatKind, type NetworkDescription } from '@penin/e2e/lab'
import { expect, scenario } from './scenario.js'

/** A UDP program on a host. */
class Udp {
  private constructor(
    private readonly program: ChildProcess,
    readonly lines: string[]
  ) {}

  static async open(lab: Lab, host: string, port: number): Promise<Udp> {
    const script = fileURLToPath(new URL('fixtures/udp.py', import.meta.url))
    const { program, lines } = lab.run(['python3', script, String(port)], host)
    await until(() => lines.includes('ready'), { ms: 10_000, what: 'no UDP program' })
    return new Udp(program, lines)
  }

  /** Resolves when it is on the wire. */
  async send(ip: string, port: number, text: string): Promise<void> {
    this.program.stdin?.write(`${ip} ${port} ${text}\n`)
    await until(() => this.lines.includes(`sent ${text}`), { ms: 10_000, what: `"${text}" was not sent`, interval: 10 })
  }

  async received(text: string): Promise<{ ip: string; port: number }> {
    const line = await until(() => this.lines.find((l) => l.startsWith('from') && l.endsWith(` ${text}`)), {
      ms: 5_000,
      what: `"${text}" did not arrive`
    })
    const [, ip = '', port = ''] = line.split(' ')
    return { ip, port: Number(port) }
  }
}

const natted = (nat: NatKind): NetworkDescription => ({
  switches: ['home', 'public'],
  hosts: {
    inside: { ports: [{ switch: 'home', ipv4: '192.168.1.10/24', noIpv6: true }], gateway: '192.168.1.1' },
    s1: { ports: [{ switch: 'public', ipv4: '45.45.45.5/24', noIpv6: true }] },
    s2: { ports: [{ switch: 'public', ipv4: '45.45.45.6/24', noIpv6: true }] }
  },
  routers: {
    r: {
      lan: { switch: 'home', ipv4: '192.168.1.1/24', noIpv6: true },
      wan: { switch: 'public', ipv4: '45.45.45.11/24', noIpv6: true },
      nat,
      inside: '192.168.1.10'
    }
  }
})

const kinds: Array<{ nat: NatKind; samePort: boolean; open: boolean }> = [
  { nat: 'port-restricted', samePort: true, open: false },
  { nat: 'symmetric', samePort: false, open: false },
  { nat: 'full-cone', samePort: true, open: true }
]

for (const { nat, samePort, open } of kinds) {
  scenario(`a ${nat} NAT maps and filters as one`, natted(nat), async (lab) => {
    const inside = await Udp.open(lab, 'inside', 45_000)
    const [s1, s2] = [await Udp.open(lab, 's1', 7_000), await Udp.open(lab, 's2', 7_000)]
    await inside.send('45.45.45.5', 7_000, 'to-s1')
    const seen1 = await s1.received('to-s1')
    expect(seen1.ip).toBe('45.45.45.11')
    await s2.send('45.45.45.11', seen1.port, 'uninvited')
    await s1.send('45.45.45.11', seen1.port, 'invited')
    await inside.received('invited')
    expect(inside.lines.some((line) => line.endsWith('uninvited'))).toBe(open)

    await inside.send('45.45.45.6', 7_000, 'to-s2')
    const seen2 = await s2.received('to-s2')
    expect(seen1.port === seen2.port).toBe(samePort)

    await lab.faults.rebootNat('r')
    if (!open) {
      await s1.send('45.45.45.11', seen1.port, 'forgotten')
      await inside.send('45.45.45.5', 7_000, 'again') // arrives after the other would have
      await s1.received('again')
      expect(inside.lines.some((line) => line.endsWith('forgotten'))).toBe(false)
    }
  })
}

scenario(
  'a plug that is pulled lets nothing through until it is put back, and a split only within its halves',
  lanOf(3),
  async (lab) => {
    const reaches = async (from: string, to: string): Promise<boolean> =>
      lab.sandbox
        .sh(`ping -c3 -i0.2 -W1 ${to} >/dev/null && echo yes || echo no`, from)
        .then((answer) => answer.trim() === 'yes')
    await lab.faults.cut('h2')
    expect(await reaches('h1', '10.77.0.2')).toBe(false)
    await lab.faults.plugBack('h2')
    expect(await reaches('h1', '10.77.0.2')).toBe(true)
    await lab.faults.split(['h1'], ['h2', 'h3'])
    expect([await reaches('h1', '10.77.0.2'), await reaches('h2', '10.77.0.3')]).toEqual([false, true])
    await lab.faults.heal()
    expect(await reaches('h1', '10.77.0.2')).toBe(true)
    const seen = await lab.packets('lan', 'icmp[icmptype] == icmp-echoreply')
    expect(seen.some((line) => line.includes('10.77.0.2 > 10.77.0.1'))).toBe(true) // the capture that a failure leaves
  }
)

scenario('a link of 1 Mbit/s carries no more', lanOf(2, { cable: { rate: '1mbit' } }), async (lab) => {
  const program = fileURLToPath(new URL('fixtures/tcp.py', import.meta.url))
  const { lines } = lab.run(['python3', program, 'receive', '7000'], 'h2')
  await until(() => lines.includes('ready'), { ms: 10_000, what: 'no receiver' })
  const begin = performance.now()
  lab.run(['python3', program, 'send', '10.77.0.2', '7000', '250000'], 'h1')
  await until(() => lines.includes('got 250000'), { ms: 30_000, what: 'not all arrived' })
  expect(performance.now() - begin).toBeGreaterThan(1_000) // 2 Mbit at 1 Mbit/s, less the burst: nothing can be faster
})

scenario(
  'a cable with delay, jitter and loss does what it says',
  lanOf(2, { cable: { delay: 10, jitter: 1, loss: 0.2 } }),
  async (lab) => {
    const output = await lab.sandbox.sh('ping -c 100 -i 0.02 -W1 10.77.0.2 || true', 'h1')
    const fastest = Number(/= ([\d.]+)\//.exec(output)?.[1])
    const lost = Number(/([\d.]+)% packet loss/.exec(output)?.[1])
    expect(fastest).toBeGreaterThanOrEqual(36) // two cables, both ways: 40 ms, less four times the jitter
    expect(lost).toBeGreaterThan(30) // four chances of 20 % to be lost make 59 %
    expect(lost).toBeLessThan(85)
  }
)

scenario('a clock that jumps wakes the node up', lanOf(1), async (lab) => {
  const node = await lab.startOn('h1')
  await lab.faults.jumpClock(node, 3_600_000)
  expect((await node.event('wake-up')).detail).toEqual({ reason: 'clock-jump' })
})
