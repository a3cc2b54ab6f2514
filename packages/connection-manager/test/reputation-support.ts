import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { Tolerance } from '@penin/interface'
import { FakeClock } from '@penin/testing'
import { Reputation } from '../src/index.js'
import type { BannedDetail, ReputationInit, UnbannedDetail } from '../src/index.js'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** The n-th id: text like a peer id's, without a key behind it. */
export function idOf(n: number): string {
  return `12D3KooW${String(n).padStart(44, 'x')}`
}

export function at(ip: string): Multiaddr {
  return multiaddr(`/${ip.includes(':') ? 'ip6' : 'ip4'}/${ip}/tcp/4001`)
}

/** A reputation on a clock that stands still, and everything it has told. */
export function makeReputation(init: Partial<ReputationInit> = {}) {
  const clock = new FakeClock()
  const reputation = new Reputation({ clock, ...init })
  const banned: BannedDetail[] = []
  const unbanned: UnbannedDetail[] = []
  reputation.addEventListener('banned', ({ detail }) => banned.push(detail))
  reputation.addEventListener('unbanned', ({ detail }) => unbanned.push(detail))
  return { reputation, clock, banned, unbanned }
}

export function report(reputation: Reputation, id: string, tolerance: Tolerance, times = 1): void {
  for (let i = 0; i < times; i++) {
    reputation.report(id, { reason: `${tolerance}-offence`, tolerance })
  }
}

/** Reports with `pause` between them until there is a ban; how many it took, 0 for more than 5000. */
export function reportsToBan(tolerance: Tolerance, pause = 0): number {
  const { reputation, clock } = makeReputation()
  for (let n = 1; n <= 5_000; n++) {
    report(reputation, idOf(1), tolerance)
    if (reputation.isBanned(idOf(1))) {
      return n
    }
    clock.tick(pause)
  }
  return 0
}

/** Connected, and as good as it gets within a moment. */
export function makeGood(reputation: Reputation, id: string): void {
  reputation.connected(id)
  reputation.messages(id, 1_000)
  for (let i = 0; i < 100; i++) {
    reputation.pinged(id, 5)
    reputation.exchanged(id, 1)
  }
}
