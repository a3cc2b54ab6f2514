import type { Change, Explanation, NodeStats, PeerInfoJson } from '@penin/node'
import { printable } from '@penin/interface'
import type { LegacyPeerJson, ListedBan, PeerQuery } from './admin-client.js'
import { formatBytes, formatDuration, formatRtt, shortId } from './format.js'
import { BOOTSTRAP_HINT } from './hints.js'
import { messageRows } from './message-rows.js'
import { renderTable, type Column } from './table.js'

/** What the answers of a node look like to a person. */
export interface Rendering {
  /** Wall clock, for durations. */
  now: number
  /** Full ids: for pipes, where nobody has to fit them on a screen. */
  fullIds: boolean
  width?: number
}

const PEER_COLUMNS: readonly Column[] = [
  { title: 'PEER' },
  { title: 'STATE' },
  { title: 'DIRECTION' },
  { title: 'FOUND BY' },
  { title: 'RTT', align: 'right' },
  { title: 'SCORE', align: 'right' },
  { title: 'HEALTH', align: 'right' },
  { title: 'IN', align: 'right' },
  { title: 'OUT', align: 'right' },
  { title: 'SINCE', align: 'right' },
  { title: 'PROFILE' },
  { title: 'ADDRESS' }
]

/** The peers as a table, Python nodes last, or a line that says that there are none. */
export function peersText(
  peers: readonly PeerInfoJson[],
  { connected, limit: _limit, sort: _sort, ...filter }: PeerQuery,
  { now, fullIds, width }: Rendering,
  legacy: readonly LegacyPeerJson[] = []
): string {
  if (peers.length + legacy.length === 0) {
    if (Object.keys(filter).length > 0) {
      return 'no peer is like that'
    }
    return connected === true
      ? `no peer is connected yet; ${BOOTSTRAP_HINT}`
      : `no peer is known yet; ${BOOTSTRAP_HINT}`
  }
  const rows = peers.map((peer) => [
    fullIds ? printable(peer.id) : shortId(peer.id),
    peer.ban == null ? peer.state : 'banned',
    peer.direction ?? '-',
    peer.sources.join(',') || '-',
    formatRtt(peer.rtt),
    Math.round(peer.reputation).toString(),
    peer.health.toFixed(1),
    formatBytes(peer.bytesIn),
    formatBytes(peer.bytesOut),
    peer.connectedSince == null ? '-' : formatDuration(now - peer.connectedSince),
    printable(peer.profile ?? '-', 12),
    printable(peer.remoteAddress ?? peer.addresses[0]?.multiaddr ?? '-', 120)
  ])
  return renderTable(PEER_COLUMNS, [...rows, ...legacy.map((peer) => legacyRow(peer, now))], width).join('\n')
}

/** Its name is whatever it calls itself; only where its beacons come from has been seen. */
function legacyRow({ id, address, port, firstSeen }: LegacyPeerJson, now: number): string[] {
  const where = address == null ? '-' : `${printable(address)}:${port}`
  return [printable(id, 52), 'legacy', '-', 'udp', '-', '-', '-', '-', '-', formatDuration(now - firstSeen), '-', where]
}

/** One peer in a line. */
export function peerText(peer: PeerInfoJson): string {
  const where = peer.remoteAddress == null ? '' : ` at ${printable(peer.remoteAddress, 200)}`
  const runs = peer.agentVersion == null ? '' : `, runs ${printable(peer.agentVersion, 100)}`
  return `${printable(peer.id)} is ${peer.state}${where}${runs}`
}

/** Why a peer is or isn't connected. */
export function explanationText({ id, state, reasons }: Explanation): string {
  return [`${printable(id)}: ${state}`, ...reasons.map((reason) => `  ${printable(reason, 600)}`)].join('\n')
}

const BAN_COLUMNS: readonly Column[] = [
  { title: 'BANNED' },
  { title: 'STILL', align: 'right' },
  { title: 'BY' },
  { title: 'REASON' }
]

