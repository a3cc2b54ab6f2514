import { parsePeerAddress, type ConfiguredPeer, type PeerAddress } from '@penin/connection-manager'
import type { NodeConfig } from './config/defaults.js'

/** The configured peers that can be used, and what is wrong with the others. */
export interface ConfiguredPeers {
  peers: ConfiguredPeer[]
  /** One line for each bad entry, naming key, value and what was expected. */
  problems: string[]
}

/** Reads the address lists of a configuration. A bad entry is a problem to tell, never a reason not to start. */
export function readConfiguredPeers(
  config: Pick<NodeConfig, 'bootstrap' | 'seeds' | 'persistentPeers' | 'discovery'>
): ConfiguredPeers {
  const problems: string[] = []
  const read = (key: string, entries: string[]): PeerAddress[] =>
    entries.flatMap((entry, index) => {
      try {
        return [parsePeerAddress(entry)]
      } catch (error) {
        problems.push(`${key}.${index}: ${(error as Error).message}; the entry is ignored`)
        return []
      }
    })
  const bootstrap = config.discovery.bootstrap ? read('bootstrap', config.bootstrap) : []
  const persistent = read('persistentPeers', config.persistentPeers)
  return {
    peers: [
      ...group(read('seeds', config.seeds), 'seed'),
      ...group(bootstrap, 'bootstrap'),
      ...group(persistent, 'persistent')
    ],
    problems
  }
}

/** Several addresses of one id become one peer. */
function group(entries: PeerAddress[], persistence: ConfiguredPeer['persistence']): ConfiguredPeer[] {
  const peers = new Map<string, ConfiguredPeer>()
  for (const { id, address } of entries) {
    const key = id?.toString() ?? address.toString()
    const peer = peers.get(key) ?? { ...(id == null ? {} : { id }), addresses: [], persistence }
    peer.addresses.push(address)
    peers.set(key, peer)
  }
  return [...peers.values()]
}
