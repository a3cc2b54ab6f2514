import type { ConfigInput } from '@penin/node'
import { startManagedNode, type ManagedNode, type ManagedNodeOptions } from './managed-node.js'

/** Options of {@link startBootstrapNode}. */
export type BootstrapNodeOptions = ManagedNodeOptions

/** A running bootstrap node. */
export type BootstrapNode = ManagedNode

/**
 * What a bootstrap node sets where nobody else does: it is made for being found, so it takes many peers and a port that
 * does not change. 4001 is the port that libp2p nodes are usually found at.
 */
export const BOOTSTRAP_DEFAULTS = {
  profile: 'bridge',
  listen: ['/ip4/0.0.0.0/tcp/4001', '/ip6/::/tcp/4001']
} as const satisfies { profile: ConfigInput['profile']; listen: readonly string[] }

/**
 * Starts a node through which others find a network.
 *
 * Give it a `dataDir` (or a `privateKey`): others know a bootstrap node by its id, which without either is another one
 * after every start.
 *
 * @throws what `createNode()` throws, AdminTokenRequiredError, AdminListenError, AdminFileError
 */
export async function startBootstrapNode(options: BootstrapNodeOptions = {}): Promise<BootstrapNode> {
  return startManagedNode(options, { ...BOOTSTRAP_DEFAULTS, listen: [...BOOTSTRAP_DEFAULTS.listen] })
}
