import { createSocket, type Socket } from 'node:dgram'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId, PeerInfo, PrivateKey } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import type { NetworkInterfaces } from '@penin/interface'
import { nextEvent } from '@penin/testing'
import type { UdpBroadcast, UdpBroadcastComponents, UdpBroadcastEvents } from '../src/index.js'
import type { Link } from '../src/interfaces.js'

export interface Peer {
  privateKey: PrivateKey
  peerId: PeerId
  id: string
}

export async function makePeer(type: 'Ed25519' | 'secp256k1' = 'Ed25519'): Promise<Peer> {
  const privateKey = await generateKeyPair(type as 'Ed25519')
  const peerId = peerIdFromPrivateKey(privateKey)
  return { privateKey, peerId, id: peerId.toString() }
}

/** What a libp2p node would hand in. The addresses may be changed afterwards. */
export function components(
  { privateKey, peerId, id }: Peer,
  addresses: string[]
): UdpBroadcastComponents & { addresses: string[] } {
  const parts = {
    peerId,
    privateKey,
    addresses,
    addressManager: { getAddresses: () => parts.addresses.map((text) => multiaddr(`${text}/p2p/${id}`)) },
    logger: defaultLogger()
  }
  return parts
}

/** A signed peer record, as bytes. */
export async function sealed(peer: Peer, seq: number, addresses: string[], signer: Peer = peer): Promise<Buffer> {
  const multiaddrs = addresses.map((text) => multiaddr(text))
  const record = new PeerRecord({ peerId: peer.peerId, multiaddrs, seqNumber: BigInt(seq) })
  return Buffer.from((await RecordEnvelope.seal(record, signer.privateKey)).marshal())
}

/** The fields of a beacon as another node of ours would send it. */
export async function beaconOf(
  peer: Peer,
  seq = 1,
  addresses = ['/ip4/192.168.7.9/tcp/4001']
): Promise<Record<string, unknown>> {
  return {
    id: peer.id,
    port: 51_515,
    timestamp: 1_795_204_786.388,
    v: 2,
    net: 'penin',
    seq,
    record: (await sealed(peer, seq, addresses)).toString('base64url')
  }
}

export function bytes(value: unknown): Buffer {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

/** What Python's json.dumps makes of a beacon. */
export function pythonBeacon(id: string, port = 51_515, timestamp = 1_795_204_786.3879886): Buffer {
  return Buffer.from(`{"id": ${JSON.stringify(id)}, "port": ${port}, "timestamp": ${timestamp}}`)
}

export const LO: NetworkInterfaces = {
  lo: [{ address: '127.0.0.1', netmask: '', family: 'IPv4', mac: '', internal: true, cidr: '127.0.0.1/8' }]
}

export const LAN: NetworkInterfaces = {
  ...LO,
  eth0: [
    { address: '192.168.7.2', netmask: '', family: 'IPv4', mac: '', internal: false, cidr: '192.168.7.2/24' },
    { address: '10.5.0.1', netmask: '', family: 'IPv4', mac: '', internal: false, cidr: '10.5.0.1/20' },
    { address: 'fd00:7::2', netmask: '', family: 'IPv6', mac: '', internal: false, cidr: 'fd00:7::2/64', scopeid: 0 },
    { address: 'fe80::2', netmask: '', family: 'IPv6', mac: '', internal: false, cidr: 'fe80::2/64', scopeid: 3 }
  ],
  docker0: [{ address: '172.17.0.1', netmask: '', family: 'IPv4', mac: '', internal: false, cidr: '172.17.0.1/16' }],
  wan0: [{ address: '198.51.100.7', netmask: '', family: 'IPv4', mac: '', internal: false, cidr: '198.51.100.7/28' }],
  wg0: [{ address: '10.9.0.5', netmask: '', family: 'IPv4', mac: '', internal: false, cidr: '10.9.0.5/32' }]
}

/** A link that a test needs only for its addresses. */
export function link(name: string, cidrs: string[], scope: Link['scope'] = 'private'): Link {
  const addresses = cidrs.map((cidr) => {
    const [address = '', prefix] = cidr.split('/')
    return { address, family: address.includes(':') ? (6 as const) : (4 as const), prefix: Number(prefix) }
  })
  const first = addresses[0] ?? { address: '', family: 4 as const }
  return {
    key: name,
    name,
    family: first.family,
    internal: scope === 'loopback',
    bind: first.address,
    zone: name,
    destinations: [],
    scope,
    addresses
  }
}

/** A UDP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await closed(socket)
  return port
}

export async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.close(resolve))
}

/** The next event of that name. */
export async function next<K extends keyof UdpBroadcastEvents>(
  service: UdpBroadcast,
  name: K
): Promise<UdpBroadcastEvents[K]> {
  return nextEvent<UdpBroadcastEvents[K]>(service, name)
}

/** All peers that a service reports, from now on. */
export function collect(service: UdpBroadcast): PeerInfo[] {
  const peers: PeerInfo[] = []
  service.addEventListener('peer', ({ detail }) => peers.push(detail))
  return peers
}

/** A socket on loopback that others share, as a Python node's listener does; keeps what it hears. */
export async function listener(
  port: number
): Promise<{ socket: Socket; heard: Array<{ data: Buffer; from: string }> }> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  const heard: Array<{ data: Buffer; from: string }> = []
  socket.on('message', (data, { address }) => heard.push({ data, from: address }))
  await new Promise<void>((resolve) => socket.bind(port, '0.0.0.0', resolve))
  return { socket, heard }
}

/** Broadcasts on loopback from a socket of its own, and keeps what comes back to that. */
export async function sender(port: number): Promise<{
  socket: Socket
  answers: Buffer[]
  send: (data: Buffer) => Promise<void>
}> {
  const socket = createSocket('udp4')
  const answers: Buffer[] = []
  socket.on('message', (data) => answers.push(data))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  socket.setBroadcast(true)
  const send = async (data: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.send(data, port, '127.255.255.255', (error) => {
        if (error == null) {
          resolve()
        } else {
          reject(error)
        }
      })
    })
  return { socket, answers, send }
}
