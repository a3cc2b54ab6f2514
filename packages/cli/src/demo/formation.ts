/** More peers than this are not waited for: beyond it a node has a choice, and that is what counts. */
export const ENOUGH_PEERS = 8

/** What the demo sees of one node. */
export interface NodeView {
  name: string
  id?: string
  addresses: readonly string[]
  /** Connected peers, and the source that each was found by first. */
  peers: ReadonlyMap<string, string>
  state: 'starting' | 'running' | 'stopped'
}

/** How many peers each node of a network of `others + 1` must have. */
export function enoughPeers(others: number): number {
  return Math.min(others, ENOUGH_PEERS)
}

/** Pure: true if all nodes run, hang together in one piece, and have at least `least` peers each. */
export function isFormed(nodes: readonly NodeView[], least: number): boolean {
  return nodes.every((node) => node.state === 'running' && node.peers.size >= least) && isConnected(nodes)
}

/** Pure: true if every node can be reached from every other one. No node is connected with itself. */
export function isConnected(nodes: readonly NodeView[]): boolean {
  const byId = new Map(nodes.flatMap((node) => (node.id == null ? [] : [[node.id, node] as const])))
  const [first] = byId.keys()
  if (first == null || byId.size < nodes.length) {
    return nodes.length === 0
  }
  const seen = new Set([first])
  const queue = [first]
  for (let id = queue.pop(); id != null; id = queue.pop()) {
    for (const [other, node] of byId) {
      const linked = node.peers.has(id) || byId.get(id)?.peers.has(other) === true
      if (linked && !seen.has(other)) {
        seen.add(other)
        queue.push(other)
      }
    }
  }
  return seen.size === byId.size
}

/** Pure: true if both ends of every connection between these nodes know of it. */
export function isSettled(nodes: readonly NodeView[]): boolean {
  const byId = new Map(nodes.flatMap((node) => (node.id == null ? [] : [[node.id, node] as const])))
  return nodes.every((node) =>
    [...node.peers.keys()].every((peer) => byId.get(peer)?.peers.has(node.id ?? '') === true)
  )
}

/** Pure: how many of a node's peers each source has found. */
export function discoveredBy({ peers }: Pick<NodeView, 'peers'>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const source of peers.values()) {
    counts[source] = (counts[source] ?? 0) + 1
  }
  return counts
}
