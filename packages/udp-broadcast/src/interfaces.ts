import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import { multiaddr } from '@multiformats/multiaddr'
import { addressScope, type AddressScope } from '@penin/interface'

/** The shape of `os.networkInterfaces()`, which lists interfaces that are up. */
export type NetworkInterfaces = NodeJS.Dict<NetworkInterfaceInfo[]>

/** IPv4 or IPv6. */
export type Family = 4 | 6

/** The IPv4 address of everybody on the link. */
const LIMITED_BROADCAST = '255.255.255.255'

/** The link-local IPv6 group of PENIN beacons; 50:454e is "PEN" in ASCII. */
export const GROUP = 'ff02::50:454e'

/** One address of this host, and the subnet it is in. */
export interface LocalAddress {
  address: string
  family: Family
  prefix: number
}

/** One IPv4 address, or one interface in IPv6: the unit that has a sending socket. */
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
  /** Where beacons go. */
  destinations: readonly string[]
  /** The scope of whoever hears a beacon there. */
  scope: AddressScope
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

/** Every address of this host, without zones. */
export function ownAddresses(all: NetworkInterfaces): Set<string> {
  return new Set(Object.values(all).flatMap((infos) => (infos ?? []).map((info) => withoutZone(info.address))))
}

/**
 * Picks the links to send and listen on out of what `os.networkInterfaces()` says. A host without any network uses its
 * loopback, so that nodes on a machine that is offline still find each other.
 */
export function chooseLinks(all: NetworkInterfaces, options: LinkOptions, platform = 'linux'): LinkChoice {
  const choice = pickLinks(all, options, platform)
  if (choice.links.length > 0 || options.wanted != null || !options.ipv4) {
    return choice
  }
  const loopback = Object.values(all)
    .flatMap((infos) => infos ?? [])
    .find((info) => info.internal && info.family === 'IPv4')
  return loopback == null ? choice : pickLinks(all, { ...options, wanted: [loopback.address] }, platform)
}

function pickLinks(all: NetworkInterfaces, { wanted, ipv4, ipv6 }: LinkOptions, platform: string): LinkChoice {
  const links = new Map<string, Link>()
  const missing = new Set(wanted)
  for (const [name, infos = []] of Object.entries(all)) {
    const named = wanted?.includes(name) === true
    if (named) {
      missing.delete(name)
    }
    const chosen = infos.filter((info) => wanted?.includes(withoutZone(info.address)) === true)
    for (const info of chosen) {
      missing.delete(withoutZone(info.address))
    }
    if (named || wanted == null) {
      const usable = infos.filter((info) => named || (!info.internal && hasNeighbours(localAddress(info))))
      // one multicast reaches everybody on an interface, but each IPv4 subnet has a broadcast address of its own
      const six = usable.filter((info) => info.family === 'IPv6')
      chosen.push(...usable.filter((info) => info.family === 'IPv4'))
      const preferred = six.find((info) => isLinkLocal6(info.address)) ?? six[0]
      if (preferred != null) {
        chosen.push(preferred)
      }
    }
    for (const info of chosen.filter(({ family }) => (family === 'IPv4' ? ipv4 : ipv6))) {
      const link = linkOf(name, infos, info, platform)
      if (link.destinations.length > 0) {
        links.set(link.key, link)
      }
    }
  }
  return { links: [...links.values()], missing: [...missing] }
}

function linkOf(name: string, infos: NetworkInterfaceInfo[], info: NetworkInterfaceInfo, platform: string): Link {
  const local = localAddress(info)
  const { address, family } = local
  const addresses = infos.map(localAddress)
  const scopeId = info.family === 'IPv6' ? info.scopeid : 0
  const zone = platform === 'win32' ? String(scopeId) : name
  return {
    key: `${name}/${address}/${local.prefix}/${scopeId}`,
    name,
    family,
    internal: info.internal,
    bind: isLinkLocal6(address) ? `${address}%${zone}` : address,
    zone,
    destinations: family === 6 ? [GROUP] : broadcasts(local, info.internal),
    scope: info.internal ? 'loopback' : neighbourScope(addresses),
    addresses
  }
}

/** Of loopback, the directed one only: the other one would leave the host by whatever route there is. */
function broadcasts(local: LocalAddress, internal: boolean): string[] {
  const directed = directedBroadcast(local)
  return [...(internal ? [] : [LIMITED_BROADCAST]), ...(directed == null ? [] : [directed])]
}

/** The address of everybody in an IPv4 subnet; undefined for one without such an address (RFC 3021: /31 and /32). */
export function directedBroadcast({ address, prefix }: LocalAddress): string | undefined {
  if (prefix > 30) {
    return undefined
  }
  const bytes = address.split('.').map(Number)
  return bytes.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, prefix - index * 8)))).join('.')
}

/**
 * Neighbours on an interface with a private address are in that private network; those on one with public addresses
 * only, as in a data centre, are the public.
 */
function neighbourScope(addresses: readonly LocalAddress[]): AddressScope {
  const scopes = addresses.map(({ address }) => scopeOfIp(address))
  return scopes.includes('public') && !scopes.includes('private') ? 'public' : 'private'
}

/** An address with a full-length prefix (a tunnel's end, say) has nobody on its link. */
function hasNeighbours({ family, prefix }: LocalAddress): boolean {
  return prefix < (family === 4 ? 31 : 128)
}

function localAddress(info: NetworkInterfaceInfo): LocalAddress {
  const family = info.family === 'IPv4' ? 4 : 6
  const prefix = Number(info.cidr?.split('/')[1] ?? (family === 4 ? 32 : 128))
  return { address: withoutZone(info.address), family, prefix }
}

function isLinkLocal6(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address)
}

function scopeOfIp(ip: string): AddressScope {
  return addressScope(multiaddr(isIPv4(ip) ? `/ip4/${ip}` : `/ip6/${ip}`))
}

/** Built once per address, because this test stands in front of the rate limit and so must be cheap. */
const subnets = new WeakMap<LocalAddress, BlockList>()

/** Whether `address` (without a zone) lies in the subnet of `local`. */
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

/**
 * The scope of the sender of a datagram; undefined if it is no neighbour on any of the links, since no broadcast comes
 * from further away. Processes of this host are of scope `loopback`. `0.0.0.0` is what a host without an address sends
 * from: a neighbour, but no place.
 */
export function sourceScope(
  links: readonly Link[],
  own: ReadonlySet<string>,
  source: string
): AddressScope | undefined {
  const address = withoutZone(source)
  if (address === '0.0.0.0') {
    return 'private'
  }
  if (isLinkLocal6(address)) {
    const zone = source.slice(address.length + 1)
    const onLink = links.some((link) => link.family === 6 && (zone === link.zone || zone === link.name))
    return onLink ? (own.has(address) ? 'loopback' : 'private') : undefined
  }
  const scope = scopeOfIp(address)
  if (scope === 'loopback') {
    return scope
  }
  const isNeighbour = links.some((link) => link.addresses.some((local) => inSubnet(address, local)))
  return isNeighbour ? (own.has(address) ? 'loopback' : scope) : undefined
}
