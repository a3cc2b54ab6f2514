import type { NetworkInterfaceInfo } from 'node:os'
import {
  inSubnet,
  ipScope,
  isLinkLocal6,
  linksOrLoopback,
  localAddress,
  localLink,
  withoutZone,
  type AddressScope,
  type LinkChoice,
  type LinkOptions,
  type LocalAddress,
  type LocalLink,
  type NetworkInterfaces
} from '@penin/interface'

/** The IPv4 address of everybody on the link. */
const LIMITED_BROADCAST = '255.255.255.255'

/** The link-local IPv6 group of PENIN beacons; 50:454e is "PEN" in ASCII. */
export const GROUP = 'ff02::50:454e'

/** One IPv4 address, or one interface in IPv6, and who hears a beacon there. */
export interface Link extends LocalLink {
  /** Where beacons go. */
  destinations: readonly string[]
  /** The scope of whoever hears a beacon there. */
  scope: AddressScope
}

/**
 * Picks the links to send and listen on out of what `os.networkInterfaces()` says: every IPv4 address, and one per
 * interface in IPv6. A host without any network uses its loopback.
 */
export function chooseLinks(all: NetworkInterfaces, options: LinkOptions, platform = 'linux'): LinkChoice<Link> {
  return linksOrLoopback(all, options, (options) => pickLinks(all, options, platform))
}

function pickLinks(all: NetworkInterfaces, { wanted, ipv4, ipv6 }: LinkOptions, platform: string): LinkChoice<Link> {
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
  const link = localLink(name, infos, info, platform)
  return {
    ...link,
    key: `${link.key}/${local.prefix}`, // another subnet has another broadcast address
    destinations: link.family === 6 ? [GROUP] : broadcasts(local, link.internal),
    scope: link.internal ? 'loopback' : neighbourScope(link.addresses)
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
  const scopes = addresses.map(({ address }) => ipScope(address))
  return scopes.includes('public') && !scopes.includes('private') ? 'public' : 'private'
}

/** A full-length prefix (a tunnel's end, say) has nobody on its link, a /31 no broadcast address (RFC 3021). */
function hasNeighbours({ family, prefix }: LocalAddress): boolean {
  return prefix < (family === 4 ? 31 : 128)
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
  const scope = ipScope(address)
  if (scope === 'loopback') {
    return scope
  }
  const isNeighbour = links.some((link) => link.addresses.some((local) => inSubnet(address, local)))
  return isNeighbour ? (own.has(address) ? 'loopback' : scope) : undefined
}
