import { createHash } from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Connection, Libp2p, Libp2pEvents, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { PeerKeeper, Reputation, type PeerKeeperInit, type Pulse } from '@penin/connection-manager'
import type { Acquaintance, Hello, HelloEvents } from '@penin/hello'
import type { PeerReporter, PeerSource } from '@penin/interface'
import { AddressBook } from '@penin/peer-store'
import { FakeClock, seededRng } from '@penin/testing'
import { StreamCloseEvent } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import type { NodeServices } from '../src/libp2p.js'
import { HelloMemory } from '../src/peer-view-memory.js'
import { Peers } from '../src/peers.js'
import { ReputationWiring } from '../src/reputation-wiring.js'

/** A peer id that belongs to a name, always the same one. */
export function named(name: string): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(createHash('sha256').update(name).digest()))
}

export function greetingOf(tools: string[] = []): Hello {
  return {
    networkId: 'x',
    version: 1,
    profile: 'standard',
    agentVersion: 'test',
    agents: [],
    tools,
    resources: [],
    prompts: [],
    features: 0n
  }
}

/** A connection that is there and does nothing, and notes how it ends. */
export class StubConnection extends EventTarget {
  status = 'open'
  rtt?: number
  reason?: Error
  readonly timeline = { open: 0 }
  readonly streams = []

  constructor(
    private readonly net: StubNet,
    readonly remotePeer: PeerId,
    readonly direction: 'inbound' | 'outbound' = 'inbound',
    readonly remoteAddr = multiaddr('/ip4/5.9.0.1/tcp/4001')
  ) {
    super()
    this.timeline.open = net.clock.now()
  }

  abort(reason: Error): void {
    this.reason = reason
    this.end(true, reason)
  }

  /** Ends it as libp2p does: off the list, told to all, then to those who listen to the connection itself. */
  end(isLocal = false, error?: Error): void {
    if (this.status === 'open') {
      this.status = 'closed'
      this.net.drop(this as unknown as Connection)
      this.dispatchEvent(new StreamCloseEvent(isLocal, error))
    }
  }
}

class StubHello extends TypedEventEmitter<HelloEvents> {
  readonly greetings = new Map<string, Hello>()

  get(id: PeerId): Hello | undefined {
    return this.greetings.get(id.toString())
  }

  acquaintance({ remotePeer }: Connection): Acquaintance {
    const hello = this.get(remotePeer)
    return hello == null ? { state: 'waiting' } : { state: 'greeted', hello }
  }
}

/** A node's view of its peers, with everything real but libp2p, on a fake clock. */
export class StubNet extends TypedEventEmitter<Libp2pEvents> {
  readonly peerId = named('self')
  readonly clock = new FakeClock()
  readonly hello = new StubHello()
  readonly pulses = new Map<unknown, Partial<Pulse>>()
  readonly heard: unknown[] = []
  readonly book: AddressBook
  readonly reputation: Reputation
  readonly keeper: PeerKeeper
  readonly wiring: ReputationWiring
  readonly peers: Peers
  /** What becomes of a dial. */
  dial: (id: PeerId) => Promise<Connection> = () =>
    Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
  readonly dialled: string[] = []
  readonly #connections: Connection[] = []

  constructor(keeperInit: Partial<PeerKeeperInit> = {}) {
    super()
    const { clock } = this
    const rng = seededRng(1)
    this.book = new AddressBook({
      selfId: this.peerId,
      secret: new Uint8Array(16),
      clock,
      rng,
      onRemoved: (id) => {
        this.peers.noteRemoved(id)
      }
    })
    this.reputation = new Reputation({ clock })
    this.keeper = new PeerKeeper(this.#components(), {
      book: this.book,
      target: 4,
      acceptAll: false,
      clock,
      rng,
      ...keeperInit
    })
    const reporter: PeerReporter = { report: (_peer, misbehaviour) => this.heard.push(misbehaviour) }
    this.wiring = new ReputationWiring({
      reputation: this.reputation,
      book: this.book,
      clock,
      reporter,
      signOfLife: 40_000
    })
    this.wiring.attach(this.libp2p)
    this.peers = new Peers({
      libp2p: this.libp2p,
      book: this.book,
      reputation: this.reputation,
      traffic: { of: () => undefined } as never,
      clock,
      startedAt: clock.now(),
      dht: { forget: async () => undefined },
      memory: new HelloMemory(),
      isRunning: () => true,
      stopping: new AbortController().signal
    })
    this.peers.listen()
  }

  get libp2p(): Libp2p<NodeServices> {
    return this as unknown as Libp2p<NodeServices>
  }

  get services(): unknown {
    const heartbeat = { pulse: (connection: unknown) => this.pulses.get(connection) }
    return { keeper: this.keeper, hello: this.hello, heartbeat }
  }

  getConnections(id?: PeerId): Connection[] {
    return this.#connections.filter(({ remotePeer }) => id == null || remotePeer.equals(id))
  }

  async hangUp(id: PeerId): Promise<void> {
    for (const connection of this.getConnections(id)) {
      ;(connection as unknown as StubConnection).end(true)
    }
  }

  name(id: PeerId, source: PeerSource = 'pex', host = '5.9.0.9'): void {
    this.keeper.addCandidate({ id, multiaddrs: [multiaddr(`/ip4/${host}/tcp/4001`)], source })
  }

  connect(id: PeerId, direction: 'inbound' | 'outbound' = 'inbound', address?: string): StubConnection {
    const remote = address == null ? undefined : multiaddr(address)
    const connection = new StubConnection(this, id, direction, remote)
    const known = this.getConnections(id).length > 0
    this.#connections.push(connection as unknown as Connection)
    this.safeDispatchEvent('connection:open', { detail: connection as unknown as Connection })
    if (!known && connection.status === 'open') {
      this.safeDispatchEvent('peer:connect', { detail: id })
    }
    return connection
  }

  greet(connection: StubConnection, hello: Hello = greetingOf()): void {
    const detail = { connection: connection as unknown as Connection, hello, changed: false }
    this.hello.greetings.set(connection.remotePeer.toString(), hello)
    this.keeper.accept(detail.connection)
    this.hello.safeDispatchEvent('greeted', { detail })
  }

  drop(connection: Connection): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1)
    if (this.getConnections(connection.remotePeer).length === 0) {
      this.hello.greetings.delete(connection.remotePeer.toString())
      this.safeDispatchEvent('peer:disconnect', { detail: connection.remotePeer })
    }
  }

  #components(): ConstructorParameters<typeof PeerKeeper>[0] {
    return {
      peerId: this.peerId,
      peerStore: { delete: async () => undefined, getInfo: () => Promise.reject(new Error('none')) } as never,
      events: this,
      connectionManager: {
        getConnections: (id?: PeerId) => this.getConnections(id),
        closeConnections: async (id: PeerId) => this.hangUp(id),
        openConnection: async (target: unknown) => {
          const [first] = target as Array<{ toString(): string }>
          const name = /\/p2p\/(\w+)$/.exec(first?.toString() ?? '')?.[1] ?? ''
          this.dialled.push(name)
          return this.dial(named(name))
        }
      }
    }
  }
}
