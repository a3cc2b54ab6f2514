import { MessageExpiredError, OutboxFullError, PeerUnreachableError } from '../errors.js'
import type { MessagingLimits } from './limits.js'
import type { Outgoing } from './outgoing.js'

/** What all outlets together hold. */
export class OutboxTotal {
  messages = 0
  bytes = 0
  /** Called when something was taken out, for those that wait for room. */
  readonly waiting = new Set<() => void>()
}

/** Room in the outbox of one peer, and in that of all. */
export class Outbox {
  messages = 0
  bytes = 0

  constructor(
    private readonly peer: string,
    private readonly limits: MessagingLimits,
    private readonly total: OutboxTotal
  ) {}

  /** @throws OutboxFullError */
  enter(entry: Outgoing): void {
    const { limits, total } = this
    if (this.messages >= limits.outboxPeerMessages) {
      throw new OutboxFullError(this.peer, 'peer-messages')
    }
    if (this.messages > 0 && this.bytes + entry.cost > limits.outboxPeerBytes) {
      throw new OutboxFullError(this.peer, 'peer-bytes')
    }
    if (total.messages >= limits.outboxMessages) {
      throw new OutboxFullError(this.peer, 'total-messages')
    }
    if (total.messages > 0 && total.bytes + entry.cost > limits.outboxBytes) {
      throw new OutboxFullError(this.peer, 'total-bytes')
    }
    this.#add(1, entry.cost)
  }

  leave(entry: Outgoing): void {
    if (entry.cost > 0) {
      this.#add(-1, -entry.cost)
      entry.cost = 0
      if (this.total.waiting.size > 0 && this.hasRoom(0)) {
        const waiting = [...this.total.waiting]
        this.total.waiting.clear()
        for (const wake of waiting) {
          wake()
        }
      }
    }
  }

  /** Whether there is room within a share: sinks take half of it, answers three quarters, single messages all. */
  hasRoom(cost: number, share = 0.5): boolean {
    const { limits, total } = this
    return (
      this.messages < limits.outboxPeerMessages * share &&
      (this.messages === 0 || this.bytes + cost <= limits.outboxPeerBytes * share) &&
      total.messages < limits.outboxMessages * share &&
      (total.messages === 0 || total.bytes + cost <= limits.outboxBytes * share)
    )
  }

  /** Resolves when somebody's message has left. */
  async changed(): Promise<void> {
    await new Promise<void>((resolve) => this.total.waiting.add(resolve))
  }

  #add(messages: number, bytes: number): void {
    this.messages += messages
    this.bytes += bytes
    this.total.messages += messages
    this.total.bytes += bytes
  }
}

/** What became of a message whose time is over. */
export function expiryError(
  peer: string,
  entry: Outgoing,
  link: { attempts: number; error: Error | undefined }
): Error {
  const options = link.error === undefined ? {} : { cause: link.error }
  return link.attempts > 0 && !entry.wasSent
    ? new PeerUnreachableError(peer, link.attempts, options)
    : new MessageExpiredError(peer, entry.wasSent, options)
}
