import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { SocketOperation } from './errors.js'
import { GROUP, type Family, type Link } from './interfaces.js'

/** A datagram stays on the link: routers drop what arrives with 1. */
const HOPS = 1

/**
 * Bytes of datagrams that wait to be read. In a flood the rest is lost, honest beacons among it; a system that allows less
 * takes as much as it allows.
 */
const RECEIVE_BUFFER = 2 ** 20

/** Something that the operating system refused. */
export interface Problem {
  networkInterface: string
  operation: SocketOperation
  error: unknown
  /** The port, if it was that of the listening socket. */
  port?: number
}

/** What a {@link BeaconSockets} tells its owner. */
export interface BeaconSocketsHandlers {
  onDatagram(datagram: Buffer, from: RemoteInfo): void
  /** Called every time; the owner decides what is news. */
  onProblem(problem: Problem): void
  /** The listening socket of a family has got its port. */
  onListening(networkInterface: string): void
}

/**
 * The sockets: per family one that listens, per link one that sends. The listening one is bound to the wildcard address,
 * because a socket bound to an interface's address gets no broadcast, and shares its port; the sending ones are bound to
 * the interface's address and a port of their own, so that datagrams leave by that interface, from that address, without
 * any route.
 *
 * Calls must not overlap.
 */
export class BeaconSockets {
  readonly #senders = new Map<string, { link: Link; socket: Socket }>()
  readonly #receivers = new Map<Family, Socket>()

  constructor(
    private readonly port: number,
    private readonly handlers: BeaconSocketsHandlers
  ) {}

  /** The links that can be sent on. */
  get links(): Link[] {
    return [...this.#senders.values()].map(({ link }) => link)
  }

  /** Opens and closes sockets until they match `links`, and returns those that are new. Never rejects. */
  async update(links: readonly Link[]): Promise<Link[]> {
    const wanted = new Set(links.map((link) => link.key))
    for (const [key, { link, socket }] of this.#senders) {
      if (!wanted.has(key)) {
        this.#senders.delete(key)
        this.#leave(link)
        await closed(socket)
      }
    }
    const added: Link[] = []
    for (const link of links) {
      await this.#listen(link)
      const known = this.#senders.get(link.key)
      if (known != null) {
        known.link = link // the same interface; it may have got another address next to the one that we use
        continue
      }
      const socket = await this.#openSender(link)
      if (socket != null) {
        this.#senders.set(link.key, { link, socket })
        added.push(link)
      }
    }
    return added
  }

  /** Sends a datagram on one link. Never rejects; false if it didn't get out. */
  async send(link: Link, datagram: Buffer, destination: string): Promise<boolean> {
    const socket = this.#senders.get(link.key)?.socket
    if (socket == null) {
      return false
    }
    return new Promise((resolve) => {
      const done = (error: unknown): void => {
        if (error != null) {
          this.handlers.onProblem({ networkInterface: link.name, operation: 'send', error })
        }
        resolve(error == null)
      }
      try {
        socket.send(datagram, this.port, destination, done)
      } catch (error) {
        done(error)
      }
    })
  }

  /** Closes everything; {@link BeaconSockets.update} may open it again. */
  async close(): Promise<void> {
    const sockets = [...this.#receivers.values(), ...[...this.#senders.values()].map(({ socket }) => socket)]
    this.#receivers.clear()
    this.#senders.clear()
    await Promise.all(sockets.map(closed))
  }

  async #openSender(link: Link): Promise<Socket | undefined> {
    const socket = await this.#bound(link.family, link.bind, 0, link.name, () => {
      this.#senders.delete(link.key)
    })
    if (socket == null) {
      return undefined
    }
    try {
      if (link.family === 4) {
        socket.setBroadcast(true)
        socket.setTTL(HOPS)
      } else {
        socket.setMulticastInterface(`::%${link.zone}`)
        socket.setMulticastTTL(HOPS)
        socket.setMulticastLoopback(true) // other processes on this host are peers too
      }
      return socket
    } catch (error) {
      this.handlers.onProblem({ networkInterface: link.name, operation: 'configure', error })
      await closed(socket)
      return undefined
    }
  }

  async #listen({ family, name, zone }: Link): Promise<void> {
    let receiver = this.#receivers.get(family)
    if (receiver == null) {
      const any = family === 4 ? '0.0.0.0' : '::'
      receiver = await this.#bound(family, any, this.port, any, () => this.#receivers.delete(family))
      if (receiver == null) {
        return
      }
      this.#receivers.set(family, receiver)
      enlargeBuffer(receiver)
      this.handlers.onListening(any)
    }
    if (family === 4) {
      return
    }
    try {
      // at every update, because a membership vanishes with its interface
      receiver.addMembership(GROUP, `::%${zone}`)
    } catch (error) {
      // EADDRINUSE: is a member already
      if (codeOf(error) !== 'EADDRINUSE') {
        this.handlers.onProblem({ networkInterface: name, operation: 'join', error })
      }
    }
  }

  #leave({ family, zone, name }: Link): void {
    if (family === 4 || this.links.some((link) => link.family === 6 && link.name === name)) {
      return
    }
    try {
      this.#receivers.get(6)?.dropMembership(GROUP, `::%${zone}`)
    } catch {
      // the interface has gone and has taken the membership along, which is the usual way to get here
    }
  }

  async #bound(
    family: Family,
    address: string,
    port: number,
    networkInterface: string,
    onFailure: () => void
  ): Promise<Socket | undefined> {
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      reuseAddr: port !== 0, // Python nodes and others of ours on this host use the same port
      ipv6Only: family === 6,
      // only IP addresses come here; answering at once also means that nothing is left between two ticks at a close
      lookup: (name, _options, callback) => {
        callback(null, name, family)
      }
    })
    return new Promise((resolve) => {
      let isBound = false
      socket.on('error', (error) => {
        const operation = isBound ? 'receive' : 'bind'
        this.handlers.onProblem({ networkInterface, operation, error, ...(port === 0 ? {} : { port }) })
        onFailure()
        void closed(socket)
        resolve(undefined)
      })
      // nobody is answered, so that whatever comes to a sending socket is no beacon; reading it empties its buffer
      socket.on('message', (datagram, from) => {
        if (port !== 0) {
          this.handlers.onDatagram(datagram, from)
        }
      })
      // exclusive: in a cluster worker the socket would otherwise be the primary's
      socket.bind({ port, address, exclusive: true }, () => {
        isBound = true
        resolve(socket)
      })
    })
  }
}

function enlargeBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER)
  } catch {
    // the system's own size does as well, except in a flood
  }
}

/** The system's code of an error, if it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

async function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(() => {
        resolve()
      })
    } catch {
      resolve() // it was closed already
    }
  })
}
