import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { formatIp6, kindOfIp4, kindOfIp6, parseIp4, parseIp6, type IpKind } from '@penin/interface'
import { plainIp4 } from './plain-ip4.js'
import type { Multiaddr } from '@multiformats/multiaddr'

/** From where an address can be reached, apart from the relayed ones. */
export type DirectScope = 'public' | 'private' | 'loopback' | 'onion' | 'name'

/** From where an address can be reached: `relay` stands for an address behind a relay, `name` for a public DNS name. */
export type BookScope = DirectScope | 'relay'

/** Why an address is not stored: of IP addresses only three kinds are, see {@link IpKind}. */
export type AddressRefusal =
  | Exclude<IpKind, 'public' | 'private' | 'loopback'>
  | 'malformed'
  | 'unsupported'
  | 'too-long'
  | 'no-port'
  | 'port-zero'
  | 'nested-relay'
  | 'other-peer'
  | 'own-address'
  | 'host-full'
  | 'addresses-full'

/** What the book needs to know of an address. */
export interface AddressFacts {
  /** The one text for it: the peer's own id cut off, IPv6 shortened, names in lower case. */
  text: string
  scope: BookScope
  /** The scope of the host that is dialled: the relay's for a relayed address, else `scope`. */
  reach: DirectScope
  /** Who counts as one: see {@link addressGroup}. */
  group: string
  /** The public IPv4 address or IPv6 /64 the peer itself stands at; ids are counted for each. */
  host?: string
  /** Host and port, to recognise our own. */
  endpoint: string
}

/** The longest useful address, a relayed one with certificate hashes, has about 400 characters. */
const MAX_LENGTH = 512

/** More than any transport stack has. */
const MAX_PARTS = 16

/** Protocols that may follow host and port, and whether they have a value. */
const ABOVE = new Map<string, boolean>([
  ['tls', false],
  ['noise', false],
  ['http', false],
  ['https', false],
  ['ws', false],
  ['wss', false],
  ['quic', false],
  ['quic-v1', false],
  ['webtransport', false],
  ['webrtc', false],
  ['webrtc-direct', false],
  ['sni', true],
  ['certhash', true]
])

/** Examines an address; `id` is the peer that should answer there. Answers with the reason when it can't be stored. */
export function examineAddress(address: Multiaddr | string, id?: string): AddressFacts | AddressRefusal {
  let text: string
  try {
    text = address.toString()
  } catch {
    return 'malformed'
  }
  return plainIp4(text) ?? examineText(text, id)
}

function examineText(text: string, id: string | undefined): AddressFacts | AddressRefusal {
  if (text.length > MAX_LENGTH) {
    return 'too-long'
  }
  const parts = text.split('/')
  if (parts.length < 3 || parts[0] !== '') {
    return 'malformed'
  }
  parts.shift()
  const named = trailingId(parts)
  if (named != null && id != null && named !== id) {
    return 'other-peer'
  }
  if (named != null) {
    parts.length -= 2
  }
  if (parts.length > MAX_PARTS) {
    return 'malformed'
  }
  const circuit = parts.indexOf('p2p-circuit')
  const facts = circuit < 0 ? direct(parts) : relayed(parts, circuit)
  return typeof facts === 'string' || isSound(facts.text) ? facts : 'malformed'
}

/** The id at the end, which is the peer's own: `/p2p/R/p2p-circuit` ends in none. */
function trailingId(parts: string[]): string | undefined {
  return parts.length >= 2 && (parts.at(-2) === 'p2p' || parts.at(-2) === 'ipfs') ? parts.at(-1) : undefined
}

/** Values with an inner structure (certificate hashes, onion keys) are only checked by their codecs. */
function isSound(text: string): boolean {
  if (!/\/(p2p|certhash|sni|onion3)\//.test(text)) {
    return true
  }
  try {
    return multiaddr(text).bytes.byteLength > 0
  } catch {
    return false
  }
}

