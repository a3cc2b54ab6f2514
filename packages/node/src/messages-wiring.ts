import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Ban, PeerKeeper } from '@penin/connection-manager'
import type { Acquaintance, HelloEvents, HelloService } from '@penin/hello'
import { deadline, type Clock, type PeerReporter, type Rng } from '@penin/interface'
import {
  broadcast,
  messaging,
  type Broadcast,
  type BroadcastComponents,
  type Messaging,
  type MessagingComponents,
  type MessagingInit
} from '@penin/messaging'
import type { Datastore } from 'interface-datastore'
import { raceSignal } from 'race-signal'
import type { NodeConfig } from './config/defaults.js'
import { NoRoomError, NotAPeerError, PeerBannedError } from './errors.js'

/** Milliseconds for asking the DHT where a peer is; a query that finds nobody may take as long as it is let. */
const SEARCH_LIMIT = 5_000

/** What the messages of a node are made of. */
export interface MessagesParts {
  config: Pick<NodeConfig, 'networkId' | 'messaging'>
  datastore: Datastore
  reporter: PeerReporter
  /** Reputation of a peer, 0 to 100. */
  scoreOf: (id: string) => number
  banOf: (id: PeerId) => Ban | undefined
  /** Resolves once the program has the node, and with it the chance to handle messages: none is taken before. */
  isOpen: Promise<void>
  clock: Clock
  rng: Rng
}

/** What {@link Reach} asks. */
export interface ReachParts {
  connectionManager: Pick<ConnectionManager, 'getConnections'>
  peerRouting: Pick<Libp2p['peerRouting'], 'findPeer'>
  keeper: Pick<PeerKeeper, 'dial' | 'isAccepted'>
  hello: Pick<HelloService, 'introduced' | 'get' | 'addEventListener' | 'removeEventListener'>
  banOf: MessagesParts['banOf']
  isOpen: Promise<void>
  clock: Clock
}

/** Direct messages and broadcast as services of libp2p, after the keeper and hello: what it has made is a component. */
export function messageServices(parts: MessagesParts): {
  messages: (components: MessagingComponents) => Messaging
  broadcast: (components: BroadcastComponents) => Broadcast
} {
  const { config, reporter, scoreOf, banOf, isOpen, clock } = parts
  return {
    messages: (components) => {
      const { connectionManager, peerRouting, keeper, hello } = components as MessagingComponents & ReachParts
      const reach = new Reach({ connectionManager, peerRouting, keeper, hello, banOf, isOpen, clock })
      return messaging(messagingInit(parts, reach))(components)
    },
    broadcast: (components) => {
      const { keeper } = components as BroadcastComponents & Pick<ReachParts, 'keeper'>
      return broadcast({
        networkId: config.networkId,
        // Streams of GossipSub cost each connection more than all else of this project; many programs never broadcast.
        start: 'first-use',
        isPeer: (id) => keeper.isAccepted(id),
        scoreOf,
        reporter,
        limits: { maxMessageBytes: config.messaging.maxBroadcastSize },
        clock
      })(components)
    }
  }
}

function messagingInit({ config, datastore, reporter, clock, rng }: MessagesParts, reach: Reach): MessagingInit {
  const { timeout, attempts, maxSize, bandwidthLimit } = config.messaging
  return {
    retry: { within: timeout, attempts },
    connect: async (peer, signal) => reach.connect(peer, signal),
    isPeer: async (connection) => reach.isPeer(connection),
    datastore,
    ...(bandwidthLimit == null ? {} : { bandwidthLimit }),
    limits: { maxMessageBytes: maxSize },
    reporter,
    clock,
    rng
  }
}

/** Finds and dials the peers that messages are for, and knows from whom they are taken. */
export class Reach {
  constructor(private readonly parts: ReachParts) {}

  /** Whether the other end of a connection is a peer of this network that has a place here. */
  async isPeer(connection: Connection): Promise<boolean> {
    const { hello, keeper, isOpen } = this.parts
    await isOpen
    const { state } = await hello.introduced(connection)
    // The node accepts whom it has room for while the hello is told of, so by now that is known, too.
    return state === 'greeted' && keeper.isAccepted(connection.remotePeer)
  }

  /**
   * A connection to a peer that has said hello: the one there is, or a new one.
   *
   * @throws PeerBannedError, NoRoomError, NotAPeerError, why hello refused it, what the dial failed of, the signal's reason
   */
  async connect(peer: PeerId, signal: AbortSignal): Promise<Connection> {
    const { banOf, isOpen } = this.parts
    await raceSignal(isOpen, signal)
    const ban = banOf(peer)
    if (ban != null) {
      throw new PeerBannedError(peer.toString(), ban)
    }
    const end = new AbortController()
    const either = AbortSignal.any([signal, end.signal])
    try {
      // Whichever is first: while a dial runs into the void, or the DHT is asked, the peer may come by itself.
      return await Promise.race([this.#arrival(peer, either), this.#fetch(peer, either)])
    } finally {
      end.abort()
    }
  }

  /** The next connection on which the peer says hello and is accepted. */
  async #arrival(peer: PeerId, signal: AbortSignal): Promise<Connection> {
    const { hello, keeper } = this.parts
    const { promise, resolve } = Promise.withResolvers<Connection>()
    const onGreeted = ({ detail: { connection } }: HelloEvents['greeted']): void => {
      if (connection.remotePeer.equals(peer) && keeper.isAccepted(peer)) {
        resolve(connection)
      }
    }
    hello.addEventListener('greeted', onGreeted) // after the node's own listener, which accepts
    try {
      return await raceSignal(promise, signal)
    } finally {
      hello.removeEventListener('greeted', onGreeted)
    }
  }

  async #fetch(peer: PeerId, signal: AbortSignal): Promise<Connection> {
    const { connectionManager, hello, keeper } = this.parts
    const open = connectionManager.getConnections(peer).filter(({ status }) => status === 'open')
    for (const connection of open) {
      if (await raceSignal(this.isPeer(connection), signal)) {
        return connection
      }
    }
    const connection = await this.#dial(peer, signal)
    const acquaintance = await raceSignal(hello.introduced(connection), signal)
    if (acquaintance.state !== 'greeted') {
      throw this.#refusal(peer, acquaintance)
    }
    if (!keeper.isAccepted(peer)) {
      throw new NoRoomError(peer.toString(), hello.get(peer)?.surplus ?? 'too-many-connections')
    }
    return connection
  }

  /** By the addresses in the book; if nobody is there any more, by those that the DHT knows. */
  async #dial(peer: PeerId, signal: AbortSignal): Promise<Connection> {
    const { keeper, peerRouting, clock } = this.parts
    try {
      return await keeper.dial({ id: peer }, { signal })
    } catch (error) {
      signal.throwIfAborted()
      const limit = deadline(clock, SEARCH_LIMIT, signal)
      const found = await peerRouting
        .findPeer(peer, { signal: limit.signal })
        .catch(() => undefined)
        .finally(() => {
          limit.clear()
        })
      if (found == null || found.multiaddrs.length === 0) {
        throw error
      }
      return keeper.dial({ id: peer, addresses: found.multiaddrs }, { signal, source: 'dht' })
    }
  }

  #refusal(peer: PeerId, acquaintance: Acquaintance): Error {
    return acquaintance.state === 'refused' ? acquaintance.reason : new NotAPeerError(peer.toString())
  }
}