/** The bans as a table, or a line that says that there are none. */
export function bansText(bans: readonly ListedBan[], { now, fullIds, width }: Rendering): string {
  if (bans.length === 0) {
    return 'nobody is banned'
  }
  const rows = bans.map(({ kind, key, until, by, reason }) => [
    fullIds || kind === 'group' ? printable(key) : shortId(key),
    until == null ? 'for good' : formatDuration(until - now),
    printable(by, 20),
    printable(reason, 200)
  ])
  return renderTable(BAN_COLUMNS, rows, width).join('\n')
}

/** One ban in a line. */
export function banText({ key, until }: ListedBan, now: number): string {
  return `${printable(key)} is banned ${until == null ? 'for good' : `for ${formatDuration(until - now)}`}`
}

const HISTORY_COLUMNS: readonly Column[] = [
  { title: 'AGO', align: 'right' },
  { title: 'WHAT' },
  { title: 'TIMES', align: 'right' },
  { title: 'SCORE', align: 'right' },
  { title: 'REASON' }
]

/** How a reputation has changed, the latest change last. */
export function historyText(history: readonly Change[], { now, width }: Rendering): string {
  if (history.length === 0) {
    return 'nothing has changed its reputation so far'
  }
  const rows = history.map(({ at, what, reason, before, after, times }) => [
    formatDuration(now - at),
    what,
    String(times),
    `${Math.round(before)} → ${Math.round(after)}`,
    printable(reason, 100) || '-'
  ])
  return renderTable(HISTORY_COLUMNS, rows, width).join('\n')
}

/** The counters that people ask for first; `--json` has all of them. */
export function statsText(stats: NodeStats): string {
  const { peers, connections, counters, traffic } = stats
  const rows: Array<[string, string]> = [
    ['id', stats.id],
    ['network', `${stats.networkId} (profile ${stats.profile}, version ${stats.version})`],
    ['addresses', stats.addresses.join(' ') || 'none'],
    ['up', formatDuration(stats.uptime)],
    [
      'peers',
      `${peers.connected} of ${peers.target}, at most ${peers.max}; ${peers.known} known, ${peers.dialling} being dialled`
    ],
    [
      'connections',
      `${connections.inbound} inbound, ${connections.outbound} outbound; closed: ${connections.dead} dead, ${connections.duplicates} duplicate`
    ],
    ['refused', pairs(connections.refused)],
    ['reports', pairs(stats.reputation.reports)],
    ['bans', `${stats.reputation.bans} peers, ${stats.reputation.groupBans} IP groups`],
    ['found', pairs(counters.discovered)],
    ['dials', `${counters.dials.ok} ok, ${counters.dials.failed} failed`],
    ['traffic', `${formatBytes(traffic.bytesIn)} in, ${formatBytes(traffic.bytesOut)} out`],
    ...messageRows(stats.messages),
    [
      'dht',
      Object.entries(stats.dht)
        .map(([name, table]) => `${name}: ${table.peers} peers (${table.mode})`)
        .join(', ') || 'off'
    ],
    ['mdns', stats.mdns == null ? 'off' : stats.mdns.interfaces.join(', ') || 'no interface'],
    ['udp', stats.udp == null ? 'off' : stats.udp.interfaces.join(', ') || 'no interface'],
    ...pythonRows(stats),
    ['store', stats.store.state],
    ['memory', formatBytes(stats.memory.rss)],
    ...stats.warnings.map((warning): [string, string] => ['warning', warning])
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${printable(value, 1_000)}`).join('\n')
}

/** Python nodes are no peers: they can't be connected to. */
function pythonRows({ udp, legacy }: NodeStats): Array<[string, string]> {
  const parts = [
    ...(udp == null ? [] : [`${udp.legacy} heard`]),
    ...(legacy?.knownPeers == null ? [] : [`${legacy.knownPeers} in the state file`])
  ]
  return parts.length === 0 ? [] : [['legacy', parts.join(', ')]]
}

function pairs(counts: Readonly<Record<string, number | undefined>>): string {
  const shown = Object.entries(counts).filter(([, count]) => (count ?? 0) > 0)
  return shown.map(([name, count]) => `${count ?? 0} ${name}`).join(', ') || 'none'
}
