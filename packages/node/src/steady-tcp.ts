import type { CreateListenerOptions, Listener, Transport } from '@libp2p/interface'
import { tcp, type TCPComponents } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * libp2p's TCP transport, with listeners that still know their addresses when the system can't list its interfaces.
 *
 * A listener on 0.0.0.0 asks the system for its interfaces whenever somebody asks for its addresses. Out of file
 * descriptors that question throws, in libp2p from inside a timer, which ends the process: a node that is merely full would
 * die. Here the last answer stands until there is a new one.
 */
export function steadyTcp(): (components: TCPComponents) => Transport {
  return (components) => {
    const transport = tcp()(components)
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (options: CreateListenerOptions) => keepAddresses(createListener(options))
    return transport
  }
}

function keepAddresses(listener: Listener): Listener {
  const getAddrs = listener.getAddrs.bind(listener)
  let last: Multiaddr[] = []
  listener.getAddrs = () => {
    try {
      last = getAddrs()
    } catch {
      // the last answer stands
    }
    return last
  }
  return listener
}
