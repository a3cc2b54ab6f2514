import type { Connection, PeerId } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { HelloEvents } from '@penin/hello'
import type { MessageCounts } from '@penin/messaging'
import { FakeClock } from '@penin/testing'
import { TypedEventEmitter } from 'main-event'
import { describe, expect, it } from 'vitest'
import { MessageWatch } from '../src/message-watch.js'
import { Reach, type ReachParts } from '../src/messages-wiring.js'
import { greetingOf, named } from './view-support.js'

const peer = named('peer')

class World extends TypedEventEmitter<HelloEvents> {
  readonly clock = new FakeClock()
  readonly connections: Connection[] = []
  readonly accepted = new Set<string>()
  readonly dialled: Array<Multiaddr[] | undefined> = []
  dial = async (_addresses?: Multiaddr[]): Promise<Connection> => Promise.reject(new Error('nobody is there'))
  findPeer = async (_signal: AbortSignal): Promise<{ id: PeerId; multiaddrs: Multiaddr[] }> =>
    Promise.reject(new Error('not found'))
  state: 'greeted' | 'foreign' = 'greeted'

  connection(): Connection {
    return { remotePeer: peer, status: 'open' } as Connection
  }

  greet(connection: Connection): void {
    this.accepted.add(peer.toString())
    this.safeDispatchEvent('greeted', { detail: { connection, hello: greetingOf(), changed: false } })
  }

  reach(parts: Partial<ReachParts> = {}): Reach {
    const introduced = async (): Promise<{ state: 'foreign' } | { state: 'greeted'; hello: never }> =>
      Promise.resolve(this.state === 'foreign' ? { state: 'foreign' } : { state: 'greeted', hello: {} as never })
    return new Reach({
      connectionManager: { getConnections: () => this.connections },
      peerRouting: { findPeer: async (_id, options) => this.findPeer(options?.signal ?? signal) },
      keeper: {
        dial: async ({ addresses }) => {
          this.dialled.push(addresses)
          return this.dial(addresses)
        },
        isAccepted: (id) => this.accepted.has(id.toString())
      },
      hello: Object.assign(this, { introduced, get: () => undefined }),
      banOf: () => undefined,
      isOpen: Promise.resolve(),
      clock: this.clock,
      ...parts
    })
  }
}

const signal = new AbortController().signal

describe('a peer that a message is for', () => {
  it('is not dialled if it is connected and accepted', async () => {
    const world = new World()
    const connection = world.connection()
    world.connections.push(connection)
    world.accepted.add(peer.toString())
    expect(await world.reach().connect(peer, signal)).toBe(connection)
    expect(world.dialled).toEqual([])
  })

  it('that has moved is found through the DHT', async () => {
    const world = new World()
    const there = multiaddr('/ip4/5.9.0.7/tcp/4001')
    world.findPeer = async () => Promise.resolve({ id: peer, multiaddrs: [there] })
    const connection = world.connection()
    world.dial = async (addresses) => {
      if (addresses == null) {
        return Promise.reject(new Error('nobody is there'))
      }
      world.accepted.add(peer.toString())
      return Promise.resolve(connection)
    }
    expect(await world.reach().connect(peer, signal)).toBe(connection)
    expect(world.dialled).toEqual([undefined, [there]])
  })

  it('that the DHT is slow to find is given up after 5 s, for this attempt', async () => {
    const world = new World()
    let searches = 0
    world.findPeer = async (signal) => {
      searches++
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error)
        })
      })
    }
    let outcome: unknown
    const connecting = world
      .reach()
      .connect(peer, signal)
      .catch((error: unknown) => (outcome = error))
    await world.clock.tickAsync(4_999)
    expect([searches, outcome]).toEqual([1, undefined])
    await world.clock.tickAsync(1)
    await connecting
    expect(outcome).toMatchObject({ message: 'nobody is there' })
    expect(world.clock.pending()).toBe(0)
  })

  it('that the DHT does not know either fails with the reason of the dial', async () => {
    await expect(new World().reach().connect(peer, signal)).rejects.toThrow('nobody is there')
  })

  it('that comes by itself is taken, though a dial hangs', async () => {
    const world = new World()
    world.dial = async () => new Promise(() => undefined)
    const connecting = world.reach().connect(peer, signal)
    await Promise.resolve()
    const connection = world.connection()
    await new Promise(setImmediate)
    world.greet(connection)
    expect(await connecting).toBe(connection)
    expect(world.listenerCount('greeted')).toBe(0)
  })

  it('is refused with a typed error if it is banned, foreign, or has no place', async () => {
    const world = new World()
    world.dial = async () => Promise.resolve(world.connection())
    const ban = { reason: 'test', until: Infinity } as never
    await expect(world.reach({ banOf: () => ban }).connect(peer, signal)).rejects.toMatchObject({
      name: 'PeerBannedError'
    })
    await expect(world.reach().connect(peer, signal)).rejects.toMatchObject({ name: 'NoRoomError' })
    world.state = 'foreign'
    await expect(world.reach().connect(peer, signal)).rejects.toMatchObject({ name: 'NotAPeerError' })
    expect(await world.reach().isPeer(world.connection())).toBe(false)
  })

  it('is neither dialled nor listened to before the program has its node', async () => {
    const world = new World()
    world.accepted.add(peer.toString())
    const open = Promise.withResolvers<undefined>()
    const reach = world.reach({ isOpen: open.promise })
    const connecting = reach.connect(peer, signal).catch((error: unknown) => error)
    let isDecided = false
    const deciding = reach.isPeer(world.connection()).then((is) => {
      isDecided = true
      return is
    })
    await new Promise(setImmediate)
    expect([world.dialled.length, isDecided]).toEqual([0, false])
    open.resolve(undefined)
    expect(await deciding).toBe(true)
    await connecting
    expect(world.dialled).toHaveLength(1)
  })
})

