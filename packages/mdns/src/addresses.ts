import { CODE_IP4, CODE_IP6, CODE_P2P, CODE_P2P_CIRCUIT, CODE_TCP, CODE_UDP, multiaddr } from '@multiformats/multiaddr'
import { inSubnet, ipScope, kindOfIp6, parseIp6 } from '@penin/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { AddressScope, LocalLink } from '@penin/interface'

/**
 * How far an IP address reaches. `link-local` is IPv6 only: such an address can't be dialled without a zone, and a
 * zone means nothing on another host. The other scopes are those of {@link AddressScope}.
 */
export type Scope = Exclude<AddressScope, 'onion'> | 'link-local'

/** The scope of an IP address without a zone. */
export function scopeOf(ip: string): Scope {
  const words = parseIp6(ip)
  if (words != null && kindOfIp6(words) === 'link-local') return 'link-local'
  return ipScope(ip)
}

/** Host and port of a multiaddr that starts with an IP address and a TCP or UDP port; undefined for any other. */
export function endpointOf(address: Multiaddr): { ip: string; port: number } | undefined {
  const components = address.getComponents()
  const [host, transport] = components
  if (host?.value === undefined || (host.code !== CODE_IP4 && host.code !== CODE_IP6)) return undefined
  if (transport?.value === undefined || (transport.code !== CODE_TCP && transport.code !== CODE_UDP)) return undefined
  // a relayed address isn't on this network, whatever its first component says
  if (components.some((component) => component.code === CODE_P2P_CIRCUIT)) return undefined
  const port = Number(transport.value)
  return port > 0 ? { ip: host.value, port } : undefined
}

/** The peer id at the very end of an address. */
export function trailingPeer(address: Multiaddr): string | undefined {
  const last = address.getComponents().at(-1)
  return last?.code === CODE_P2P ? last.value : undefined
}

/** The order in which addresses are announced on a link; undefined: not at all. */
function rank(ip: string, link: LocalLink, own: ReadonlySet<string>): number | undefined {
  const scope = scopeOf(ip)
  if (scope === 'unusable' || scope === 'link-local') return undefined
  // whoever hears us on the loopback interface is on this host and reaches every address of it
  if (link.internal) return scope === 'loopback' ? 0 : own.has(ip) ? 1 : undefined
  if (scope === 'loopback') return undefined
  if (link.addresses.some((local) => local.address === ip)) return 0
  // neighbours on this link don't reach the addresses of our other interfaces
  if (own.has(ip) || scope === 'public') return undefined
  // a configured announce address: of the host around a container, say
  return link.addresses.some((local) => inSubnet(ip, local)) ? 1 : 2
}

/** An address as it is announced. */
export interface Announced {
  /** The multiaddr, ending in `/p2p/<peerId>`. */
  text: string
  port: number
}

/**
 * Those of a node's addresses that a neighbour on `link` can use, best first, each ending in
 * `/p2p/<peerId>`. A public address is among them only if the interface itself has it.
 */
export function announceable(
  addresses: readonly Multiaddr[],
  link: LocalLink,
  peerId: string,
  own: ReadonlySet<string>
): Announced[] {
  const ranked: Array<Announced & { order: number }> = []
  for (const address of addresses) {
    const endpoint = endpointOf(address)
    const order = endpoint === undefined ? undefined : rank(endpoint.ip, link, own)
    if (endpoint === undefined || order === undefined) continue
    const complete = trailingPeer(address) === undefined ? address.encapsulate(`/p2p/${peerId}`) : address
    if (trailingPeer(complete) === peerId) {
      ranked.push({ text: complete.toString(), port: endpoint.port, order })
    }
  }
  ranked.sort((a, b) => a.order - b.order)
  return ranked
    .filter(({ text }, index) => ranked.findIndex((other) => other.text === text) === index)
    .map(({ text, port }) => ({ text, port }))
}

/** Where an answer came from, as far as it decides which addresses in it are believable. */
export interface Origin {
  /** The sender is a process on this host. */
  ownHost: boolean
  /** Every address of this host. */
  own: ReadonlySet<string>
  /** The links whose neighbour the sender is. */
  links: readonly LocalLink[]
}

/**
 * Why an address in an answer is not used.
 *
 * - `syntax`: not a multiaddr
 * - `no-peer-id`: it doesn't end in `/p2p/<id>`
 * - `not-ip`: a name, a relayed address, or anything else that isn't an IP address and a port
 * - `scope`: nobody who sends from there could be at that address
 */
export type AddressDrop = 'syntax' | 'no-peer-id' | 'not-ip' | 'scope'

/** One address of an answer: whose it claims to be, and either the address or why it is not used. */
export interface ReadAddress {
  peer?: string
  address?: Multiaddr
  drop?: AddressDrop
}

/**
 * Reads one address of an answer. A name (`/dns…`) is refused, because resolving it would let a neighbour send us
 * anywhere; so is a public address outside the link's subnets, because a neighbour on the LAN is not there.
 */
export function readAddress(text: string, origin: Origin): ReadAddress {
  let address: Multiaddr
  try {
    address = multiaddr(text)
  } catch {
    return { drop: 'syntax' }
  }
  const peer = trailingPeer(address)
  if (peer === undefined) return { drop: 'no-peer-id' }
  const endpoint = endpointOf(address)
  if (endpoint === undefined) return { peer, drop: 'not-ip' }
  return believable(endpoint.ip, origin) ? { peer, address } : { peer, drop: 'scope' }
}

function believable(ip: string, { ownHost, own, links }: Origin): boolean {
  const scope = scopeOf(ip)
  if (scope === 'private') return true
  if (scope === 'loopback') return ownHost
  if (scope !== 'public') return false
  return (ownHost && own.has(ip)) || links.some((link) => link.addresses.some((local) => inSubnet(ip, local)))
}
