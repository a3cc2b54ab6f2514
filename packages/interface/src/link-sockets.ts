import type { Socket, SocketOptions } from 'node:dgram'
import type { Family, LocalLink } from './local-network.js'

/** What was being done with a socket, or to choose where there should be one, when the operating system refused. */
export type SocketOperation = 'select' | 'bind' | 'join' | 'configure' | 'send' | 'receive'

/** Something that the operating system refused. */
export interface SocketProblem {
  /** The interface's name; for a listening socket the address it is bound to. */
  networkInterface: string
  operation: SocketOperation
  error: unknown
  /** The port, if it was that of a listening socket. */
  port?: number
}

/** The address that a listening socket is bound to: one bound to an interface's own gets no multicast or broadcast. */
const ANY: Readonly<Record<Family, string>> = { 4: '0.0.0.0', 6: '::' }

/** What a {@link LinkSockets} works with. */
export interface LinkSocketsInit<L extends LocalLink> {
  listenPort: number
  /** The port of the sending sockets; 0: each has its own. */
  sendPort: number
  /** Makes a socket with these options and others, and takes what it hears. It is bound and closed by the caller. */
  open: (options: SocketOptions, isListener: boolean) => Socket
  /** Makes a bound socket ready to send on a link. May throw what the system refuses. */
  configure: (socket: Socket, link: L) => void
  /** The multicast group to hear on each link of a family; undefined: none. */
  groupOf: (family: Family) => string | undefined
  /** Called every time; the owner decides what is news. */
  onProblem: (problem: SocketProblem) => void
}

/**
 * The UDP sockets of a discovery on the local network: per family one that listens on all links, per link one to send.
 * The sending ones are bound to their interface's address, so that datagrams leave by that interface, from that address,
 * without any route.
 *
 * Nothing of it rejects. Calls must not overlap.
 */
export class LinkSockets<L extends LocalLink = LocalLink> {
  readonly #senders = new Map<string, { link: L; socket: Socket }>()
  readonly #listeners = new Map<Family, Socket>()

  constructor(private readonly init: LinkSocketsInit<L>) {}

  /** The links that can be sent on. */
  get links(): L[] {
    return [...this.#senders.values()].map(({ link }) => link)
  }

  /** Opens and closes sockets until they match `links`, and returns those that are new. */
  async update(links: readonly L[]): Promise<L[]> {
    const wanted = new Set(links.map((link) => link.key))
    for (const [key, { link, socket }] of this.#senders) {
      if (!wanted.has(key)) {
        this.#senders.delete(key)
        this.#leave(link)
        await closed(socket)
      }
    }
    const added: L[] = []
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

  /** Sends a datagram from one link's socket; false if it didn't get out. */
  async send(link: L, datagram: Uint8Array, address: string, port = this.init.listenPort): Promise<boolean> {
    const socket = this.#senders.get(link.key)?.socket
    if (socket == null) {
      return false
    }
    return new Promise((resolve) => {
      const done = (error: unknown): void => {
        if (error != null) {
          this.init.onProblem({ networkInterface: link.name, operation: 'send', error })
        }
        resolve(error == null)
      }
      try {
        socket.send(datagram, port, address, done)
      } catch (error) {
        done(error)
      }
    })
  }

  /** Closes everything; {@link LinkSockets.update} may open it again. */
  async close(): Promise<void> {
    const sockets = [...this.#listeners.values(), ...[...this.#senders.values()].map(({ socket }) => socket)]
    this.#listeners.clear()
    this.#senders.clear()
    await Promise.all(sockets.map(closed))
  }

  async #openSender(link: L): Promise<Socket | undefined> {
    const { name, family, bind } = link
    const socket = await this.#bound(family, bind, name, false, () => this.#senders.delete(link.key))
    if (socket == null) {
      return undefined
    }
    try {
      this.init.configure(socket, link)
      return socket
    } catch (error) {
      this.init.onProblem({ networkInterface: name, operation: 'configure', error })
      await closed(socket)
      return undefined
    }
  }

  /** Joins the group on the link: at every update, because a membership vanishes with its interface. */
  async #listen(link: L): Promise<void> {
    const { family } = link
    let listener = this.#listeners.get(family)
    if (listener == null) {
      listener = await this.#bound(family, ANY[family], ANY[family], true, () => this.#listeners.delete(family))
      if (listener == null) {
        return
      }
      this.#listeners.set(family, listener)
    }
    const group = this.init.groupOf(family)
    try {
      if (group != null) {
        listener.addMembership(group, multicastInterface(link))
      }
    } catch (error) {
      // EADDRINUSE: is a member already
      if (systemErrorCode(error) !== 'EADDRINUSE') {
        this.init.onProblem({ networkInterface: link.name, operation: 'join', error })
      }
    }
  }

  #leave(link: L): void {
    const group = this.init.groupOf(link.family)
    // another address of the same interface may still need it
    if (group == null || this.links.some(({ family, name }) => family === link.family && name === link.name)) {
      return
    }
    try {
      this.#listeners.get(link.family)?.dropMembership(group, multicastInterface(link))
    } catch {
      // the interface has gone and has taken the membership along, which is the usual way to get here
    }
  }

  async #bound(
    family: Family,
    address: string,
    networkInterface: string,
    isListener: boolean,
    onFailure: () => void
  ): Promise<Socket | undefined> {
    const { listenPort, sendPort, open, onProblem } = this.init
    const socket = open(optionsOf(family), isListener)
    return new Promise((resolve) => {
      let isBound = false
      socket.on('error', (error) => {
        const operation = isBound ? 'receive' : 'bind'
        onProblem({ networkInterface, operation, error, ...(isListener ? { port: listenPort } : {}) })
        onFailure()
        void closed(socket)
        resolve(undefined)
      })
      // exclusive: in a cluster worker the socket would otherwise be the primary's
      socket.bind({ port: isListener ? listenPort : sendPort, address, exclusive: true }, () => {
        isBound = true
        resolve(socket)
      })
    })
  }
}

/** What tells the system an interface for multicast: in IPv4 one of its addresses, in IPv6 its zone. */
export function multicastInterface({ family, bind, zone }: LocalLink): string {
  return family === 4 ? bind : `::%${zone}`
}

/** The system's code of an error, such as `ENODEV`; undefined if it has none. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

function optionsOf(family: Family): SocketOptions {
  return {
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    // only IP addresses come here; answering at once also means that nothing is left between two ticks at a close
    lookup: (name, _options, callback) => {
      callback(null, name, family)
    }
  }
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
