import type { Connection } from '@libp2p/interface'
import { observedScope, sourceGroup, type Clock, type PeerReporter, type Rng } from '@penin/interface'
import type { IsPeer, OnAnswer } from './contracts.js'
import type { Counters } from './counters.js'
import { PexMalformedError } from './errors.js'
import type { Intake, Teller } from './intake.js'
import type { OwnRecord } from './own-record.js'

/** What asking and answering share. */
export interface Surroundings {
  clock: Clock
  rng: Rng
  counters: Counters
  intake: Intake
  own: OwnRecord
  isPeer: IsPeer
  reporter: PeerReporter | undefined
  onAnswer: OnAnswer | undefined
  /** Milliseconds for one exchange. */
  timeout: number
}

/** The other end, as this one sees it. */
export function tellerOf(connection: Connection): Teller {
  const { remotePeer: peer, remoteAddr } = connection
  return { peer, scope: observedScope(remoteAddr), observed: remoteAddr, sourceGroup: sourceGroup(remoteAddr) }
}

/** Reports a peer that has broken the rules; anything else that went wrong is nobody's fault. */
export function reportOffence({ reporter }: Surroundings, connection: Connection, error: unknown): void {
  if (error instanceof PexMalformedError) {
    reporter?.report(connection.remotePeer, { reason: `pex-${error.offence}`, tolerance: 'mid' })
  }
}

/** What `promise` gives, unless `signal` is first. */
export async function unlessAborted<T>(promise: T | Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => {
    aborted.reject(signal.reason as Error)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
