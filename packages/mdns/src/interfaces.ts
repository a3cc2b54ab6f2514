import { isIPv4 } from 'node:net'
import { inSubnet, isLinkLocal6, linksOrLoopback, localAddress, localLink, withoutZone } from '@penin/interface'
import type { NetworkInterfaceInfo } from 'node:os'
import type { Family, LinkChoice, LinkOptions, LocalAddress, LocalLink, NetworkInterfaces } from '@penin/interface'

/** An address with a full-length prefix (a tunnel's end, say) has nobody on its link. */
function hasNeighbours(address: LocalAddress): boolean {
  return address.prefix < (address.family === 4 ? 32 : 128)
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
 * Picks the links to send and listen on out of what `os.networkInterfaces()` says: one per interface and family. A host
 * without any network uses its loopback.
 */
export function chooseLinks(all: NetworkInterfaces, options: LinkOptions, platform = 'linux'): LinkChoice {
  return linksOrLoopback(all, options, (options) => pickLinks(all, options, platform))
}

function pickLinks(all: NetworkInterfaces, options: LinkOptions, platform: string): LinkChoice {
  const families = ([4, 6] as const).filter((family) => (family === 4 ? options.ipv4 : options.ipv6))
  const links = new Map<string, LocalLink>()
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
        const link = localLink(name, infos, info, platform)
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
export function linksOfSource(links: readonly LocalLink[], source: string): LocalLink[] {
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
