import type { PeerId, PrivateKey } from '@libp2p/interface'
import type { AddressManager } from '@libp2p/interface-internal'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import type { Multiaddr } from '@multiformats/multiaddr'
import { addressScope, fitsScope, type AddressScope, type Clock } from '@penin/interface'
import { MAX_RECORD_BYTES } from './codec.js'
import { MAX_ADDRESSES_TAKEN, withoutPeer } from './signed-record.js'

/**
 * Milliseconds for which a record is used again. All of that time, whoever hears of this node from several sides finds
 * the same number; after it, a newer one overtakes what identify has signed in between.
 */
const SIGNED_FOR = 60_000

/** Room for the key, the id, the number, the signature and what is around them, in a record. */
const ENVELOPE_BYTES = 256

/** Bytes around an address in a record. */
const ADDRESS_BYTES = 6

export interface OwnRecordComponents {
  peerId: PeerId
  privateKey: PrivateKey
  addressManager: Pick<AddressManager, 'getAddresses'>
}

/**
 * This node's own signed records: one for each scope, each with those addresses only that its readers may know of.
 *
 * The record that libp2p's identify signs is not used, since it has all addresses in it: whoever has that one could
 * neither pass it on to a public peer (there is a private address in it) nor to another host (there is 127.0.0.1).
 */
export class OwnRecord {
  #seq = 0n
  #signedAt = -Infinity
  #addresses = ''
  readonly #signed = new Map<AddressScope, Promise<Uint8Array>>()

  constructor(
    private readonly components: OwnRecordComponents,
    private readonly clock: Clock
  ) {}

  /** Names the present addresses: something else when they have changed. */
  addressKey(): string {
    return this.#all()
      .map((address) => address.toString())
      .sort()
      .join(' ')
  }

  /** The record for peers of that scope; undefined if this node has no address for them. */
  async for(scope: AddressScope): Promise<Uint8Array | undefined> {
    const key = this.addressKey()
    const at = this.clock.monotonic()
    if (key !== this.#addresses || at - this.#signedAt >= SIGNED_FOR) {
      this.#addresses = key
      this.#signedAt = at
      const now = BigInt(Math.floor(this.clock.now()))
      this.#seq = now > this.#seq ? now : this.#seq + 1n // a clock that jumps back must not make it old
      this.#signed.clear()
    }
    const multiaddrs = this.#fitting(scope)
    if (multiaddrs.length === 0) {
      return undefined
    }
    let signed = this.#signed.get(scope)
    if (signed == null) {
      signed = this.#sign(multiaddrs)
      this.#signed.set(scope, signed)
    }
    return signed
  }

  #all(): Multiaddr[] {
    const { peerId, addressManager } = this.components
    const own = addressManager.getAddresses().flatMap((address) => withoutPeer(address, peerId) ?? [])
    return own.filter((address, index) => own.findIndex((other) => other.equals(address)) === index)
  }

  #fitting(scope: AddressScope): Multiaddr[] {
    const fitting = this.#all().filter((address) => fitsScope(addressScope(address), scope))
    let bytes = ENVELOPE_BYTES
    return fitting
      .filter((address) => (bytes += address.bytes.byteLength + ADDRESS_BYTES) <= MAX_RECORD_BYTES)
      .slice(0, MAX_ADDRESSES_TAKEN)
  }

  async #sign(multiaddrs: Multiaddr[]): Promise<Uint8Array> {
    const { peerId, privateKey } = this.components
    const record = new PeerRecord({ peerId, multiaddrs, seqNumber: this.#seq })
    return (await RecordEnvelope.seal(record, privateKey)).marshal()
  }
}
