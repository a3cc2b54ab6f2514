import { EXIT } from '@penin/bootstrap-node'
import { PeninError, printable } from '@penin/interface'

/** No node answers where one was asked. */
export class NoNodeError extends PeninError {
  static override readonly name = 'NoNodeError'
  readonly exitCode = EXIT.noNode

  constructor(
    /** The data directory or URL that was tried. */
    readonly where: string,
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`no node is running at ${printable(where, 300)}: ${problem}`, options)
  }
}

/** The node has answered a request with an error. */
export class NodeAnswerError extends PeninError {
  static override readonly name = 'NodeAnswerError'

  constructor(
    readonly status: number,
    /** Name of the node's error. */
    readonly reason: string,
    message: string
  ) {
    super(printable(message, 1_000))
  }
}

/** The beginning or end of an id fits several peers, or none. */
export class PeerChoiceError extends PeninError {
  static override readonly name = 'PeerChoiceError'
  readonly exitCode: number

  constructor(
    readonly given: string,
    /** The ids that fit. */
    readonly candidates: readonly string[]
  ) {
    const shown = candidates.slice(0, 5).join(', ')
    const more = candidates.length > 5 ? ` and ${candidates.length - 5} more` : ''
    const text = printable(given, 80)
    super(
      candidates.length === 0
        ? `no known peer's id begins or ends with "${text}"`
        : `"${text}" fits ${candidates.length} peers: ${shown}${more}`
    )
    this.exitCode = candidates.length === 0 ? EXIT.unexpected : EXIT.usage
  }
}

/** A value on the command line can't be used. */
export class UsageError extends PeninError {
  static override readonly name = 'UsageError'
  readonly exitCode = EXIT.usage
}

/** A process of the demo has ended, though nobody asked it to. */
export class ChildDiedError extends PeninError {
  static override readonly name = 'ChildDiedError'

  constructor(
    readonly child: string,
    readonly how: string,
    /** The last lines that it wrote. */
    readonly lines: readonly string[]
  ) {
    super(`${child} died (${how})`)
  }
}

/** The demo's network has not come to what was expected of it in time. */
export class DemoTimeoutError extends PeninError {
  static override readonly name = 'DemoTimeoutError'

  constructor(
    readonly phase: 'formed' | 'rejoined' | 'delivered all messages',
    readonly afterMs: number,
    /** How far it came. */
    readonly state: string
  ) {
    super(`the network has not ${phase} in ${Math.round(afterMs / 1000)} s: ${state}`)
  }
}

/** A message of the demo could not be sent, or was not taken. */
export class DemoMessageError extends PeninError {
  static override readonly name = 'DemoMessageError'

  constructor(readonly problem: string) {
    super(`a message was not delivered: ${problem}`)
  }
}

/** Somebody has stopped the demo. */
export class DemoInterruptedError extends PeninError {
  static override readonly name = 'DemoInterruptedError'

  constructor(readonly signal: string) {
    super(`interrupted (${signal})`)
  }
}
