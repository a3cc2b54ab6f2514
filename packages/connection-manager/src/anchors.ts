import type { OutboundPeer } from './selection/outbound-situation.js'

/** Anchors kept. Bitcoin Core: MAX_BLOCK_RELAY_ONLY_ANCHORS. */
const ANCHORS = 2

/**
 * Who should be dialled first after a restart: the outbound peers connected longest, for an attacker had to be there before.
 * While there are fewer than two, earlier anchors stay: a node that goes down loses its peers one by one.
 */
export function chooseAnchors(
  outbound: ReadonlyArray<Pick<OutboundPeer, 'id' | 'connectedAt'>>,
  before: readonly string[]
): string[] {
  const oldest = [...outbound].sort((a, b) => a.connectedAt - b.connectedAt).map(({ id }) => id)
  return [...new Set([...oldest.slice(0, ANCHORS), ...before])].slice(0, ANCHORS)
}
