import type { MultiaddrConnection, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Admission } from '../src/index.js'
import { named } from './support.js'

/** Ten connections, of which two are kept for outbound ones. */
export const LIMITS = { inbound: 10, outbound: 10, total: 10, minOutbound: 2 }
/** Where only the number of inbound connections matters. */
export const ONE = { inbound: 1, outbound: 1, total: 10, minOutbound: 0 }

export const friend = (peer: PeerId): boolean => peer.equals(named('friend'))
/** A raw connection, which nothing but its address and its end matter of. */
export class Raw extends EventTarget {
  status = 'open'
  error?: Error
  readonly timeline = {}
  readonly remoteAddr

  constructor(address: string) {
    super()
    this.remoteAddr = multiaddr(`${address}/tcp/1000`)
  }

  abort(error?: Error): void {
    if (this.status === 'open') {
      this.status = 'aborted'
      Object.assign(this, { error })
      this.dispatchEvent(new Event('close'))
    }
  }
}

export const from = (address = '/ip4/127.0.0.1'): Raw & MultiaddrConnection =>
  new Raw(address) as Raw & MultiaddrConnection

/** Goes the whole way in; undefined if it is refused on the way. */
export async function enter(admission: Admission, name: string, raw = from()): Promise<Raw | undefined> {
  const { gater } = admission
  const peer = named(name)
  const isRefused =
    (await gater.denyInboundConnection(raw)) ||
    (await gater.denyInboundEncryptedConnection(peer, raw)) ||
    (await gater.denyInboundUpgradedConnection(peer, raw))
  if (isRefused) {
    raw.abort()
    return undefined
  }
  return raw
}

/** Dials the whole way; undefined if it is refused on the way. */
export async function dial(admission: Admission, name: string, raw = from()): Promise<Raw | undefined> {
  const { gater } = admission
  const peer = named(name)
  const isRefused =
    (await gater.denyDialPeer(peer)) ||
    (await gater.denyDialMultiaddr(raw.remoteAddr)) ||
    (await gater.denyOutboundConnection(peer, raw)) ||
    (await gater.denyOutboundEncryptedConnection(peer, raw)) ||
    (await gater.denyOutboundUpgradedConnection(peer, raw))
  if (isRefused) {
    raw.abort()
    return undefined
  }
  return raw
}

export const begin = async (admission: Admission, raw: Raw & MultiaddrConnection): Promise<boolean> =>
  (await admission.gater.denyInboundConnection(raw)) === false

export async function fill(admission: Admission, count: number, address?: string): Promise<Raw[]> {
  const raws = await Promise.all(
    Array.from({ length: count }, async (_, n) => enter(admission, `stranger ${n}`, from(address)))
  )
  return raws.filter((raw) => raw != null)
}
