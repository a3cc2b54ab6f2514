import type { Connection, Libp2pEvents, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { FakeClock, lifecycleCompliance, seededRng } from '@penin/testing'
import { TypedEventEmitter } from 'main-event'
import { describe, expect, it } from 'vitest'
import { trimmer, type Trimmer, type TrimmerInit, type TrimReason } from '../src/index.js'
import { named } from './support.js'

interface FakeConnection {
  remotePeer: PeerId
  remoteAddr: ReturnType<typeof multiaddr>
  direction: 'inbound' | 'outbound'
  status: string
  timeline: { open: number }
  rtt?: number
  error?: Error
  abort: (error: Error) => void
}

/** A trimmer over connections that are only said to be there. */
class World {
  readonly clock: FakeClock
  readonly events = new TypedEventEmitter<Libp2pEvents>()
  readonly released: string[] = []
  readonly told: string[] = []
  readonly trimmer: Trimmer
  connections: FakeConnection[] = []
  /** Whether those who are released leave. */
  isObeyed = true

  constructor(init: Partial<TrimmerInit> = {}, clock = new FakeClock()) {
    this.clock = clock
    this.trimmer = trimmer({
      limits: { inbound: 100, outbound: 100, total: 200, minOutbound: 0 },
      target: 200,
      clock,
      rng: seededRng(1),
      release: (peer, reason) => {
        this.released.push(`${nameOf(peer)}: ${reason}`)
        if (this.isObeyed) {
          this.leave(peer)
        }
      },
      ...init
    })({
      events: this.events,
      connectionManager: { getConnections: () => this.connections as unknown as Connection[] }
    })
    this.trimmer.addEventListener('surplus', ({ detail: { id, reason } }) => {
      this.told.push(`${nameOf(id)}: ${reason}`)
    })
  }

  connect(name: string, fields: Partial<FakeConnection> & { address?: string } = {}): FakeConnection {
    const { address = '/ip4/127.0.0.1', ...others } = fields
    const connection: FakeConnection = {
      remotePeer: peerNamed(name),
      remoteAddr: multiaddr(`${address}/tcp/1`),
      direction: 'inbound',
      status: 'open',
      timeline: { open: this.clock.now() },
      abort: (error) => {
        connection.error = error
        this.leave(connection.remotePeer)
      },
      ...others
    }
    this.connections.push(connection)
    this.events.safeDispatchEvent('connection:open', { detail: connection as unknown as Connection })
    return connection
  }

  leave(peer: PeerId): void {
    this.connections = this.connections.filter(({ remotePeer }) => !remotePeer.equals(peer))
    this.events.safeDispatchEvent('peer:disconnect', { detail: peer })
  }

  names(): string[] {
    return this.connections.map(({ remotePeer }) => nameOf(remotePeer))
  }

  held(): number {
    return this.events.listenerCount('connection:open') + this.events.listenerCount('peer:disconnect')
  }
}

const NAMES = new Map<string, string>()

function peerNamed(name: string): PeerId {
  const id = named(name)
  NAMES.set(id.toString(), name)
  return id
}

function nameOf(id: PeerId): string {
  return NAMES.get(id.toString()) ?? '?'
}

lifecycleCompliance(
  'Trimmer',
  (clock) => {
    const world = new World({ target: 0 }, clock)
    return { service: world.trimmer, held: () => world.held() }
  },
  { describe, it }
)

describe('Trimmer', () => {
  it('lets those go who were let in for a short while, after it, and nobody with a place in their stead', async () => {
    const passing = new Set<string>()
    const limits = { inbound: 2, outbound: 10, total: 2, minOutbound: 0 }
    const world = new World({ target: 2, limits, isPassing: ({ remotePeer }) => passing.has(nameOf(remotePeer)) })
    await world.trimmer.start()
    world.connect('a')
    world.connect('b')
    world.clock.tick(60_000)
    world.connect('c')
    world.connect('d')
    passing.add('c').add('d')
    world.clock.tick(8_000)
    expect(world.names()).toEqual(['a', 'b', 'c', 'd'])
    world.clock.tick(4_000)
    expect(world.told).toEqual(['c: over-target', 'd: over-target'])
    expect(world.names()).toEqual(['a', 'b'])
    await world.trimmer.stop()
  })

  it('does not let a peer go for one connection without a place, if it has another with one', async () => {
    const passing = new Set<unknown>()
    const world = new World({ isPassing: (connection) => passing.has(connection) })
    await world.trimmer.start()
    world.connect('a')
    passing.add(world.connect('a')).add(world.connect('b'))
    world.clock.tick(60_000)
    expect(world.told).toEqual(['b: over-target'])
    expect(world.names()).toEqual(['a', 'a'])
    await world.trimmer.stop()
  })

  it('makes no room by letting go those who hold no place', async () => {
    const world = new World({ isPassing: () => true })
    await world.trimmer.start()
    for (let i = 0; i < 60; i++) {
      world.connect(`of one group ${i}`, { address: '/ip4/45.45.45.1' })
    }
    const newcomer = { peer: peerNamed('newcomer'), address: multiaddr('/ip4/92.1.1.1/tcp/1') }
    expect(await world.trimmer.makeRoom(newcomer)).toBe(false)
    expect(world.names()).toHaveLength(60)
    await world.trimmer.stop()
  })

  it('lets surplus peers go once they have had their time, as the rules choose, and says why', async () => {
    const world = new World({ target: 3, limits: { inbound: 10, outbound: 10, total: 3, minOutbound: 0 } })
    await world.trimmer.start()
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      world.connect(name)
      world.clock.tick(100)
    }
    world.clock.tick(8_000)
    expect(world.released).toEqual([])
    world.clock.tick(4_000)
    expect(world.released).toHaveLength(2)
    expect(world.told).toEqual(world.released)
    expect(world.trimmer.dropped['over-target']).toBe(2)
    world.clock.tick(60_000)
    expect(world.names()).toHaveLength(3)
    await world.trimmer.stop()
  })

  it('leaves a range between the target and the limit in which nobody is let go', async () => {
    const limits = { inbound: 100, outbound: 100, total: 22, minOutbound: 0 }
    const world = new World({ target: 20, limits })
    await world.trimmer.start()
    Array.from({ length: 22 }, (_, n) => world.connect(`p${n}`))
    world.clock.tick(20_000)
    expect(world.released).toEqual([])
    world.connect('one too many')
    world.clock.tick(20_000)
    expect(world.names()).toHaveLength(20)
    await world.trimmer.stop()
  })

  it('lets the overflow of inbound peers go though the total is in order', async () => {
    const limits = { inbound: 2, outbound: 20, total: 20, minOutbound: 4 }
    const world = new World({ target: 20, limits })
    await world.trimmer.start()
    Array.from({ length: 3 }, (_, n) => world.connect(`out${n}`, { direction: 'outbound' }))
    Array.from({ length: 5 }, (_, n) => world.connect(`in${n}`))
    world.clock.tick(12_000)
    expect(world.released).toHaveLength(3)
    expect(world.released.every((line) => line.startsWith('in') && line.endsWith('over-target'))).toBe(true)
    await world.trimmer.stop()
  })

  it('counts those whom limits do not apply to beside the target, and keeps them and busy ones', async () => {
    const world = new World({
      target: 2,
      limits: { inbound: 2, outbound: 2, total: 2, minOutbound: 0 },
      exemption: (peer) => (nameOf(peer).startsWith('p') ? 'persistent' : undefined),
      isBusy: (peer) => nameOf(peer) === 'busy'
    })
    await world.trimmer.start()
    for (const name of ['p1', 'p2', 'p3', 'busy', 'a', 'b']) {
      world.connect(name)
    }
    world.clock.tick(30_000)
    expect(world.names()).toHaveLength(5)
    expect(world.names()).toEqual(expect.arrayContaining(['p1', 'p2', 'p3', 'busy']))
    await world.trimmer.stop()
  })

  it('uses what it is told of reputation and use', async () => {
    const score: Record<string, number> = { bad: 10 }
    const world = new World({
      target: 4,
      limits: { inbound: 10, outbound: 10, total: 4, minOutbound: 0 },
      score: (peer) => score[nameOf(peer)] ?? 50,
      lastUsefulAt: (peer) => (nameOf(peer) === 'idle' ? 0 : 1_000_000)
    })
    await world.trimmer.start()
    for (const name of ['a', 'b', 'bad', 'c', 'idle', 'd']) {
      world.connect(name)
    }
    world.clock.tick(700_000)
    expect(world.released).toEqual(['bad: low-reputation', 'idle: over-target'])
    await world.trimmer.stop()
  })

  it('does not choose somebody twice who takes his time, and cuts him after two seconds', async () => {
    const world = new World({ target: 1, limits: { inbound: 10, outbound: 10, total: 1, minOutbound: 0 } })
    world.isObeyed = false
    await world.trimmer.start()
    const both = [world.connect('a'), world.connect('b')]
    world.clock.tick(11_900)
    expect(world.released).toHaveLength(1)
    world.clock.tick(2_100)
    expect(world.released).toHaveLength(1)
    expect(world.names()).toHaveLength(1)
    expect(both.map(({ error }) => error?.name).filter((name) => name != null)).toEqual(['PeerLingersError'])
    await world.trimmer.stop()
  })

  it('remembers the lowest round trip of a connection', async () => {
    const world = new World()
    await world.trimmer.start()
    const connection = world.connect('a')
    const seen = [80, 20, 300].map((rtt) => {
      connection.rtt = rtt
      world.clock.tick(2_000)
      return world.trimmer.minRtt(connection as unknown as Connection)
    })
    expect(seen).toEqual([80, 20, 20])
    await world.trimmer.stop()
  })

  it('cuts all connections of a peer that has been banned at once', async () => {
    const world = new World()
    await world.trimmer.start()
    const connections = [world.connect('bad'), world.connect('bad', { direction: 'outbound' }), world.connect('good')]
    world.trimmer.closeBanned(named('bad').toString())
    world.trimmer.closeBanned(named('nobody'))
    expect(connections.map(({ error }) => error?.name)).toEqual(['PeerBannedError', 'PeerBannedError', undefined])
    expect(world.trimmer.dropped.banned).toBe(1)
    expect(world.told).toEqual(['bad: banned'])
    await world.trimmer.stop()
  })
})

