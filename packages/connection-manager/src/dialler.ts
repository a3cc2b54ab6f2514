import type { AbortOptions, Connection, PeerId, PeerStore } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { deadline, type Clock } from '@penin/interface'
import { dialAttempts, isIdentityMismatch } from './dial-errors.js'
import { DialFailedError, DialSelfError, NoAddressesError, PeerIdentityMismatchError } from './errors.js'

/** Addresses of one peer, at most: both protocols, a few interfaces, a few networks it has been seen in. */
export const MAX_DIALLED_ADDRESSES = 16

export interface DiallerComponents {
  peerId: PeerId
  peerStore: PeerStore
  connectionManager: Pick<ConnectionManager, 'openConnection' | 'getConnections'>
}

/** Whom to dial: a peer by what is known of it, or addresses, perhaps with the identity that must answer there. */
export interface DialTarget {
  id?: PeerId
  addresses?: Multiaddr[]
}

/**
 * The one place where this project starts outbound connections. libp2p's dial queue executes them; here its errors become
 * typed ones that say at which stage each address failed.
 */
export class Dialler {
  constructor(
    private readonly components: DiallerComponents,
    private readonly clock: Clock,
    private readonly timeout: number
  ) {}

  /**
   * Dials, or returns the connection there is.
   *
   * @throws DialFailedError, PeerIdentityMismatchError, DialSelfError, NoAddressesError; the signal's reason if aborted
   */
  async dial(target: DialTarget, options: AbortOptions = {}): Promise<Connection> {
    const { id, addresses = [] } = target
    if (id?.equals(this.components.peerId) === true) {
      throw new DialSelfError(id.toString())
    }
    const name = (id ?? addresses[0])?.toString() ?? ''
    const limit = deadline(this.clock, this.timeout, options.signal)
    try {
      return await this.components.connectionManager.openConnection(await this.#resolve(target), {
        signal: limit.signal
      })
    } catch (error) {
      options.signal?.throwIfAborted()
      throw this.#explain(error, target, name)
    } finally {
      limit.clear()
    }
  }

  async #resolve({ id, addresses = [] }: DialTarget): Promise<PeerId | Multiaddr[]> {
    if (addresses.length > 0) {
      return id == null ? addresses : addresses.map((address) => withPeer(address, id))
    }
    if (id == null) {
      throw new NoAddressesError('without id or address')
    }
    const stored = await this.components.peerStore.getInfo(id).catch(() => undefined)
    if (stored == null || stored.multiaddrs.length <= MAX_DIALLED_ADDRESSES) {
      return id // libp2p ranks the stored addresses, and asks the DHT if there are none
    }
    return stored.multiaddrs.slice(0, MAX_DIALLED_ADDRESSES).map((address) => withPeer(address, id))
  }

  #explain(error: unknown, { id, addresses = [] }: DialTarget, name: string): Error {
    const first = addresses[0]?.toString()
    if (id != null && isIdentityMismatch(error)) {
      return new PeerIdentityMismatchError(id.toString(), first ?? 'its stored addresses', { cause: error })
    }
    const { name: kind, message = '' } = error as Error
    if (kind === 'PeerIdentityMismatchError' || kind === 'NoAddressesError') {
      return error as Error
    }
    if (kind === 'NoValidAddressesError' && id != null) {
      return new NoAddressesError(id.toString())
    }
    if (/dial self/i.test(message)) {
      return new DialSelfError(name)
    }
    return new DialFailedError(name, dialAttempts(error, first), { cause: error })
  }
}

/**
 * The address with the peer's id at its end, where relayed addresses too say who is meant.
 *
 * @throws PeerIdentityMismatchError if another id stands there
 */
export function withPeer(address: Multiaddr, id: PeerId): Multiaddr {
  const last = address.getComponents().at(-1)
  if (last?.name !== 'p2p') {
    return address.encapsulate(`/p2p/${id.toString()}`)
  }
  if (last.value !== id.toString()) {
    throw new PeerIdentityMismatchError(id.toString(), address.toString())
  }
  return address
}
