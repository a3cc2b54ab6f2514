import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'

/** The shape of `os.networkInterfaces()`. */
export type NetworkInterfaces = NodeJS.Dict<NetworkInterfaceInfo[]>

/** IPv4 or IPv6. */
export type Family = 4 | 6

/** One address of this host, and the subnet it is in. */
export interface LocalAddress {
  address: string
  family: Family
  prefix: number
}

/** One interface in one address family: the unit that has a sending socket. */
export interface Link {
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

/** What {@link chooseLinks} found. */
export interface LinkChoice {
  links: Link[]
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

/** Built once per address, because the on-link test stands in front of the rate limit and so must be cheap. */
const subnets = new WeakMap<LocalAddress, BlockList>()

/** Whether `address` (without a zone) lies in the subnet of `local`. */
export function inSubnet(address: string, local: LocalAddress): boolean {
  const family = local.family === 4 ? 'ipv4' : 'ipv6'
  if (!(local.family === 4 ? isIPv4(address) : isIPv6(address))) return false
  let subnet = subnets.get(local)
  if (subnet === undefined) {
    subnet = new BlockList()
    subnet.addSubnet(local.address, local.prefix, family)
    subnets.set(local, subnet)
  }
  return subnet.check(address, family)
}

/** Every address of this host, without zones. */
export function ownAddresses(all: NetworkInterfaces): Set<string> {
  return new Set(Object.values(all).flatMap((infos) => (infos ?? []).map((info) => withoutZone(info.address))))
}

function localAddress(info: NetworkInterfaceInfo): LocalAddress {
  const family = info.family === 'IPv4' ? 4 : 6
  const prefix = Number(info.cidr?.split('/')[1] ?? (family === 4 ? 32 : 128))
  return { address: withoutZone(info.address), family, prefix }
}

/** An address with a full-length prefix (a tunnel's end, say) has nobody on its link. */
function hasNeighbours(address: LocalAddress): boolean {
  return address.prefix < (address.family === 4 ? 32 : 128)
}

function linkOf(name: string, infos: NetworkInterfaceInfo[], info: NetworkInterfaceInfo, platform: string): Link {
  const { address, family } = localAddress(info)
  const scope = info.family === 'IPv6' ? info.scopeid : 0
  const zone = platform === 'win32' ? String(scope) : name
  return {
    key: `${name}/${address}/${scope}`,
    name,
    family,
    internal: info.internal,
    bind: isLinkLocal6(address) ? `${address}%${zone}` : address,
    zone,
    addresses: infos.map(localAddress)
  }
}

/** The address to send from: the first one, in IPv6 a link-local one if there is, because every neighbour has those. */
function preferred(infos: NetworkInterfaceInfo[], family: Family, explicit: boolean): NetworkInterfaceInfo | undefined {
  const usable = infos.filter((info) => {
    const local = localAddress(info)
    return local.family === family && (explicit || hasNeighbours(local))
  })
  return usable.find((info) => isLinkLocal6(info.address)) ?? usable[0]
}

/**
 * Picks the links to send and listen on out of what `os.networkInterfaces()` says. A host without any network uses its
 * loopback, so that nodes on a machine that is offline still find each other.
 */
export function chooseLinks(all: NetworkInterfaces, options: LinkOptions, platform = 'linux'): LinkChoice {
  const choice = pickLinks(all, options, platform)
  if (choice.links.length > 0 || options.wanted !== undefined || !options.ipv4) return choice
  const loopbacks = Object.values(all).flatMap((infos = []) =>
    infos.filter((info) => info.internal && info.family === 'IPv4')
  )
  return pickLinks(all, { ...options, wanted: loopbacks.slice(0, 1).map((info) => info.address) }, platform)
}

function pickLinks(all: NetworkInterfaces, options: LinkOptions, platform: string): LinkChoice {
  const families = ([4, 6] as const).filter((family) => (family === 4 ? options.ipv4 : options.ipv6))
  const links = new Map<string, Link>()
  const missing = new Set(options.wanted)
  for (const [name, infos = []] of Object.entries(all)) {
    const named = options.wanted?.includes(name) === true
    if (named) missing.delete(name)
    for (const family of families) {
      const chosen = infos.filter(
        (info) => options.wanted?.includes(withoutZone(info.address)) === true && localAddress(info).family === family
      )
      for (const info of chosen) missing.delete(withoutZone(info.address))
      if (named || options.wanted === undefined) {
        const info = preferred(infos, family, named)
        if (info !== undefined && (named || !info.internal)) chosen.push(info)
      }
      for (const info of chosen) {
        const link = linkOf(name, infos, info, platform)
        links.set(link.key, link)
      }
    }
  }
  return { links: [...links.values()], missing: [...missing] }
}

/**
 * The links on which the sender of a packet is a direct neighbour, by the rule of RFC 6762, section 11: its address is
 * in a subnet of the link. Empty: the packet came from further away than multicast reaches, so it is forged or
 * misdirected. An address of our own belongs to its interface and to no other.
 */
export function linksOfSource(links: readonly Link[], source: string): Link[] {
  const address = withoutZone(source)
  const family: Family = isIPv4(address) ? 4 : 6
  const candidates = links.filter((link) => link.family === family)
  if (isLinkLocal6(address)) {
    const zone = source.slice(address.length + 1)
    return candidates.filter((link) => zone === '' || zone === link.zone || zone === link.name)
  }
  const own = candidates.filter((link) => link.addresses.some((local) => local.address === address))
  if (own.length > 0) return own
  return candidates.filter((link) => link.addresses.some((local) => inSubnet(address, local)))
}