describe('Trimmer: making room', () => {
  const crowd = (world: World): void => {
    for (let n = 0; n < 8; n++) {
      world.connect(`crowd${n}`, { address: `/ip4/11.0.${n}.1` })
      world.clock.tick(1_000)
    }
    world.connect('lonely', { address: '/ip4/12.0.0.1' })
  }
  const newcomer = (name: string, address: string): { peer: PeerId; address: ReturnType<typeof multiaddr> } => ({
    peer: peerNamed(name),
    address: multiaddr(`${address}/tcp/1`)
  })

  it('lets the youngest of the largest group go for a newcomer of a smaller one, and waits until it is gone', async () => {
    const world = new World()
    world.isObeyed = false
    await world.trimmer.start()
    crowd(world)
    let isMade: boolean | undefined
    const made = world.trimmer.makeRoom(newcomer('new', '/ip4/13.0.0.1')).then((answer) => (isMade = answer))
    await world.clock.tickAsync(1_000)
    expect(world.released).toEqual(['crowd7: largest-group'])
    expect(isMade).toBeUndefined()
    world.leave(peerNamed('crowd7'))
    await made
    expect(isMade).toBe(true)
    await world.trimmer.stop()
  })

  it('chooses somebody else for each of two newcomers at once', async () => {
    const world = new World()
    world.isObeyed = false
    await world.trimmer.start()
    crowd(world)
    const made = Promise.all(
      ['/ip4/13.0.0.1', '/ip4/14.0.0.1'].map(async (address) => world.trimmer.makeRoom(newcomer(address, address)))
    )
    await world.clock.tickAsync(2_000) // they don't leave, and are cut
    expect(await made).toEqual([true, true])
    expect(world.released).toEqual(['crowd7: largest-group', 'crowd6: largest-group'])
    expect(world.names()).toHaveLength(7)
    await world.trimmer.stop()
  })

  it('lets nobody go when all are protected, when it does not run, and for whom it is connected to by its own dial', async () => {
    const world = new World({ exemption: () => 'trusted' })
    const stranger = newcomer('new', '/ip4/13.0.0.1')
    expect(await world.trimmer.makeRoom(stranger)).toBe(false)
    await world.trimmer.start()
    crowd(world)
    expect(await world.trimmer.makeRoom(stranger)).toBe(false)
    world.connect('new', { direction: 'outbound' })
    expect(await world.trimmer.makeRoom(stranger)).toBe(false)
    expect(world.told).toEqual([])
    await world.trimmer.stop()
  })

  it('gives the place of a peer’s own inbound connection to its new one, and nobody else’s', async () => {
    const world = new World()
    await world.trimmer.start()
    crowd(world)
    const old = world.connections.at(-1)
    expect(await world.trimmer.makeRoom(newcomer('lonely', '/ip4/12.0.0.1'))).toBe(true)
    expect(old?.error?.name).toBe('DuplicateConnectionError')
    const reason: TrimReason = 'reconnected'
    expect(world.told).toEqual([`lonely: ${reason}`])
    expect(world.released).toEqual([])
    await world.trimmer.stop()
  })
})
