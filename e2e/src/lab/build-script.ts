import type {
  CableDescription,
  HostDescription,
  NetworkDescription,
  PortDescription,
  RouterDescription
} from './description.js'

/** A cable that a userspace process has to carry: the namespace it lives in, its two ends, and what it does. */
export interface CablePlan {
  namespace: string
  ends: [string, string]
  cable: CableDescription
}

/** How a network is built: a shell script for iproute2 and friends, and the cables to start afterwards. */
export interface BuildPlan {
  script: string
  cables: CablePlan[]
  /** The switch's interface that a host's port is plugged into, by `host/eth0`. */
  plugs: Map<string, { switch: string; port: string }>
}

/**
 * Turns a description into commands. Pure.
 *
 * Each switch is a bridge in a namespace of its own, each host and router a namespace, each port a veth pair between
 * them; a cable with delay, jitter or loss is a namespace more in the middle, since the kernels this runs on have no netem.
 */
export function planBuild(network: NetworkDescription): BuildPlan {
  const plan: BuildPlan = { script: '', cables: [], plugs: new Map() }
  const lines: string[] = ['set -e']
  for (const name of network.switches) {
    lines.push(
      ...namespace(name),
      `ip -n ${name} link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `ip -n ${name} link set br0 up`
    )
  }
  let count = 0
  const plug = (owner: string, nic: string, port: PortDescription): void => {
    lines.push(...plugIn(plan, owner, nic, port, count++))
  }
  for (const [name, host] of Object.entries(network.hosts)) {
    lines.push(...namespace(name))
    host.ports.forEach((port, index) => {
      plug(name, `eth${index}`, port)
    })
    lines.push(...defaultRoutes(name, host))
  }
  for (const [name, router] of Object.entries(network.routers ?? {})) {
    lines.push(...namespace(name))
    plug(name, 'lan', router.lan)
    plug(name, 'wan', router.wan)
    lines.push(...routerRules(name, router))
  }
  plan.script = lines.join('\n')
  return plan
}

/** Commands that plug one more port into a running network; {@link planBuild} uses them as well. */
export function plugIn(plan: BuildPlan, owner: string, nic: string, port: PortDescription, index: number): string[] {
  const far = `p${index}`
  plan.plugs.set(`${owner}/${nic}`, { switch: port.switch, port: far })
  const { delay = 0, jitter = 0, loss = 0 } = port.cable ?? {}
  const lines =
    delay === 0 && jitter === 0 && loss === 0
      ? [`ip link add ${nic} netns ${owner} type veth peer name ${far} netns ${port.switch}`]
      : throughCable(plan, owner, nic, port, far, index)
  lines.push(`ip -n ${port.switch} link set ${far} master br0 up`)
  // no duplicate address detection: it would leave addresses tentative for two seconds
  lines.push(
    `ip netns exec ${owner} sysctl -qw net.ipv6.conf.${nic}.accept_dad=0 net.ipv6.conf.${nic}.disable_ipv6=${port.noIpv6 === true ? 1 : 0}`
  )
  if (port.ipv4 != null) {
    lines.push(`ip -n ${owner} addr add ${port.ipv4} brd + dev ${nic}`)
  }
  if (port.ipv6 != null) {
    lines.push(`ip -n ${owner} addr add ${port.ipv6} dev ${nic} nodad`)
  }
  lines.push(`ip -n ${owner} link set ${nic} up`)
  if (port.cable?.rate != null) {
    const shape = `root tbf rate ${port.cable.rate} burst 32kbit latency 400ms`
    lines.push(`ip netns exec ${owner} tc qdisc add dev ${nic} ${shape}`)
    lines.push(`ip netns exec ${port.switch} tc qdisc add dev ${far} ${shape}`)
  }
  return lines
}

function throughCable(
  plan: BuildPlan,
  owner: string,
  nic: string,
  port: PortDescription,
  far: string,
  index: number
): string[] {
  const middle = `cable${index}`
  plan.cables.push({ namespace: middle, ends: ['near', 'far'], cable: port.cable ?? {} })
  const plainFrames = (space: string, name: string): string =>
    `ip netns exec ${space} ethtool -K ${name} tx off rx off tso off gso off gro off >/dev/null`
  return [
    ...namespace(middle),
    `ip netns exec ${middle} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1`,
    `ip link add ${nic} netns ${owner} type veth peer name near netns ${middle}`,
    `ip link add far netns ${middle} type veth peer name ${far} netns ${port.switch}`,
    plainFrames(owner, nic),
    plainFrames(middle, 'near'),
    plainFrames(middle, 'far'),
    plainFrames(port.switch, far),
    `ip -n ${middle} link set near up`,
    `ip -n ${middle} link set far up`
  ]
}

function namespace(name: string): string[] {
  return [`ip netns add ${name}`, `ip -n ${name} link set lo up`]
}

function defaultRoutes(name: string, { gateway = 'link', ports }: HostDescription): string[] {
  if (gateway === 'none') {
    return []
  }
  if (gateway !== 'link') {
    return [`ip -n ${name} route add default via ${gateway}`]
  }
  return ports.some((port) => port.ipv4 != null) ? [`ip -n ${name} route add default dev eth0`] : []
}

/** The router's own INPUT drop matters: an answer to a stray packet would spoil the mapping of a hole punch. */
function routerRules(name: string, { nat, wan, inside }: RouterDescription): string[] {
  const tables = (rule: string): string => `ip netns exec ${name} iptables ${rule}`
  const forward = `ip netns exec ${name} sysctl -qw net.ipv4.ip_forward=1`
  const outside = wan.ipv4.split('/')[0] ?? ''
  if (nat === 'none') {
    return [forward]
  }
  const translation = {
    'port-restricted': ['-t nat -A POSTROUTING -o wan -j MASQUERADE'],
    symmetric: [
      '-t nat -A POSTROUTING -o wan -p udp -j MASQUERADE --random-fully',
      '-t nat -A POSTROUTING -o wan -p tcp -j MASQUERADE --random-fully',
      '-t nat -A POSTROUTING -o wan -j MASQUERADE'
    ],
    'full-cone': [
      `-t nat -A POSTROUTING -o wan -j SNAT --to-source ${outside}`,
      `-t nat -A PREROUTING -i wan -p udp --dport 1024: -j DNAT --to-destination ${inside ?? ''}`,
      `-t nat -A PREROUTING -i wan -p tcp --dport 1024: -j DNAT --to-destination ${inside ?? ''}`
    ]
  }[nat]
  return [
    forward,
    ...translation.map(tables),
    tables('-P FORWARD DROP'),
    tables('-A FORWARD -i lan -o wan -j ACCEPT'),
    tables('-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT'),
    ...(nat === 'full-cone' ? [tables('-A FORWARD -i wan -o lan -m conntrack --ctstate DNAT -j ACCEPT')] : []),
    tables('-A INPUT -i wan -m conntrack --ctstate NEW -j DROP')
  ]
}
