import { systemErrorCode, type SocketOperation, type SocketProblem } from '@penin/interface'
import { UdpPortTakenError, UdpSocketError } from './errors.js'
import type { DropReason, UdpBroadcastStats } from './options.js'

/** Problems remembered, so that each is reported once. */
export const MAX_PROBLEMS = 256

/**
 * Tries to bind to an address that isn't there, before that is reported: the system lists a fresh IPv6 address while it
 * still asks the link, for a second or two, whether somebody else has it.
 */
const TENTATIVE_TRIES = 3

/** A problem, and how often it has come up. */
interface Recurrence {
  name: string
  kind: string
  times: number
}

/** Counts what happens. */
export class Counters {
  /** By {@link problemKey}. An interface's name may have blanks in it. */
  readonly #seen = new Map<string, Recurrence>()
  readonly stats: Omit<UdpBroadcastStats, 'legacy' | 'known'> = {
    received: 0,
    sent: 0,
    sentBytes: 0,
    peers: 0,
    beacons: 0,
    goodbyes: 0,
    legacyBeacons: 0,
    legacyDiscovered: 0,
    legacyLost: 0,
    droppedAddresses: 0,
    dropped: {
      'too-big': 0,
      'off-link': 0,
      'rate-limited': 0,
      malformed: 0,
      'bad-id': 0,
      own: 0,
      'other-network': 0,
      stale: 0,
      'bad-record': 0,
      'key-type': 0,
      'wrong-signer': 0,
      'bad-signature': 0,
      'no-addresses': 0,
      'bad-port': 0,
      'legacy-ipv6': 0,
      'legacy-full': 0
    },
    errors: {}
  }

  drop(reason: DropReason): void {
    this.stats.dropped[reason]++
  }

  /** Counts a refusal of the system; returns it if it is one that nobody has been told of yet. */
  problem({ networkInterface, operation, error, port }: SocketProblem): UdpSocketError | UdpPortTakenError | undefined {
    const code = systemErrorCode(error) ?? 'UNKNOWN'
    const kind = `${operation}:${code}`
    this.stats.errors[kind] = (this.stats.errors[kind] ?? 0) + 1
    const key = problemKey(networkInterface, kind)
    const seen = this.#seen.get(key) ?? { name: networkInterface, kind, times: 0 }
    if (seen.times === 0 && this.#seen.size >= MAX_PROBLEMS) {
      return undefined
    }
    seen.times++
    this.#seen.set(key, seen)
    if (seen.times !== (kind === 'bind:EADDRNOTAVAIL' ? TENTATIVE_TRIES : 1)) {
      return undefined
    }
    if (port != null && code === 'EADDRINUSE') {
      return new UdpPortTakenError(port, networkInterface === '::' ? 6 : 4, { cause: error })
    }
    return new UdpSocketError(networkInterface, operation, code, { cause: error })
  }

  /** The operation has worked: should it fail again, that is reported again. */
  solved(networkInterface: string, operation: SocketOperation): void {
    for (const [key, { name, kind }] of this.#seen) {
      if (name === networkInterface && kind.startsWith(`${operation}:`)) {
        this.#seen.delete(key)
      }
    }
  }

  /** Lets problems be reported again, should they come back, of those interfaces that are not among these any more. */
  retainProblems(present: ReadonlySet<string>, missing: ReadonlySet<string>): void {
    for (const [key, { name, kind }] of this.#seen) {
      if (!(kind.startsWith('select:') ? missing : present).has(name)) {
        this.#seen.delete(key)
      }
    }
  }

  /** A copy that its reader may keep. */
  snapshot(): Omit<UdpBroadcastStats, 'legacy' | 'known'> {
    return structuredClone(this.stats)
  }
}

function problemKey(networkInterface: string, kind: string): string {
  return `${networkInterface} ${kind}`
}