function relayed(parts: string[], circuit: number): AddressFacts | AddressRefusal {
  const after = parts.slice(circuit + 1)
  if (after.includes('p2p-circuit')) {
    return 'nested-relay'
  }
  const before = parts.slice(0, circuit)
  const relay = trailingId(before)
  if (relay == null || !isPeerId(relay) || !(after.length === 0 || (after.length === 1 && after[0] === 'webrtc'))) {
    return 'malformed'
  }
  const tail = `/p2p/${relay}/${parts.slice(circuit).join('/')}`
  if (before.length === 2) {
    return { text: tail, scope: 'relay', reach: 'name', group: `relay:${relay}`, endpoint: tail }
  }
  const host = direct(before.slice(0, -2))
  if (typeof host === 'string') {
    return host
  }
  const { text, group, reach } = host
  return { text: `${text}${tail}`, scope: 'relay', reach, group, endpoint: `${host.endpoint}${tail}` }
}

function isPeerId(text: string): boolean {
  try {
    return peerIdFromString(text).toMultihash().bytes.byteLength > 0
  } catch {
    return false
  }
}

function direct(parts: string[]): AddressFacts | AddressRefusal {
  const [protocol = '', value = ''] = parts
  switch (protocol) {
    case 'ip4':
      return atIp4(parts, value)
    case 'ip6':
      return atIp6(parts, value)
    case 'ip6zone':
      return parts[2] === 'ip6' && /^[A-Za-z0-9._-]{1,32}$/.test(value)
        ? atIp6(parts.slice(2), parts[3] ?? '', value)
        : 'malformed'
    case 'dns':
    case 'dns4':
    case 'dns6':
    case 'dnsaddr':
      return atName(parts, protocol, value)
    case 'onion3':
      return atOnion(parts, value)
    default:
      return 'unsupported'
  }
}

interface Host {
  /** The host part of the address, written the one way. */
  text: string
  scope: DirectScope
  group: string | undefined
  host?: string
}

function atIp4(parts: string[], value: string): AddressFacts | AddressRefusal {
  const bytes = parseIp4(value)
  if (bytes == null) {
    return 'malformed'
  }
  const kind = kindOfIp4(bytes)
  const text = `/ip4/${value}`
  switch (kind) {
    case 'public':
      return withPort(parts, { text, scope: kind, group: `${bytes[0]}.${bytes[1]}`, host: value })
    case 'private':
      return withPort(parts, { text, scope: kind, group: value })
    case 'loopback':
      return withPort(parts, { text, scope: kind, group: undefined })
    default:
      return kind
  }
}

function atIp6(parts: string[], value: string, zone?: string): AddressFacts | AddressRefusal {
  const words = parseIp6(value)
  if (words == null) {
    return 'malformed'
  }
  const ip = formatIp6(words)
  const kind = kindOfIp6(words)
  if (kind === 'link-local' && zone != null) {
    return withPort(parts, { text: `/ip6zone/${zone}/ip6/${ip}`, scope: 'private', group: `${ip}%${zone}` })
  }
  const text = `/ip6/${ip}`
  switch (kind) {
    case 'public': {
      const [a = 0, b = 0, c = 0, d = 0] = words
      const group = `${a.toString(16)}:${b.toString(16)}`
      return withPort(parts, { text, scope: kind, group, host: `${group}:${c.toString(16)}:${d.toString(16)}` })
    }
    case 'private':
      return withPort(parts, { text, scope: kind, group: ip })
    case 'loopback':
      return withPort(parts, { text, scope: kind, group: undefined })
    default:
      return kind
  }
}

/** RFC 1123 host names, with underscores, which real resolvers accept. */
const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/** Names that mean something only on this network: RFC 6762, RFC 8375, ICANN's `internal`, and what routers make up. */
const LOCAL_NAME = /^[^.]+$|\.(local|lan|home|internal|intranet|localdomain|home\.arpa)$/

function atName(parts: string[], protocol: string, value: string): AddressFacts | AddressRefusal {
  const name = value.toLowerCase().replace(/\.$/, '')
  if (!NAME.test(name) || /^[\d.]+$/.test(name)) {
    return 'malformed'
  }
  const text = `/${protocol}/${name}`
  const host = nameHost(text, name)
  // Anybody can make up names below a domain, so a group is the domain.
  const group = host.scope === 'name' ? `name:${name.split('.').slice(-2).join('.')}` : host.group
  if (protocol !== 'dnsaddr') {
    return withPort(parts, { ...host, group })
  }
  if (parts.length > 2) {
    return 'malformed'
  }
  return { text, scope: host.scope, reach: host.scope, group: group ?? name, endpoint: text }
}

