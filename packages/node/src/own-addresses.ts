import type { AddressManager, TransportManager } from '@libp2p/interface-internal'
import { addressScope } from '@penin/interface'
import type { Libp2p } from 'libp2p'

/** libp2p asks for the time an address counts as confirmed; nothing here ends it, and it says so again on every change. */
const CONFIRMED_FOR = 24 * 3_600_000

/**
 * Confirms the public addresses of this host's own interfaces, for libp2p holds them back until AutoNAT has seen them
 * reached. A server with a public address would otherwise tell nobody of it: its peers would know it by 127.0.0.1 alone.
 * An address behind a firewall is told in vain, as private ones are; one behind a NAT is on no interface.
 */
export function confirmInterfaceAddresses(libp2p: Libp2p): void {
  const { components } = libp2p as unknown as {
    components: { addressManager: AddressManager; transportManager: TransportManager }
  }
  const { addressManager, transportManager } = components
  for (const address of transportManager.getAddrs()) {
    if (addressScope(address) === 'public') {
      addressManager.confirmObservedAddr(address, { type: 'transport', ttl: CONFIRMED_FOR })
    }
  }
}

/** Addresses remembered at which peers say that they see this host; libp2p considers ten of them. */
const MAX_OBSERVED = 1024

/** The latest addresses that peers have said they see this host at. */
class ObservedBefore {
  readonly #addresses = new Set<string>()

  get size(): number {
    return this.#addresses.size
  }

  has(address: string): boolean {
    return this.#addresses.has(address)
  }

  add(address: string): void {
    this.#addresses.add(address)
    if (this.#addresses.size > MAX_OBSERVED) {
      this.#addresses.delete(this.#addresses.values().next().value as string)
    }
  }
}

/**
 * Takes the place of the filter by which libp2p knows what it has been told before: that one never forgets, and grows by
 * half a kilobyte, and slower, with each address that a peer makes up.
 *
 * @returns what is remembered now
 */
export function boundObservedAddresses(libp2p: Libp2p): { readonly size: number } {
  const { components } = libp2p as unknown as { components: { addressManager: { observedAddressFilter: unknown } } }
  const observed = new ObservedBefore()
  components.addressManager.observedAddressFilter = observed
  return observed
}
