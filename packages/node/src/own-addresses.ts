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
