import { PeninError, printable } from '@penin/interface'

/** Where a setting came from. */
export type ConfigSource = 'code' | 'command line' | 'environment' | 'config file'

/** A setting is unknown or unusable. One line: which, what it was, what was expected. */
export class ConfigError extends PeninError {
  static override readonly name = 'ConfigError'
  readonly value: string

  constructor(
    /** The key in dotted form, or the variable's or flag's name. */
    readonly key: string,
    value: unknown,
    readonly expected: string,
    readonly source: ConfigSource
  ) {
    const shown = printable(typeof value === 'string' ? `"${value}"` : show(value), 100)
    super(`${key} (${source}): got ${shown}, expected ${expected}`)
    this.value = shown
  }
}

/** The node can't listen on a configured address. */
export class ListenError extends PeninError {
  static override readonly name = 'ListenError'

  constructor(
    readonly address: string,
    readonly problem: string,
    options?: ErrorOptions
  ) {
    super(`listen: cannot listen on ${address}: ${problem}`, options)
  }
}

/** Somebody wanted the DHT to store a value or a provider; here it only finds peers. */
export class DhtStorageRefusedError extends PeninError {
  static override readonly name = 'DhtStorageRefusedError'

  constructor() {
    super('this DHT finds peers and stores nothing')
  }
}

/** No such peer is known to the node. */
export class UnknownPeerError extends PeninError {
  static override readonly name = 'UnknownPeerError'

  constructor(readonly peer: string) {
    super(`peer ${printable(peer, 80)} is not known to this node`)
  }
}

/** The peer is banned: `unban()` it first. */
export class PeerBannedError extends PeninError {
  static override readonly name = 'PeerBannedError'
  /** Wall clock, milliseconds; null for a ban for good, or where it is not known. */
  readonly until: number | null

  constructor(
    readonly peer: string,
    ban?: { until: number; reason: string }
  ) {
    super(`peer ${printable(peer, 80)} is banned${ban == null ? '' : `: ${printable(ban.reason, 200)}`}`)
    this.until = ban == null || ban.until === Infinity ? null : ban.until
  }
}

/** The peer at the other end has no lasting place for this node: its limits are reached. */
export class NoRoomError extends PeninError {
  static override readonly name = 'NoRoomError'

  constructor(
    readonly peer: string,
    /** The limit there, such as `too-many-connections`. */
    readonly limit: string
  ) {
    super(`peer ${printable(peer, 80)} has no room for this node: ${printable(limit, 64)}`)
  }
}

/** The peer at the other end speaks libp2p, but does not belong to this network: it has not said hello. */
export class NotAPeerError extends PeninError {
  static override readonly name = 'NotAPeerError'

  constructor(readonly peer: string) {
    super(`peer ${printable(peer, 80)} is connected, but is no peer of this network`)
  }
}

function show(value: unknown): string {
  return typeof value === 'number' || value === undefined ? String(value) : JSON.stringify(value)
}
