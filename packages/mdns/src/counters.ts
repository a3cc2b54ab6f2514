import { systemErrorCode } from '@penin/interface'
import { MdnsSocketError } from './errors.js'
import type { SocketProblem } from '@penin/interface'
import type { DropReason, MdnsStats } from './options.js'
import type { AddressDrop } from './addresses.js'

/** Problems remembered, so that each is reported once. */
export const MAX_PROBLEMS = 256

/** Counts what happens. */
export class Counters {
  readonly #reported = new Set<string>()
  readonly stats: MdnsStats = {
    received: 0,
    sent: 0,
    queries: 0,
    answers: 0,
    unicastAnswers: 0,
    peers: 0,
    goodbyes: 0,
    conflicts: 0,
    dropped: {
      'too-big': 0,
      'off-link': 0,
      'rate-limited': 0,
      malformed: 0,
      'no-addresses': 0,
      'bad-peer-id': 0,
      'mixed-ids': 0,
      'key-type': 0
    },
    droppedAddresses: { syntax: 0, 'no-peer-id': 0, 'not-ip': 0, scope: 0 },
    errors: {}
  }

  drop(reason: DropReason): void {
    this.stats.dropped[reason]++
  }

  dropAddresses(reasons: readonly AddressDrop[]): void {
    for (const reason of reasons) this.stats.droppedAddresses[reason]++
  }

  /** Counts a refusal of the system; returns it if it is one that nobody has been told of yet. */
  problem({ networkInterface, operation, error }: SocketProblem): MdnsSocketError | undefined {
    const code = systemErrorCode(error) ?? 'UNKNOWN'
    const kind = `${operation}:${code}`
    this.stats.errors[kind] = (this.stats.errors[kind] ?? 0) + 1
    const key = `${networkInterface}/${kind}`
    if (this.#reported.has(key) || this.#reported.size >= MAX_PROBLEMS) return undefined
    this.#reported.add(key)
    return new MdnsSocketError(networkInterface, operation, code, { cause: error })
  }

  /** Lets problems be reported again, should they come back, of those interfaces that are not among these any more. */
  retainProblems(present: ReadonlySet<string>, missing: ReadonlySet<string>): void {
    for (const key of this.#reported) {
      const slash = key.lastIndexOf('/')
      const relevant = key.startsWith('select:', slash + 1) ? missing : present
      if (!relevant.has(key.slice(0, slash))) this.#reported.delete(key)
    }
  }

  /** A copy that its reader may keep. */
  snapshot(): MdnsStats {
    return structuredClone(this.stats)
  }
}