function nameHost(text: string, name: string): Host {
  if (name === 'localhost' || name.endsWith('.localhost')) {
    return { text, scope: 'loopback', group: undefined }
  }
  return { text, scope: LOCAL_NAME.test(name) ? 'private' : 'name', group: name }
}

function atOnion(parts: string[], value: string): AddressFacts | AddressRefusal {
  const [, key, port] = /^([a-z2-7]{56}):(\d{1,5})$/.exec(value) ?? []
  if (key == null || !isAbove(parts, 2)) {
    return 'malformed'
  }
  if (Number(port) === 0) {
    return 'port-zero'
  }
  const endpoint = `/onion3/${value}`
  // Onion addresses are free, so all of them are one group.
  return { text: `/${parts.join('/')}`, scope: 'onion', reach: 'onion', group: 'onion', endpoint }
}

function withPort(parts: string[], { text, scope, group, host }: Host): AddressFacts | AddressRefusal {
  const [, , transport, port = ''] = parts
  if (transport !== 'tcp' && transport !== 'udp') {
    return transport == null ? 'no-port' : 'unsupported'
  }
  if (port === '0') {
    return 'port-zero'
  }
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) {
    return 'malformed'
  }
  if (!isAbove(parts, 4)) {
    return 'unsupported'
  }
  const endpoint = `${text}/${transport}/${port}`
  return {
    text: parts.length === 4 ? endpoint : `${endpoint}/${parts.slice(4).join('/')}`,
    scope,
    reach: scope,
    group: group ?? `${text.slice(text.lastIndexOf('/') + 1)}:${port}`,
    ...(host == null ? {} : { host }),
    endpoint
  }
}

function isAbove(parts: string[], from: number): boolean {
  for (let i = from; i < parts.length; i++) {
    const hasValue = ABOVE.get(parts[i] as string)
    if (hasValue == null || (hasValue && ++i >= parts.length)) {
      return false
    }
  }
  return true
}

/**
 * Who counts as one for the shares of the book: the /16 of a public IPv4 address, the /32 of a public IPv6 address, a
 * private host, a loopback host and port, all onion addresses together, the domain of a DNS name, and for a relayed
 * address the relay's group. Use it on the *observed* remote address of a connection to get a source group: it has an
 * answer for addresses that are not stored too (`other` at the worst).
 */
export function addressGroup(address: Multiaddr | string): string {
  const facts = examineAddress(address)
  return typeof facts === 'string' ? groupOfHost(address.toString()) : facts.group
}

/** For addresses that are seen on connections but never stored: IPv4-mapped ones, link-local ones and the like. */
function groupOfHost(text: string): string {
  const [, version, value = ''] = /^(?:\/ip6zone\/[^/]+)?\/ip([46])\/([^/]+)/.exec(text) ?? []
  const bytes = version === '4' ? parseIp4(value) : undefined
  if (bytes != null) {
    return groupOfIp4(bytes)
  }
  const words = version === '6' ? parseIp6(value) : undefined
  if (words == null) {
    return 'other'
  }
  if (kindOfIp6(words) === 'mapped') {
    return groupOfIp4(words.slice(6).flatMap((word) => [word >> 8, word & 255]))
  }
  const kept = kindOfIp6(words) === 'public' ? 2 : 4
  return words
    .slice(0, kept)
    .map((word) => word.toString(16))
    .join(':')
}

function groupOfIp4(bytes: readonly number[]): string {
  return (kindOfIp4(bytes) === 'public' ? bytes.slice(0, 2) : bytes).join('.')
}

/** From where an address can be reached; undefined for one that the book would not store. */
export function scopeOf(address: Multiaddr | string): BookScope | undefined {
  const facts = examineAddress(address)
  return typeof facts === 'string' ? undefined : facts.scope
}
