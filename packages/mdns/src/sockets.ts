import { createSocket, type RemoteInfo } from 'node:dgram'
import { LinkSockets, multicastInterface } from '@penin/interface'
import type { Family, SocketProblem } from '@penin/interface'

/** RFC 6762, section 3. */
export const GROUPS: Readonly<Record<Family, string>> = { 4: '224.0.0.251', 6: 'ff02::fb' }

/** RFC 6762, section 11: every packet should be sent with this, so that a receiver may tell it came over no router. */
const HOPS = 255

/** What {@link multicastSockets} tell their owner. */
export interface MulticastSocketsHandlers {
  onPacket: (packet: Buffer, from: RemoteInfo) => void
  /** Something was refused. Called every time; the owner decides what is news. */
  onProblem: (problem: SocketProblem) => void
}

/** The sockets of mDNS. They all have its port, for a query from any other is that of a plain resolver. */
export function multicastSockets(port: number, { onPacket, onProblem }: MulticastSocketsHandlers): LinkSockets {
  return new LinkSockets({
    listenPort: port,
    sendPort: port,
    // reuseAddr: other mDNS programs on this host use the same port
    open: (options) => createSocket({ ...options, reuseAddr: true }, onPacket),
    configure: (socket, link) => {
      socket.setMulticastInterface(multicastInterface(link))
      socket.setMulticastTTL(HOPS)
      socket.setTTL(HOPS)
      // other processes on this host are peers too
      socket.setMulticastLoopback(true)
    },
    groupOf: (family) => GROUPS[family],
    onProblem
  })
}
