import type { PeerKeeper } from '@penin/connection-manager'
import type { Clock, Rng } from '@penin/interface'
import { udpBroadcast, type UdpBroadcast } from '@penin/udp-broadcast'
import type { Libp2pOptions } from 'libp2p'
import type { NodeConfig } from './config/defaults.js'

/** The beacons as a service of libp2p. */
export interface UdpService {
  source: UdpBroadcast
}

/** Wrapped as mDNS is, so that libp2p doesn't put every sighting into its unbounded peer store: candidates are ours. */
export function udpService(config: NodeConfig, clock: Clock, rng: Rng): NonNullable<Libp2pOptions['services']> {
  const { networkId, discovery } = config
  const { enabled, ...options } = discovery.udpBroadcast
  if (!enabled) {
    return {}
  }
  return {
    udp: (components) => {
      const source = udpBroadcast({ networkId, ...options, clock, rng })(components)
      return { source, start: async () => source.start(), stop: async () => source.stop() }
    }
  }
}

/** Peers with a signed record become candidates, what the system refuses becomes a warning. */
export function followUdp(
  { source }: UdpService,
  keeper: Pick<PeerKeeper, 'addCandidate'>,
  warn: (message: string) => void
): void {
  source.addEventListener('candidate', ({ detail }) => {
    keeper.addCandidate(detail)
  })
  for (const name of ['udp:error', 'udp:port-taken'] as const) {
    source.addEventListener(name, ({ detail }: CustomEvent<Error>) => {
      warn(detail.message)
    })
  }
}
