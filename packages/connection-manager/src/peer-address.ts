import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { PeninError, printable } from '@penin/interface'

/** A text that should say where a peer is does not. */
export class InvalidPeerAddressError extends PeninError {
  static override readonly name = 'InvalidPeerAddressError'
  readonly text: string

  constructor(
    text: string,
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(
      `"${printable(text, 200)}" is no peer address (${problem}): expected a multiaddr such as ` +
        '/ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…, ID@host:port or host:port, with IPv6 addresses in brackets',
      options
    )
    this.text = printable(text, 200)
  }
}

/** Where a peer is, and who must answer there if that is known. */
export interface PeerAddress {
  id?: PeerId
  address: Multiaddr
}

/** Longer texts are refused unread. The longest useful multiaddr, a relayed one with certificate hashes, has about 400. */
const MAX_LENGTH = 1024

/**
 * Reads a multiaddr, `id@host:port`, `host:port` or either with an IPv6 address in brackets. Names stay names: they are
 * resolved anew at every dial.
 *
 * @throws InvalidPeerAddressError
 */
export function parsePeerAddress(text: string): PeerAddress {
  const trimmed = text.trim()
  if (trimmed.length > MAX_LENGTH) {
    throw new InvalidPeerAddressError(text, `longer than ${MAX_LENGTH} characters`)
  }
  if (/[\s\p{C}]/u.test(trimmed)) {
    throw new InvalidPeerAddressError(text, 'spaces and control characters have no place in it')
  }
  return trimmed.startsWith('/') ? parseMultiaddr(trimmed) : parseHostPort(trimmed)
}

function parseMultiaddr(text: string): PeerAddress {
  let address: Multiaddr
  try {
    address = multiaddr(text)
    void address.bytes // ids in the middle, those of relays, are only checked here
  } catch (error) {
    throw new InvalidPeerAddressError(text, printable((error as Error).message, 100), { cause: error })
  }
  const components = address.getComponents()
  const last = components.at(-1)
  const named = last?.name === 'p2p' ? last.value : undefined
  if (last == null || (named != null && components.length === 1) || /^(tcp|udp)$/.test(components[0]?.name ?? '')) {
    throw new InvalidPeerAddressError(text, 'it has no host')
  }
  if (last.name === 'p2p-circuit') {
    throw new InvalidPeerAddressError(text, 'it names a relay, but nobody behind it')
  }
  const port = components.find((component) => component.name === 'tcp')?.value
  if (port === '0') {
    throw new InvalidPeerAddressError(text, 'port 0 cannot be dialled')
  }
  return named == null ? { address } : { id: parseId(text, named), address }
}

function parseHostPort(text: string): PeerAddress {
  const at = text.indexOf('@')
  const id = at < 0 ? undefined : parseId(text, text.slice(0, at))
  const rest = text.slice(at + 1)
  const [, bracketed, plain, port = ''] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:@[\]/]+)):(\d{1,5})$/.exec(rest) ?? []
  const host = bracketed ?? plain
  if (host == null) {
    throw new InvalidPeerAddressError(text, 'it is not host:port')
  }
  if (Number(port) < 1 || Number(port) > 65_535) {
    throw new InvalidPeerAddressError(text, 'the port must be 1 to 65535')
  }
  const kind = bracketed != null ? 'ip6' : /^[\d.]+$/.test(host) ? 'ip4' : 'dns'
  if (kind === 'dns' && !isHostName(host)) {
    throw new InvalidPeerAddressError(text, 'the host is no name and no IP address')
  }
  try {
    const address = multiaddr(`/${kind}/${host}/tcp/${Number(port)}${id == null ? '' : `/p2p/${id.toString()}`}`)
    return id == null ? { address } : { id, address }
  } catch (error) {
    throw new InvalidPeerAddressError(text, printable((error as Error).message, 100), { cause: error })
  }
}

/** The peer id that a text is; undefined if it is none, as what a damaged disk gives back may be. */
export function asPeerId(text: string): PeerId | undefined {
  try {
    return peerIdFromString(text)
  } catch {
    return undefined
  }
}

function parseId(text: string, id: string): PeerId {
  try {
    return peerIdFromString(id)
  } catch (error) {
    throw new InvalidPeerAddressError(text, id === '' ? 'the id is empty' : 'the id is no peer id', { cause: error })
  }
}

/** RFC 1123 host names, with underscores, which real resolvers accept. */
function isHostName(host: string): boolean {
  return (
    host.length <= 253 &&
    host.split('.').every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
  )
}
