/** What a cable does to what passes through it, each way. Absent means a perfect cable. */
export interface CableDescription {
  /** Milliseconds each way. */
  delay?: number
  /** Milliseconds by which the delay varies, up and down; order is kept. */
  jitter?: number
  /** Share of frames lost each way, 0 to 1. */
  loss?: number
  /** Bits per second each way, such as `8mbit`, in the syntax of tc. */
  rate?: string
}

/** One end of a cable: which switch it is plugged into, and the addresses it has there. */
export interface PortDescription {
  switch: string
  /** With prefix length, such as `10.77.0.1/24`. */
  ipv4?: string
  /** With prefix length, such as `fd77::1/64`. A link-local address is there in any case, unless `noIpv6`. */
  ipv6?: string
  /** No IPv6 at all on this port, not even link-local. */
  noIpv6?: boolean
  cable?: CableDescription
}

/** A machine on which node processes run. */
export interface HostDescription {
  /** The first port is `eth0`, the second `eth1`, … */
  ports: PortDescription[]
  /**
   * Where packets for elsewhere go: a router's address; `link` for "everything is on this link", which multicast and
   * broadcast of naive programs need; `none` for no default route at all.
   *
   * @default 'link'
   */
  gateway?: string
}

/**
 * How a router translates addresses.
 *
 * - `none`: it only forwards
 * - `port-restricted`: one mapping per inside port, answers only from where something was sent to (masquerade)
 * - `symmetric`: another mapping for each destination (masquerade with random ports)
 * - `full-cone`: one mapping, open to everybody (one inside host only)
 */
export type NatKind = 'none' | 'port-restricted' | 'symmetric' | 'full-cone'

/** A box between two switches. */
export interface RouterDescription {
  /** Inside; its address is the gateway of the hosts there. */
  lan: PortDescription & { ipv4: string }
  /** Outside. */
  wan: PortDescription & { ipv4: string }
  nat: NatKind
  /** For `full-cone`: the inside host that gets what arrives. */
  inside?: string
}

/** A whole network. Names of hosts, switches and routers are lower-case letters, digits and dashes, at most 11 characters. */
export interface NetworkDescription {
  switches: string[]
  hosts: Record<string, HostDescription>
  routers?: Record<string, RouterDescription>
}

/** `count` hosts called `h1`, `h2`, … on one switch `lan`, with IPv4 10.77.0.N unless told otherwise. */
export function lanOf(
  count: number,
  options: { gateway?: string; ipv4?: boolean; ipv6?: boolean; cable?: CableDescription } = {}
): NetworkDescription {
  const { ipv4 = true, ipv6 = false, cable, gateway } = options
  const hosts = Array.from({ length: count }, (_, index): [string, HostDescription] => [
    `h${index + 1}`,
    {
      ports: [
        {
          switch: 'lan',
          ...(ipv4 ? { ipv4: `10.77.0.${index + 1}/24` } : {}),
          ...(ipv6 ? { ipv6: `fd77::${(index + 1).toString(16)}/64` } : { noIpv6: true }),
          ...(cable == null ? {} : { cable })
        }
      ],
      ...(gateway == null ? {} : { gateway })
    }
  ])
  return { switches: ['lan'], hosts: Object.fromEntries(hosts) }
}
