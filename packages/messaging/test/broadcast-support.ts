import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { RPC } from '@libp2p/gossipsub/message'
import type { PeerId, PrivateKey, Stream } from '@libp2p/interface'
import { recordingReporter, until, type RecordingReporter } from '@penin/testing'
import type { Libp2p } from 'libp2p'
import {
  broadcast,
  type Broadcast,
  type BroadcastInit,
  type BroadcastMessage,
  type BroadcastValidator
} from '../src/broadcast/index.js'
import { FrameSplitter } from '../src/direct/wire/frame-splitter.js'
import { plainNode, text } from './support.js'

export const NETWORK = 'test'
export const TOPIC = 'news'
export const WIRE_TOPIC = `/penin/${NETWORK}/${TOPIC}`
const PROTOCOLS = ['/meshsub/1.2.0', '/meshsub/1.1.0', '/meshsub/1.0.0']

/** A node with broadcast. */
export interface Caster {
  node: Libp2p
  broadcast: Broadcast
  reporter: RecordingReporter
  id: PeerId
  got: BroadcastMessage[]
  texts: () => string[]
  listen: (validate?: BroadcastValidator, topic?: string) => () => void
}

export async function caster(
  init: Partial<BroadcastInit> = {},
  options: Parameters<typeof plainNode>[0] = {}
): Promise<Caster> {
  const reporter = recordingReporter()
  const node = await plainNode({
    ...options,
    services: { broadcast: broadcast({ networkId: NETWORK, heartbeatInterval: 200, reporter, ...init }) }
  })
  const service = (node.services as unknown as { broadcast: Broadcast }).broadcast
  const got: BroadcastMessage[] = []
  return {
    node,
    broadcast: service,
    reporter,
    id: node.peerId,
    got,
    texts: () => got.map((message) => message.text()),
    listen: (validate, topic = TOPIC) =>
      service.subscribe(topic, (message) => got.push(message), validate === undefined ? {} : { validate })
  }
}

export async function link(a: Libp2p, b: Libp2p): Promise<void> {
  await a.dial(b.getMultiaddrs())
}

/** Waits until each of the casters knows that so many of its peers have subscribed. */
export async function subscribersKnown(casters: Caster[], counts: number[], topic = TOPIC): Promise<void> {
  await until(() => casters.every(({ broadcast: b }, index) => b.subscribers(topic).length === counts[index]), {
    message: () => `subscribers: ${casters.map(({ broadcast: b }) => b.subscribers(topic).length).join(' ')}`
  })
}

/** Casters in a row, each connected to the next, all of which listen. */
export async function row(count: number, inits: Array<Partial<BroadcastInit>> = []): Promise<Caster[]> {
  const casters = await Promise.all(Array.from({ length: count }, async (_, index) => caster(inits[index])))
  for (const [index, { node }] of casters.entries()) {
    const next = casters[index + 1]
    if (next !== undefined) {
      await link(node, next.node)
    }
  }
  return casters
}

let lastNumber = BigInt(Date.now()) * 1_000_000n

export interface Forgery {
  topic?: string
  data?: Uint8Array
  number?: bigint
  author?: PrivateKey
}

/** A message as its author would sign it. */
export async function signed(
  author: PrivateKey,
  { topic = WIRE_TOPIC, data, number }: Forgery = {}
): Promise<RPC.Message> {
  const seqno = new Uint8Array(8)
  new DataView(seqno.buffer).setBigUint64(0, number ?? ++lastNumber)
  const message: RPC.Message = {
    from: author.publicKey.toMultihash().bytes,
    data: data ?? text('signed by hand'),
    seqno,
    topic
  }
  const bytes = Buffer.concat([text('libp2p-pubsub:'), RPC.Message.encode(message)])
  return { ...message, signature: await author.sign(bytes) }
}

export const someKey = async (seed = 7): Promise<PrivateKey> =>
  generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(seed))
export const rsaKey = async (): Promise<PrivateKey> => generateKeyPair('RSA', 2048)

/** A peer that a test leads by the hand: it writes whatever it is told to, and keeps what it gets. */
export interface RawPeer {
  node: Libp2p
  id: PeerId
  key: PrivateKey
  stream: Stream
  received: RPC[]
  send: (rpc: Partial<RPC>) => void
  sendBytes: (bytes: Uint8Array) => void
}

export async function rawPeer(to: Caster): Promise<RawPeer> {
  const key = await generateKeyPair('Ed25519')
  const node = await plainNode({ privateKey: key })
  const received: RPC[] = []
  await node.handle(PROTOCOLS, (stream) => {
    const splitter = new FrameSplitter(4_000_000, (bytes, from, end) => {
      received.push(RPC.decode(bytes.subarray(from, end)))
    })
    stream.addEventListener('message', ({ data }) => {
      splitter.push(data)
    })
  })
  const connection = await node.dial(to.node.getMultiaddrs())
  const stream = await connection.newStream(PROTOCOLS)
  const sendBytes = (bytes: Uint8Array): void => {
    const prefix: number[] = []
    for (let rest = bytes.length; ; rest >>>= 7) {
      prefix.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
      if (rest <= 0x7f) {
        break
      }
    }
    stream.send(Buffer.concat([Buffer.from(prefix), bytes]))
  }
  return {
    node,
    id: node.peerId,
    key,
    stream,
    received,
    sendBytes,
    send: (rpc) => {
      sendBytes(RPC.encode({ subscriptions: [], messages: [], ...rpc }))
    }
  }
}

export const subscribe = (...topics: string[]): Partial<RPC> => ({
  subscriptions: topics.map((topic) => ({ subscribe: true, topic }))
})

export const noControl = (): RPC.ControlMessage => ({ ihave: [], iwant: [], graft: [], prune: [], idontwant: [] })
