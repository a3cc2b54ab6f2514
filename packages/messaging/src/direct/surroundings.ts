import type { Connection, PeerId } from '@libp2p/interface'
import type { Clock, PeerReporter, Rng } from '@penin/interface'
import type { Meter } from './bandwidth.js'
import type { DurableStore } from './durable-store.js'
import type { MessagingLimits } from './limits.js'
import type { Statistics } from './statistics.js'

/** How long and how often a peer is tried that is absent. */
export interface RetryRule {
  /** Attempts to reach it in that time; each failure waits longer than the one before, at most `within / attempts`. @default 3 */
  attempts: number
  /** Milliseconds that a message waits for its receiver unless it has a time to live of its own. @default 60_000 */
  within: number
}

/** How a peer is reached; whoever knows an address book or a DHT hands in one that asks them. */
export type Connect = (peer: PeerId, signal: AbortSignal) => Promise<Connection>

/** What the parts of the service share. */
export interface Surroundings {
  clock: Clock
  rng: Rng
  limits: MessagingLimits
  retry: RetryRule
  connect: Connect
  reporter: PeerReporter | undefined
  store: DurableStore | undefined
  total: Statistics
  outbound: Meter
  inbound: Meter
  handlerTimeout: number
}
