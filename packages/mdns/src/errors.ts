import { PeninError } from '@penin/interface'
import type { SocketOperation } from '@penin/interface'

/**
 * The operating system refused something on one interface. It is never thrown: it is the detail of the `mdns:error`
 * event, once per interface, operation and code, and the other interfaces carry on.
 */
export class MdnsSocketError extends PeninError {
  static override readonly name = 'MdnsSocketError'

  constructor(
    /** The interface's name, or the address or name asked for if there is no such interface. */
    readonly networkInterface: string,
    readonly operation: SocketOperation,
    /** The system's error code, such as `EADDRINUSE`, `ENODEV`, `EPERM` or `ENETUNREACH`. */
    readonly code: string,
    options?: ErrorOptions
  ) {
    super(`mDNS on ${networkInterface}: ${operation} failed with ${code}`, options)
  }
}
