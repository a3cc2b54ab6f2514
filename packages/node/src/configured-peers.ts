import { asPeerId, parsePeerAddress, type ConfiguredPeer, type PeerAddress } from '@penin/connection-manager'
import type { AddressBook } from '@penin/peer-store'
import { printable } from '@penin/interface'
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

/**
 * Marks the peers that the configuration calls private or unconditional, and takes those marks off all others.
 *
 * @returns one line for each entry that is no peer id
 */
export function markPeers(
  book: Pick<AddressBook, 'mark' | 'marked'>,
  { privatePeers, unconditionalPeers }: Pick<NodeConfig, 'privatePeers' | 'unconditionalPeers'>
): string[] {
  const wanted = new Map<string, { private: boolean; unconditional: boolean }>()
  const problems: string[] = []
  for (const { id } of book.marked()) {
    wanted.set(id, { private: false, unconditional: false })
  }
  const read = (key: string, entries: readonly string[], mark: 'private' | 'unconditional'): void => {
    for (const [index, entry] of entries.entries()) {
      const id = asPeerId(entry)?.toString()
      if (id == null) {
        problems.push(`${key}.${index}: ${printable(entry, 100)} is no peer id such as 12D3KooW…; the entry is ignored`)
      } else {
        wanted.set(id, { ...(wanted.get(id) ?? { private: false, unconditional: false }), [mark]: true })
      }
    }
  }
  read('privatePeers', privatePeers, 'private')
  read('unconditionalPeers', unconditionalPeers, 'unconditional')
  for (const [id, marks] of wanted) {
    book.mark(id, marks)
  }
  return problems
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
