import { PeninError, printable } from '@penin/interface'

/** A broadcast payload is longer than messages of this network may be; nothing was sent. */
export class BroadcastTooLongError extends PeninError {
  static override readonly name = 'BroadcastTooLongError'

  constructor(
    readonly length: number,
    readonly max: number
  ) {
    super(`a broadcast of ${length} bytes, at most ${max} are allowed`)
  }
}

/** Nobody that this node is connected to has subscribed to the topic; nothing was sent. */
export class NoSubscribersError extends PeninError {
  static override readonly name = 'NoSubscribersError'

  constructor(
    readonly topic: string,
    options?: ErrorOptions
  ) {
    super(`no connected peer has subscribed to "${printable(topic)}"`, options)
  }
}

/** More messages a second than receivers take; nothing was sent. */
export class BroadcastRateError extends PeninError {
  static override readonly name = 'BroadcastRateError'

  constructor(readonly perSecond: number) {
    super(`more than ${perSecond} broadcasts a second, which receivers would drop`)
  }
}

/** This node has subscribed to as many topics as its peers keep track of. */
export class TooManyTopicsError extends PeninError {
  static override readonly name = 'TooManyTopicsError'

  constructor(readonly max: number) {
    super(`subscribed to ${max} topics already`)
  }
}

/** GossipSub refused to publish for a reason of its own. */
export class PublishFailedError extends PeninError {
  static override readonly name = 'PublishFailedError'

  constructor(
    readonly topic: string,
    options?: ErrorOptions
  ) {
    super(`could not publish to "${printable(topic)}"`, options)
  }
}

/** The installed GossipSub lacks a part that this package's bounds are built on, so they would silently not hold. */
export class GossipsubIncompatibleError extends PeninError {
  static override readonly name = 'GossipsubIncompatibleError'

  constructor(readonly missing: string) {
    super(`the installed @libp2p/gossipsub has no ${missing}`)
  }
}

/** Makes GossipSub drop a message without blaming anybody; it never leaves this package. */
export class MessageDroppedError extends PeninError {
  static override readonly name = 'MessageDroppedError'

  constructor(readonly reason: 'replayed' | 'rate-limited') {
    super(`the message was dropped: ${reason}`)
  }
}
