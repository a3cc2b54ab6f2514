import { printable } from '@penin/interface'
import type { NodeStats, PeerInfo } from '@penin/node'
import { cut, formatBytes, formatDuration, formatRtt, shortId } from './format.js'
import { BOOTSTRAP_HINT } from './hints.js'
import { renderTable, type Column } from './table.js'

/** What the screen of a running node shows. */
export interface LiveState {
  stats: NodeStats
  peers: readonly PeerInfo[]
  /** The latest log lines, oldest first; safe to print. */
  events: readonly string[]
  adminUrl?: string
  /** Wall clock. */
  now: number
}

/** Size of a terminal. */
export interface Size {
  columns: number
  rows: number
}

const COLUMNS: readonly Column[] = [
  { title: 'PEER' },
  { title: 'DIRECTION' },
  { title: 'FOUND BY' },
  { title: 'RTT', align: 'right' },
  { title: 'IN', align: 'right' },
  { title: 'OUT', align: 'right' },
  { title: 'SINCE', align: 'right' },
  { title: 'PROFILE' }
]

/** Events shown where there is room for them. */
const EVENTS = 8

/** Lines kept for a terminal that grows; the oldest goes. */
const MAX_KEPT = 20

/** The lines that are kept once another has come. */
export function keepLatest(lines: readonly string[], line: string): string[] {
  return [...lines, line].slice(-MAX_KEPT)
}

/** Pure: the whole screen as text that fits the terminal. */
export function renderLive(state: LiveState, { columns, rows }: Size): string {
  const head = header(state).map((line) => cut(line, columns))
  const wanted = Math.min(state.events.length, EVENTS)
  // Heading and at least one peer come before events; one line stays free for the cursor.
  const room = Math.max(3, rows - 1 - head.length)
  const eventRoom = Math.max(0, Math.min(wanted, room - Math.min(tableHeight(state), Math.ceil(room / 2)) - 1))
  const table = peerLines(state, columns, room - (eventRoom > 0 ? eventRoom + 1 : 0))
  const events = eventRoom === 0 ? [] : ['', ...state.events.slice(-eventRoom).map((line) => cut(line, columns))]
  return [...head, ...table, ...events].slice(0, Math.max(1, rows - 1)).join('\n')
}

function tableHeight({ peers }: LiveState): number {
  return Math.max(1, peers.length) + 1
}

function header({ stats, adminUrl }: LiveState): string[] {
  const { peers, connections, traffic } = stats
  const admin = adminUrl == null ? '' : `, admin ${adminUrl}`
  return [
    `${stats.id}, network ${stats.networkId}, up ${formatDuration(stats.uptime)}${admin}`,
    `${peers.connected} of ${peers.target} peers (${connections.inbound} in, ${connections.outbound} out), ${peers.known} known, ` +
      `${formatBytes(traffic.bytesIn)} in, ${formatBytes(traffic.bytesOut)} out`,
    ...stats.addresses.slice(0, 2).map((address) => `  ${address}`),
    ''
  ]
}

function peerLines({ peers, now }: LiveState, width: number, room: number): string[] {
  if (peers.length === 0) {
    return [cut(`looking for peers; ${BOOTSTRAP_HINT}`, width)]
  }
  const fits = Math.max(1, room - 1)
  const shown = peers.length <= fits ? peers : peers.slice(0, Math.max(1, fits - 1))
  const lines = renderTable(
    COLUMNS,
    shown.map((peer) => row(peer, now)),
    width
  )
  const more = peers.length - shown.length
  return more > 0 ? [...lines, `… and ${more} more`] : lines
}

function row(peer: PeerInfo, now: number): string[] {
  return [
    shortId(peer.id.toString()),
    peer.direction ?? '-',
    peer.sources.join(',') || '-',
    formatRtt(peer.rtt),
    formatBytes(peer.bytesIn),
    formatBytes(peer.bytesOut),
    peer.connectedSince == null ? '-' : formatDuration(now - peer.connectedSince),
    printable(peer.profile ?? '-', 12)
  ]
}
