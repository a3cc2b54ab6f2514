import { PeninError, type SocketOperation } from '@penin/interface'

/**
 * The operating system refused something on one interface. It is never thrown: it is the detail of the `udp:error` event,
 * once per interface, operation and code, and the other interfaces carry on.
 */
export class UdpSocketError extends PeninError {
  static override readonly name = 'UdpSocketError'

  constructor(
    /** The interface's name, or the address or name asked for if there is no such interface. */
    readonly networkInterface: string,
    readonly operation: SocketOperation,
    /** The system's error code, such as `ENODEV`, `EPERM` or `ENETUNREACH`. */
    readonly code: string,
    options?: ErrorOptions
  ) {
    super(`UDP beacons on ${networkInterface}: ${operation} failed with ${code}`, options)
  }
}

/**
 * Another program has the port and doesn't share it. It is never thrown: it is the detail of the `udp:port-taken` event.
 * Beacons are still sent, so that others find this node, and the port is tried again at every rescan.
 */
export class UdpPortTakenError extends PeninError {
  static override readonly name = 'UdpPortTakenError'

  constructor(
    readonly port: number,
    readonly family: 4 | 6,
    options?: ErrorOptions
  ) {
    super(`UDP port ${port} (IPv${family}) is taken by a program that does not share it: no beacon is heard`, options)
  }
}
