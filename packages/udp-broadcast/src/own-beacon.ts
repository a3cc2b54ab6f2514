import { isIP } from 'node:net'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import type { AddressManager } from '@libp2p/interface-internal'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { CODE_P2P_CIRCUIT, type Multiaddr } from '@multiformats/multiaddr'
import { addressScope, fitsScope, inSubnet, type Clock } from '@penin/interface'
import { encodeBeacon, MAX_BEACON_BYTES } from './beacon.js'
import type { Link } from './interfaces.js'
import { distinct, MAX_ADDRESSES, withoutPeer } from './record.js'

/** What {@link OwnBeacon} needs of a libp2p node. */
export interface OwnBeaconComponents {
  peerId: PeerId
  privateKey: PrivateKey
  addressManager: Pick<AddressManager, 'getAddresses'>
}

/** What stands in every beacon. */
export interface OwnBeaconInit {
  networkId: string
  port: number
  clock: Clock
}

/**
 * This node's own beacons: one for each link, with those addresses only that a neighbour there may know of and can use.
 */
export class OwnBeacon {
  #seq = 0

  constructor(
    private readonly components: OwnBeaconComponents,
    private readonly init: OwnBeaconInit
  ) {}

  /** A number above all before: the time in milliseconds, so that it also is after a restart. */
  nextSeq(): number {
    this.#seq = Math.max(Math.floor(this.init.clock.now()), this.#seq + 1)
    return this.#seq
  }

  /** The node's addresses that may be told on a link, best first. */
  addresses(link: Link, own: ReadonlySet<string>): Multiaddr[] {
    const { peerId, addressManager } = this.components
    const ranked = distinct(addressManager.getAddresses().flatMap((address) => withoutPeer(address, peerId) ?? []))
      .filter((address) => fitsScope(addressScope(address), link.scope))
      .map((address) => ({ address, rank: rank(address, link, own) }))
      .filter((entry): entry is { address: Multiaddr; rank: number } => entry.rank != null)
    ranked.sort((a, b) => a.rank - b.rank)
    return ranked.slice(0, MAX_ADDRESSES).map(({ address }) => address)
  }

  /**
   * A beacon with as many of these addresses as fit into 1024 bytes; those that come first go in first.
   *
   * @throws what libp2p throws if the key can't sign
   */
  async encode(seq: number, addresses: readonly Multiaddr[], bye = false): Promise<Buffer> {
    const { peerId, privateKey } = this.components
    const { port, networkId: net, clock } = this.init
    for (let count = addresses.length; ; count--) {
      const multiaddrs = addresses.slice(0, Math.max(0, count))
      const record = new PeerRecord({ peerId, multiaddrs, seqNumber: BigInt(seq) })
      const beacon = encodeBeacon({
        id: peerId.toString(),
        port,
        timestamp: clock.now() / 1000,
        net,
        seq,
        record: (await RecordEnvelope.seal(record, privateKey)).marshal(),
        bye
      })
      // without any address it always fits: a network id has at most 64 bytes
      if (beacon.byteLength <= MAX_BEACON_BYTES || count <= 0) {
        return beacon
      }
    }
  }
}

/** The order in which addresses are told on a link; undefined: not at all. */
function rank(address: Multiaddr, link: Link, own: ReadonlySet<string>): number | undefined {
  const components = address.getComponents()
  if (components.some(({ code }) => code === CODE_P2P_CIRCUIT)) {
    return 3
  }
  const ip = components.find(({ name }) => name === 'ip4' || name === 'ip6')?.value ?? ''
  if (isIP(ip) === 0) {
    return 2
  }
  if (link.addresses.some((local) => local.address === ip)) {
    return 0
  }
  // neighbours on this link don't reach the private addresses of our other interfaces (172.17.0.1 is their own Docker)
  if (own.has(ip) && link.scope === 'private' && addressScope(address) === 'private') {
    return undefined
  }
  return link.addresses.some((local) => inSubnet(ip, local)) ? 1 : 2
}
