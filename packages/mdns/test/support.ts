import { createSocket } from 'node:dgram'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { GROUPS } from '../src/sockets.js'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { Clock, LocalLink, NetworkInterfaces, Timer } from '@penin/interface'
import type { Socket } from 'node:dgram'
import type { Mdns, MdnsComponents, MdnsEvents } from '../src/index.js'

/** Time that moves only when told to. */
export class ManualClock implements Clock {
  #now = 1_000_000
  #timers: Array<{ at: number; fn: () => void; every?: number }> = []

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  setTimeout(fn: () => void, ms: number): Timer {
    return this.#add({ at: this.#now + ms, fn })
  }

  setInterval(fn: () => void, ms: number): Timer {
    return this.#add({ at: this.#now + ms, fn, every: ms })
  }

  get pending(): number {
    return this.#timers.length
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#now = next.at
      if (next.every === undefined) this.#timers.splice(this.#timers.indexOf(next), 1)
      else next.at += next.every
      next.fn()
    }
    this.#now = end
  }

  #add(timer: { at: number; fn: () => void; every?: number }): Timer {
    this.#timers.push(timer)
    return {
      clear: () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
      }
    }
  }
}

export async function makePeer(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

/** What a libp2p node would hand in. The addresses may be changed afterwards. */
export function components(peerId: PeerId, addresses: string[]): MdnsComponents & { addresses: string[] } {
  const parts = {
    peerId,
    addresses,
    addressManager: {
      getAddresses: () => parts.addresses.map((text) => multiaddr(`${text}/p2p/${peerId.toString()}`))
    },
    logger: defaultLogger()
  }
  return parts
}

export const LO: NetworkInterfaces = {
  lo: [
    {
      address: '127.0.0.1',
      netmask: '255.0.0.0',
      family: 'IPv4',
      mac: '00:00:00:00:00:00',
      internal: true,
      cidr: '127.0.0.1/8'
    }
  ]
}

export const LAN: NetworkInterfaces = {
  ...LO,
  eth0: [
    { address: '192.168.7.2', netmask: '', family: 'IPv4', mac: '', internal: false, cidr: '192.168.7.2/24' },
    { address: 'fd00:7::2', netmask: '', family: 'IPv6', mac: '', internal: false, cidr: 'fd00:7::2/64', scopeid: 0 },
    { address: 'fe80::2', netmask: '', family: 'IPv6', mac: '', internal: false, cidr: 'fe80::2/64', scopeid: 3 }
  ],
  docker0: [{ address: '172.17.0.1', netmask: '', family: 'IPv4', mac: '', internal: false, cidr: '172.17.0.1/16' }],
  wg0: [{ address: '10.9.0.5', netmask: '', family: 'IPv4', mac: '', internal: false, cidr: '10.9.0.5/32' }]
}

/** A link that a test needs only for its addresses. */
export function link(name: string, cidrs: string[], internal = false): LocalLink {
  const addresses = cidrs.map((cidr) => {
    const [address = '', prefix] = cidr.split('/')
    return { address, family: address.includes(':') ? (6 as const) : (4 as const), prefix: Number(prefix) }
  })
  const first = addresses[0] ?? { address: '', family: 4 as const }
  return { key: name, name, family: first.family, internal, bind: first.address, zone: name, addresses }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve)
  })
  const { port } = socket.address()
  await new Promise<void>((resolve) => {
    socket.close(() => {
      resolve()
    })
  })
  return port
}

/** The next event of this type that fits. The test's own time limit is the deadline. */
export async function next<K extends keyof MdnsEvents>(
  service: Mdns,
  type: K,
  fits: (event: MdnsEvents[K]) => boolean = () => true
): Promise<MdnsEvents[K]> {
  return new Promise((resolve) => {
    const listener = (event: MdnsEvents[K]): void => {
      if (!fits(event)) return
      service.removeEventListener(type, listener as never)
      resolve(event)
    }
    service.addEventListener(type, listener)
  })
}

/** Waits until something holds, looking every few milliseconds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
}

/** All peers that a service reports, from now on. */
export function collect(service: Mdns): PeerInfo[] {
  const peers: PeerInfo[] = []
  service.addEventListener('peer', ({ detail }) => peers.push(detail))
  return peers
}

/** Somebody else on the loopback interface, who multicasts what a test wants. */
export class Neighbour {
  readonly received: Buffer[] = []

  private constructor(
    private readonly socket: Socket,
    private readonly port: number
  ) {
    socket.on('message', (message) => this.received.push(message))
  }

  /** @param source - port to send from; 0 for any, as a plain resolver would */
  static async open(port: number, source = port, address = '127.0.0.1'): Promise<Neighbour> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    await new Promise<void>((resolve) => {
      socket.bind(source, address, resolve)
    })
    socket.setMulticastInterface('127.0.0.1')
    return new Neighbour(socket, port)
  }

  async send(packet: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.socket.send(packet, this.port, GROUPS[4], (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.socket.close(() => {
        resolve()
      })
    })
  }
}
