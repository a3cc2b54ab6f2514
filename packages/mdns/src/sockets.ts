import { createSocket } from 'node:dgram'
import type { RemoteInfo, Socket } from 'node:dgram'
import type { SocketOperation } from './errors.js'
import type { Family, Link } from './interfaces.js'

/** RFC 6762, section 3. */
export const GROUPS: Readonly<Record<Family, string>> = { 4: '224.0.0.251', 6: 'ff02::fb' }

/** RFC 6762, section 11: every packet should be sent with this, so that a receiver may tell it came over no router. */
const HOPS = 255

/** What a {@link LinkSockets} tells its owner. */
export interface LinkSocketsHandlers {
  onPacket(packet: Buffer, from: RemoteInfo): void
  /** Something was refused. Called every time; the owner decides what is news. */
  onProblem(networkInterface: string, operation: SocketOperation, error: unknown): void
}

/**
 * The sockets: per family one that listens on all links, per link one that sends. The listening one is bound to the
 * wildcard address, because a socket bound to an interface's address gets no multicast; the sending ones are bound to
 * the interface's address, so that packets leave by that interface, from that address, without any route.
 *
 * Calls must not overlap.
 */
export class LinkSockets {
  readonly #senders = new Map<string, { link: Link; socket: Socket }>()
  readonly #receivers = new Map<Family, Socket>()

  constructor(
    private readonly port: number,
    private readonly handlers: LinkSocketsHandlers
  ) {}

  /** The links that can be sent on. */
  get links(): Link[] {
    return [...this.#senders.values()].map(({ link }) => link)
  }

  /** Opens and closes sockets until they match `links`, and returns those that are new. Never rejects. */
  async update(links: readonly Link[]): Promise<Link[]> {
    const wanted = new Set(links.map((link) => link.key))
    for (const [key, { link, socket }] of this.#senders) {
      if (wanted.has(key)) continue
      this.#senders.delete(key)
      this.#leave(link)
      await closed(socket)
    }
    const added: Link[] = []
    for (const link of links) {
      await this.#listen(link)
      const known = this.#senders.get(link.key)
      if (known !== undefined) {
        // the same interface; it may have got another address next to the one that we use
        known.link = link
        continue
      }
      const socket = await this.#openSender(link)
      if (socket === undefined) continue
      this.#senders.set(link.key, { link, socket })
      added.push(link)
    }
    return added
  }

  /** Multicasts a packet on one link. Never rejects; false if it didn't get out. */
  async send(link: Link, packet: Buffer): Promise<boolean> {
    return this.sendTo(link, packet, GROUPS[link.family], this.port)
  }

  /** Sends a packet from one link's socket to one address. Never rejects; false if it didn't get out. */
  async sendTo(link: Link, packet: Buffer, address: string, port: number): Promise<boolean> {
    const socket = this.#senders.get(link.key)?.socket
    if (socket === undefined) return false
    return new Promise((resolve) => {
      const done = (error: unknown): void => {
        if (error !== null && error !== undefined) this.handlers.onProblem(link.name, 'send', error)
        resolve(error === null || error === undefined)
      }
      try {
        socket.send(packet, port, address, done)
      } catch (error) {
        done(error)
      }
    })
  }

  /** Closes everything; {@link LinkSockets.update} may open it again. */
  async close(): Promise<void> {
    const sockets = [...this.#receivers.values(), ...[...this.#senders.values()].map(({ socket }) => socket)]
    this.#receivers.clear()
    this.#senders.clear()
    await Promise.all(sockets.map(closed))
  }

  async #openSender(link: Link): Promise<Socket | undefined> {
    const socket = await this.#bound(link.family, link.bind, link.name, () => {
      this.#senders.delete(link.key)
    })
    if (socket === undefined) return undefined
    try {
      socket.setMulticastInterface(link.family === 4 ? link.bind : `::%${link.zone}`)
      socket.setMulticastTTL(HOPS)
      socket.setTTL(HOPS)
      // other processes on this host are peers too
      socket.setMulticastLoopback(true)
      return socket
    } catch (error) {
      this.handlers.onProblem(link.name, 'configure', error)
      await closed(socket)
      return undefined
    }
  }

  /** Joins the group on the link: at every update, because a membership vanishes with its interface. */
  async #listen(link: Link): Promise<void> {
    const { family } = link
    let receiver = this.#receivers.get(family)
    if (receiver === undefined) {
      const any = family === 4 ? '0.0.0.0' : '::'
      receiver = await this.#bound(family, any, any, () => this.#receivers.delete(family))
      if (receiver === undefined) return
      this.#receivers.set(family, receiver)
    }
    try {
      receiver.addMembership(GROUPS[family], membershipOf(link))
    } catch (error) {
      // EADDRINUSE: is a member already
      if (codeOf(error) !== 'EADDRINUSE') this.handlers.onProblem(link.name, 'join', error)
    }
  }

  #leave(link: Link): void {
    // another address of the same interface may still need it
    const shared = this.links.some(({ family, name }) => family === link.family && name === link.name)
    if (shared) return
    try {
      this.#receivers.get(link.family)?.dropMembership(GROUPS[link.family], membershipOf(link))
    } catch {
      // the interface has gone and has taken the membership along, which is the usual way to get here
    }
  }

  async #bound(family: Family, address: string, label: string, onFailure: () => void): Promise<Socket | undefined> {
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      // other mDNS programs on this host use the same port
      reuseAddr: true,
      ipv6Only: family === 6,
      // only IP addresses come here; answering at once also means that no packet is left between two ticks at a close
      lookup: (address, _options, callback) => {
        callback(null, address, family)
      }
    })
    return new Promise((resolve) => {
      let listening = false
      socket.on('error', (error) => {
        this.handlers.onProblem(label, listening ? 'receive' : 'bind', error)
        onFailure()
        void closed(socket)
        resolve(undefined)
      })
      socket.on('message', (packet, from) => {
        this.handlers.onPacket(packet, from)
      })
      // exclusive: in a cluster worker the socket would otherwise be the primary's
      socket.bind({ port: this.port, address, exclusive: true }, () => {
        listening = true
        resolve(socket)
      })
    })
  }
}

/** What tells the system an interface when joining: in IPv4 one of its addresses, in IPv6 its zone. */
function membershipOf(link: Link): string {
  return link.family === 4 ? link.bind : `::%${link.zone}`
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
      // it was closed already
      resolve()
    }
  })
}
