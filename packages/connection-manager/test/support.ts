import { createHash } from 'node:crypto'
import { generateKeyPair, publicKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, PeerId, ServiceMap } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey, peerIdFromPublicKey } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '@penin/interface'
import { AddressBook } from '@penin/peer-store'
import { seededRng } from '@penin/testing'
import { createLibp2p, type Libp2p, type ServiceFactoryMap } from 'libp2p'
import { afterEach } from 'vitest'

const running: Libp2p[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (node) => node.stop()))
})

/** The private key of a libp2p node. */
export type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>

export interface PlainNodeOptions<S extends ServiceMap> {
  services?: ServiceFactoryMap<S>
  port?: number
  privateKey?: PrivateKey
  gater?: ConnectionGater
}

/** An ordinary libp2p node on loopback, as anybody would make one; it is stopped after the test. */
export async function plainNode<S extends ServiceMap = ServiceMap>(
  options: PlainNodeOptions<S> = {}
): Promise<Libp2p<S>> {
  const { services = {}, port = 0, privateKey, gater } = options
  const node = await createLibp2p({
    ...(privateKey == null ? {} : { privateKey }),
    ...(gater == null ? {} : { connectionGater: gater }),
    addresses: { listen: [`/ip4/127.0.0.1/tcp/${port}`] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { reconnectRetries: 0, inboundConnectionThreshold: 1_000, maxIncomingPendingConnections: 100 },
    services: { identify: identify(), ping: ping(), ...services }
  })
  running.push(node)
  return node as unknown as Libp2p<S>
}

/** Where a node listens. */
export function addressOf(node: Libp2p): Multiaddr {
  return node.getMultiaddrs()[0] as Multiaddr
}

export async function makeKey(): Promise<PrivateKey> {
  return generateKeyPair('Ed25519')
}

export async function makePeerId(): Promise<PeerId> {
  return peerIdFromPrivateKey(await makeKey())
}

/** A peer id that belongs to a name, always the same one. Nobody has its private key. */
export function named(name: string): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(createHash('sha256').update(name).digest()))
}

/** An address book of its own, as a node would have one. */
export function makeBook(selfId: PeerId, clock?: Clock, maxSize?: number): AddressBook {
  return new AddressBook({ selfId, secret: new Uint8Array(16).fill(7), clock, rng: seededRng(5), maxSize })
}
