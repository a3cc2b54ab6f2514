import { chooseInboundVictim, keyedGroup, type EvictionCandidate } from '@penin/connection-manager'
import type { Bench } from '../bench.js'
import { median } from '../statistics.js'

/** A bootstrap node for a thousand; most of them of a group of their own. */
const PEERS = 1_000

const GROUPS = 700

/** Decisions that are not counted: the first ones run before the code is compiled. */
const WARM_UPS = 200

const DECISIONS = 500

/** A full node, and somebody knocks. It is arithmetic alone, so it needs no process of its own. */
export const evict: Bench = {
  rows: [{ name: 'evict-1000', unit: 'ms', what: `choose which of ${PEERS} inbound peers makes room`, limit: 1 }],
  rounds: 5,
  alone: true,

  async measure() {
    const peers = Array.from({ length: PEERS }, (_, n) => peer(n))
    const newcomer = { group: 'group 1' }
    const times: number[] = []
    for (let i = 0; i < WARM_UPS + DECISIONS; i++) {
      const from = performance.now()
      chooseInboundVictim(peers, { newcomer })
      times.push(performance.now() - from)
    }
    return { 'evict-1000': median(times.slice(WARM_UPS)) }
  }
}

const secret = new Uint8Array(16).fill(7)

/** The same peers in every run, and in no order: a prime goes through all remainders. */
function peer(n: number): EvictionCandidate {
  const group = `group ${(n * 7919) % GROUPS}`
  return {
    id: `peer ${n}`,
    direction: 'inbound',
    group,
    keyedGroup: keyedGroup(secret, group),
    scope: n % 10 === 0 ? 'private' : 'public',
    connectedAt: (n * 104_729) % 1_000_003,
    minRtt: (n * 1_299_709) % 997,
    lastMessageAt: (n * 15_485_863) % 999_983,
    lastRecordAt: (n * 32_452_843) % 999_979,
    score: 30 + (n % 50)
  }
}
