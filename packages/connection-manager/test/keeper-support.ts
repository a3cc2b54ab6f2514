import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Connection, Libp2pEvents } from '@libp2p/interface'
import type { AddressBook } from '@penin/peer-store'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { systemClock, type Clock } from '@penin/interface'
import { seededRng, until, type FakeClock } from '@penin/testing'
import type { Libp2p } from 'libp2p'
import { TypedEventEmitter } from 'main-event'
import { peerKeeper, type PeerKeeper, type PeerKeeperComponents, type PeerKeeperInit } from '../src/index.js'
import { makeBook, makeKey, named, plainNode, type PlainNodeOptions } from './support.js'

export type Kept = Libp2p<{ keeper: PeerKeeper }> & { book: AddressBook }

/** Looks twice as often as needed and waits hardly at all, so that the tests need not wait either. */
const QUICK = { target: 4, tick: 20, rng: { float: () => 0.02, bytes: (n: number) => new Uint8Array(n) } }

export async function keeping(
  init: Partial<PeerKeeperInit> = {},
  options: PlainNodeOptions<{ keeper: PeerKeeper }> = {}
): Promise<Kept> {
  const privateKey = options.privateKey ?? (await makeKey())
  const book = makeBook(peerIdFromPrivateKey(privateKey))
  const node = await plainNode({
    services: { keeper: peerKeeper({ book, ...QUICK, ...init }) },
    ...options,
    privateKey
  })
  return Object.assign(node, { book })
}

/** A port of loopback on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The system's clock, and a way to wait until the keeper that it is given to has looked around so many times more. */
export function watchedClock(): { clock: Clock; looks: (more: number) => Promise<void> } {
  let count = 0
  const setInterval: Clock['setInterval'] = (fn, ms) =>
    systemClock.setInterval(() => {
      fn()
      count++
    }, ms)
  const looks = async (more: number): Promise<void> => {
    const enough = count + more
    await until(() => count >= enough, { message: () => `look ${enough}, after ${count}` })
  }
  return { clock: { ...systemClock, setInterval }, looks }
}

export function connectionOf(node: Libp2p, other: Libp2p): Connection {
  return node.getConnections(other.peerId)[0] as Connection
}

export const at = (port: number): Multiaddr => multiaddr(`/ip4/127.0.0.1/tcp/${port}`)

/** A keeper without a network: every dial fails, and is counted. */
export function alone(
  clock: FakeClock,
  init: Partial<PeerKeeperInit> = {}
): { keeper: PeerKeeper; book: AddressBook; dials: string[]; held: () => number } {
  const events = new TypedEventEmitter<Libp2pEvents>()
  const dials: string[] = []
  const components = {
    peerId: named('me'),
    events,
    connectionManager: {
      getConnections: () => [],
      closeConnections: async () => undefined,
      openConnection: async (target: unknown) => {
        dials.push(`${clock.monotonic()}: ${String(target)}`)
        throw Object.assign(new RangeError('refused'), { code: 'ECONNREFUSED' })
      }
    },
    peerStore: {
      getInfo: async () => ({ multiaddrs: [] }),
      delete: async () => undefined
    }
  } as unknown as PeerKeeperComponents
  const book = makeBook(named('me'), clock)
  const keeper = peerKeeper({ book, target: 4, clock, rng: seededRng(1), ...init })(components)
  return {
    keeper,
    book,
    dials,
    held: () =>
      (['peer:connect', 'connection:close', 'peer:disconnect', 'peer:identify', 'peer:update'] as const)
        .map((type) => events.listenerCount(type))
        .reduce((sum, count) => sum + count)
  }
}
