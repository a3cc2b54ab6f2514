import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify, identifyPush } from '@libp2p/identify'
import type { Connection, Ed25519PrivateKey, PeerId, PeerUpdate, PrivateKey, ServiceMap } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import type { Candidate } from '@penin/interface'
import { FakeClock, recordingReporter, until, type RecordingReporter } from '@penin/testing'
import { createLibp2p, type Libp2p, type ServiceFactoryMap } from 'libp2p'
import { afterEach } from 'vitest'
import {
  pex,
  PEX_PROTOCOL,
  type Pex,
  type PexComponents,
  type PexInit,
  type PexSink,
  type PexSource,
  type SharedRecord
} from '../src/index.js'

const running: Libp2p[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (node) => node.stop()))
})

/** An ordinary libp2p node on loopback, as anybody would make one; it is stopped after the test. */
export async function plainNode<S extends ServiceMap>(services: ServiceFactoryMap<S>): Promise<Libp2p<S>> {
  const all: ServiceFactoryMap<ServiceMap> = {
    identify: identify(),
    push: identifyPush(),
    ...(services as ServiceFactoryMap<ServiceMap>)
  }
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { reconnectRetries: 0 },
    services: all
  })
  running.push(node)
  return node as unknown as Libp2p<S>
}

export async function dial(from: Libp2p, to: Libp2p): Promise<Connection> {
  return from.dial(to.getMultiaddrs())
}

/** A peer that exists on paper only. */
export interface Somebody {
  id: PeerId
  key: Ed25519PrivateKey
}

export async function somebody(): Promise<Somebody> {
  const key = await generateKeyPair('Ed25519')
  return { id: peerIdFromPrivateKey(key), key }
}

export async function crowd(n: number): Promise<Somebody[]> {
  return Promise.all(Array.from({ length: n }, somebody))
}

export interface RecordOptions {
  addresses?: string[]
  seq?: bigint
  /** Who signs it. @default the peer itself */
  signer?: PrivateKey
}

/** A signed record, right unless told otherwise. */
export async function recordOf(peer: Somebody, options: RecordOptions = {}): Promise<Uint8Array> {
  const { addresses = ['/ip4/203.0.113.7/tcp/4001'], seq = 1_800_000_000_000n, signer = peer.key } = options
  const multiaddrs = addresses.map((address) => multiaddr(address))
  const record = new PeerRecord({ peerId: peer.id, multiaddrs, seqNumber: seq })
  return (await RecordEnvelope.seal(record, signer)).marshal()
}

export async function shared(peers: readonly Somebody[], options?: RecordOptions): Promise<SharedRecord[]> {
  return Promise.all(peers.map(async (peer) => ({ id: peer.id, envelope: await recordOf(peer, options) })))
}

/** A book in memory. */
export interface StubSource extends PexSource {
  records: SharedRecord[]
  size: number
  version: number
  /** How often it was asked. */
  samples: number
}

/** Tells its records in order, without a look at their scope. */
export function stubSource(records: SharedRecord[] = []): StubSource {
  return {
    records,
    size: records.length,
    version: 0,
    samples: 0,
    sampleForExchange(this: StubSource, { max }) {
      this.samples++
      return this.records.slice(0, max)
    },
    bookSize(this: StubSource) {
      return this.size
    },
    changes(this: StubSource) {
      return this.version
    }
  }
}

/** A sink that keeps what it gets. */
export interface StubSink extends PexSink {
  candidates: Candidate[]
  seqs: Map<string, bigint>
}

export function stubSink(): StubSink {
  const candidates: Candidate[] = []
  const seqs = new Map<string, bigint>()
  return {
    candidates,
    seqs,
    addCandidate: (candidate) => void candidates.push(candidate),
    knownSeq: (id) => seqs.get(id.toString())
  }
}

/** How a node's surroundings are made out to be other than they are: everything here really happens on loopback. */
export interface Pretence {
  /** The addresses it believes to have; `events` says that they have changed. */
  addresses?: string[]
  /** From where it believes other nodes to be connected. */
  remote?: string
  /** Whether its connections are those of a relay, with limits on time and bytes. */
  limited?: boolean
}

/** A node with peer exchange, and what it has to do with. */
export interface Exchanger {
  node: Libp2p<{ pex: Pex }>
  service: Pex
  clock: FakeClock
  reporter: RecordingReporter
  source: StubSource
  sink: StubSink
  pretence: Pretence
  /** Tells the node that its addresses have changed. */
  moved: () => void
  events: PexComponents['events']
  /** Makes the node listen on one more address. */
  listen: (address: string) => Promise<void>
}

/** Makes an {@link Exchanger} with stubs that wants no peers, unless told otherwise. */
export async function exchanger(init: PexInit = {}, pretence: Pretence = {}): Promise<Exchanger> {
  const parts = { clock: new FakeClock(), reporter: recordingReporter(), source: stubSource(), sink: stubSink() }
  let all: (PexComponents & { transportManager: Pick<TransportManager, 'listen'> }) | undefined
  const node = await plainNode({
    pex: (components: NonNullable<typeof all>) => {
      all = components
      return pex({ ...parts, wants: () => 0, ...init })(pretending(components, pretence))
    }
  })
  const { events, transportManager } = all as NonNullable<typeof all>
  const moved = (): void => {
    events.dispatchEvent(new CustomEvent('self:peer:update', { detail: {} as PeerUpdate }))
  }
  const listen = async (address: string): Promise<void> => transportManager.listen([multiaddr(address)])
  const source = (init.source ?? parts.source) as StubSource
  return { node, service: node.services.pex, ...parts, source, pretence, moved, events, listen }
}

function pretending(components: PexComponents, pretence: Pretence): PexComponents {
  const disguised = (connection: Connection): Connection =>
    new Proxy(connection, {
      get: (target, name) => {
        if (name === 'remoteAddr' && pretence.remote != null) {
          return multiaddr(pretence.remote)
        }
        if (name === 'limits' && pretence.limited === true) {
          return { seconds: 60 }
        }
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      }
    })
  const { registrar, connectionManager, addressManager, peerId, privateKey, peerStore, events } = components
  return {
    peerId,
    privateKey,
    peerStore,
    events,
    registrar: {
      handle: async (protocol, handler, options) =>
        registrar.handle(protocol, async (stream, connection) => handler(stream, disguised(connection)), options),
      unhandle: async (protocol) => registrar.unhandle(protocol)
    },
    connectionManager: { getConnections: (peer) => connectionManager.getConnections(peer).map(disguised) },
    addressManager: {
      getAddresses: () => pretence.addresses?.map((address) => multiaddr(address)) ?? addressManager.getAddresses()
    }
  }
}

/** Waits until identify has told a node what its peer speaks, without which it asks nobody by itself. */
export async function untilKnown(from: Libp2p, to: Libp2p): Promise<void> {
  await until(async () => (await from.peerStore.get(to.peerId)).protocols.includes(PEX_PROTOCOL))
}

/** Lets time go by on a fake clock, a second at a time, until something has happened; says how long it took. */
export async function passUntil(clock: FakeClock, condition: () => boolean): Promise<number> {
  const from = clock.monotonic()
  await until(
    async () => {
      if (!condition()) {
        await clock.tickAsync(1_000)
      }
      return condition()
    },
    { intervalMs: 1 }
  )
  return clock.monotonic() - from
}