describe('what messages say of a peer', () => {
  function setUp(): {
    counts: MessageCounts
    broadcasts: Map<string, number>
    clock: FakeClock
    heard: number[][]
    watch: MessageWatch
  } {
    const broadcasts = new Map<string, number>()
    const counts = { taken: 0, delivered: 0, refusals: {} } as MessageCounts
    const clock = new FakeClock()
    const heard: number[][] = []
    const watch = new MessageWatch({
      countsOf: (id) => (id.equals(peer) ? counts : undefined),
      takeBroadcasts: (id) => {
        const count = broadcasts.get(id.toString()) ?? 0
        broadcasts.delete(id.toString())
        return count
      },
      reputation: { messages: (_id, valid, invalid) => heard.push([valid, invalid ?? 0]) },
      clock
    })
    return { counts, broadcasts, clock, heard, watch }
  }

  it('is told once: what is new since the last look', () => {
    const { counts, heard, watch } = setUp()
    watch.look(peer)
    counts.taken = 5
    watch.look(peer)
    watch.look(peer)
    counts.taken = 6
    counts.refusals['bad-payload'] = 2
    watch.end(peer)
    counts.taken = 8
    watch.look(peer) // it is back
    expect(heard.filter(([valid, invalid]) => valid !== 0 || invalid !== 0)).toEqual([
      [5, 0],
      [1, 2],
      [2, 0]
    ])
  })

  it('has good broadcasts in it, of peers without direct messages, too; they keep nobody from being let go', () => {
    const { counts, broadcasts, heard, watch } = setUp()
    broadcasts.set(peer.toString(), 3)
    broadcasts.set(named('relay').toString(), 2)
    expect(watch.look(peer)).toMatchObject({ takenAt: undefined, usefulAt: undefined })
    watch.look(peer)
    watch.end(named('relay'))
    counts.taken = 1
    broadcasts.set(peer.toString(), 1)
    watch.end(peer)
    expect(heard).toEqual([
      [3, 0],
      [2, 0],
      [1, 0],
      [1, 0]
    ])
  })

  it('gives the times at which it was last of use, until it goes', () => {
    const { counts, clock, watch } = setUp()
    expect(watch.look(peer)).toMatchObject({ takenAt: undefined, usefulAt: undefined })
    clock.tick(1_000)
    counts.taken = 1
    const takenAt = watch.look(peer).takenAt
    expect(takenAt).toBe(clock.monotonic())
    clock.tick(1_000)
    counts.delivered = 1
    expect(watch.look(peer)).toMatchObject({ takenAt, usefulAt: clock.monotonic() })
    watch.end(peer)
    expect(watch.look(peer)).toMatchObject({ takenAt: undefined, usefulAt: undefined })
    expect(watch.look(named('stranger')).takenAt).toBeUndefined()
  })
})
