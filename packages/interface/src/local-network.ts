import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'

/** The shape of `os.networkInterfaces()`, which lists interfaces that are up. */
export type NetworkInterfaces = NodeJS.Dict<NetworkInterfaceInfo[]>

/** IPv4 or IPv6. */
export type Family = 4 | 6

/** One address of this host, and the subnet it is in. */
export interface LocalAddress {
  address: string
  family: Family
  prefix: number
}

/** One address of this host to send from, and the interface it belongs to: the unit that has a sending socket. */
export interface LocalLink {
  /** Changes whenever the socket would have to be opened anew. */
  key: string
  name: string
  family: Family
  internal: boolean
  /** What the sending socket is bound to; carries a zone if it is an IPv6 link-local address. */
  bind: string
  /** What names the interface in an IPv6 zone: its name, on Windows its number. */
  zone: string
  /** All addresses of the interface, in both families. */
  addresses: readonly LocalAddress[]
}

/** Which interfaces to use. */
export interface LinkOptions {
  /** Names or addresses; absent: every interface that isn't loopback and has neighbours. */
  wanted?: readonly string[] | undefined
  ipv4: boolean
  ipv6: boolean
}

/** Which links there are to use. */
export interface LinkChoice<L extends LocalLink = LocalLink> {
  links: L[]
  /** Those of the wanted names and addresses that this host doesn't have at the moment. */
  missing: string[]
}

/** The address without a zone: `fe80::1%eth0` becomes `fe80::1`. */
export function withoutZone(address: string): string {
  const percent = address.indexOf('%')
  return percent === -1 ? address : address.slice(0, percent)
}

/** Whether this is an IPv6 link-local address (fe80::/10), with or without a zone. */
export function isLinkLocal6(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address)
}

/** Every address of this host, without zones. */
export function ownAddresses(all: NetworkInterfaces): Set<string> {
  return new Set(Object.values(all).flatMap((infos) => (infos ?? []).map((info) => withoutZone(info.address))))
}

/** What the system says of one address; without a subnet, it is alone in its own. */
export function localAddress(info: NetworkInterfaceInfo): LocalAddress {
  const family = info.family === 'IPv4' ? 4 : 6
  const prefix = Number(info.cidr?.split('/')[1] ?? (family === 4 ? 32 : 128))
  return { address: withoutZone(info.address), family, prefix }
}

/**
 * The link that sends from one address of an interface.
 *
 * @param infos all that the system says of that interface
 * @param platform `process.platform`
 */
export function localLink(
  name: string,
  infos: readonly NetworkInterfaceInfo[],
  info: NetworkInterfaceInfo,
  platform: string
): LocalLink {
  const { address, family } = localAddress(info)
  const scopeId = info.family === 'IPv6' ? info.scopeid : 0
  const zone = platform === 'win32' ? String(scopeId) : name
  return {
    key: `${name}/${address}/${scopeId}`,
    name,
    family,
    internal: info.internal,
    bind: isLinkLocal6(address) ? `${address}%${zone}` : address,
    zone,
    addresses: infos.map(localAddress)
  }
}

/**
 * The links that `pick` chooses, or loopback, if that is none and nobody has asked for particular ones: so nodes on a
 * machine that is offline still find each other.
 */
export function linksOrLoopback<L extends LocalLink>(
  all: NetworkInterfaces,
  options: LinkOptions,
  pick: (options: LinkOptions) => LinkChoice<L>
): LinkChoice<L> {
  const choice = pick(options)
  if (choice.links.length > 0 || options.wanted != null || !options.ipv4) {
    return choice
  }
  const loopback = Object.values(all)
    .flatMap((infos) => infos ?? [])
    .find((info) => info.internal && info.family === 'IPv4')
  return loopback == null ? choice : pick({ ...options, wanted: [loopback.address] })
}

/** Built once per address, because {@link inSubnet} stands in front of rate limits and so must be cheap. */
const subnets = new WeakMap<LocalAddress, BlockList>()

/** Whether `address` (without a zone) lies in the subnet of `local`; false if it is no address. */
export function inSubnet(address: string, local: LocalAddress): boolean {
  const family = local.family === 4 ? 'ipv4' : 'ipv6'
  if (!(local.family === 4 ? isIPv4(address) : isIPv6(address))) {
    return false
  }
  let subnet = subnets.get(local)
  if (subnet == null) {
    subnet = new BlockList()
    subnet.addSubnet(local.address, local.prefix, family)
    subnets.set(local, subnet)
  }
  return subnet.check(address, family)
}
