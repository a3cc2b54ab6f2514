import { InvalidArgumentError } from '@penin/interface'

const KIB = 1024
const MIB = 1024 * KIB

/** Bytes that a queued or waiting message costs beside its payload; measured on Node 24, rounded up. */
export const MESSAGE_OVERHEAD = 512

/**
 * Ids that may lie between the oldest message on its way and the newest, and thus bytes of a receiver's memory of one
 * sender. A handler that hangs can hold up the other types of its sender once so many of them have passed it.
 */
export const ID_SPAN = 32_768

/** Bounds of memory; raising one raises the worst case by as much for each peer, or in total, as its name says. */
export interface MessagingLimits {
  /** Bytes of one payload, before compression; at most 16 MiB. @default 1 MiB */
  maxMessageBytes: number
  /** Bytes that one peer may have on their way to, or waiting for, our handlers. One message may always. @default 4 MiB */
  windowBytes: number
  /** Messages that one peer may have so; at most 16,384. @default 4096 */
  windowMessages: number
  /** Bytes of all peers above which only those are read that have next to nothing waiting. @default 64 MiB */
  receiveBytes: number
  /** Messages for one peer, queued or on their way. @default 16,384 */
  outboxPeerMessages: number
  /** Bytes for one peer, with {@link MESSAGE_OVERHEAD} for each message. @default 16 MiB */
  outboxPeerBytes: number
  /** Messages for all peers. @default 131,072 */
  outboxMessages: number
  /** Bytes for all peers. @default 64 MiB */
  outboxBytes: number
  /** Absent peers of which ids, statistics and duplicates are remembered. @default 1024 */
  peers: number
}

/** The defaults. */
export const MESSAGING_LIMITS: MessagingLimits = {
  maxMessageBytes: MIB,
  windowBytes: 4 * MIB,
  windowMessages: 4096,
  receiveBytes: 64 * MIB,
  outboxPeerMessages: 16_384,
  outboxPeerBytes: 16 * MIB,
  outboxMessages: 131_072,
  outboxBytes: 64 * MIB,
  peers: 1024
}

/** @throws InvalidArgumentError for a limit that can't be kept */
export function checkLimits(limits: MessagingLimits): MessagingLimits {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new InvalidArgumentError(`limits.${name}`, String(value), 'a whole number of at least 1')
    }
  }
  if (limits.maxMessageBytes > 16 * MIB) {
    throw new InvalidArgumentError('limits.maxMessageBytes', String(limits.maxMessageBytes), 'at most 16 MiB')
  }
  if (limits.windowMessages > ID_SPAN / 2) {
    throw new InvalidArgumentError('limits.windowMessages', String(limits.windowMessages), `at most ${ID_SPAN / 2}`)
  }
  return limits
}
