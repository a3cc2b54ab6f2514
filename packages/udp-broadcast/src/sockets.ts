import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { LinkSockets, multicastInterface, type SocketProblem } from '@penin/interface'
import { GROUP, type Link } from './interfaces.js'

/** A datagram stays on the link: routers drop what arrives with 1. */
const HOPS = 1

/**
 * Bytes of datagrams that wait to be read. In a flood the rest is lost, honest beacons among it; a system that allows less
 * takes as much as it allows.
 */
const RECEIVE_BUFFER = 2 ** 20

/** What {@link beaconSockets} tell their owner. */
export interface BeaconSocketsHandlers {
  onDatagram: (datagram: Buffer, from: RemoteInfo) => void
  /** Called every time; the owner decides what is news. */
  onProblem: (problem: SocketProblem) => void
  /** The listening socket of a family has got its port. */
  onListening: (networkInterface: string) => void
}

/** The sockets of beacons. The listening ones share their port; each of the sending ones has its own. */
export function beaconSockets(port: number, handlers: BeaconSocketsHandlers): LinkSockets<Link> {
  return new LinkSockets<Link>({
    listenPort: port,
    sendPort: 0,
    open: (options, isListener) => {
      // Python nodes and others of ours on this host use the same port
      const socket = createSocket({ ...options, reuseAddr: isListener })
      // nobody is answered, so that whatever comes to a sending socket is no beacon
      return isListener ? listening(socket, handlers) : socket
    },
    configure: (socket, link) => {
      if (link.family === 4) {
        socket.setBroadcast(true)
        socket.setTTL(HOPS)
      } else {
        socket.setMulticastInterface(multicastInterface(link))
        socket.setMulticastTTL(HOPS)
        socket.setMulticastLoopback(true) // other processes on this host are peers too
      }
    },
    groupOf: (family) => (family === 6 ? GROUP : undefined),
    onProblem: handlers.onProblem
  })
}

function listening(socket: Socket, { onDatagram, onListening }: BeaconSocketsHandlers): Socket {
  return socket.on('message', onDatagram).once('listening', () => {
    enlargeBuffer(socket)
    onListening(socket.address().address)
  })
}

function enlargeBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER)
  } catch {
    // the system's own size does as well, except in a flood
  }
}
