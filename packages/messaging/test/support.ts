import { identify } from '@libp2p/identify'
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { recordingReporter, until, type RecordingReporter } from '@penin/testing'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach } from 'vitest'
import { decodeAnswer, emptyAnswer, encodeAnswer, type Answer, type Welcome } from '../src/direct/wire/answer-frame.js'
import { DataReader, encodeData, encodeOpen, type DataFrame } from '../src/direct/wire/data-frame.js'
import { FrameSplitter } from '../src/direct/wire/frame-splitter.js'
import { messaging, MESSAGES_PROTOCOL, type Messaging, type MessagingInit } from '../src/index.js'

const running: Libp2p[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (node) => node.stop()))
})

/** An ordinary libp2p node on loopback; it is stopped after the test. */
export async function plainNode(init: Partial<Parameters<typeof createLibp2p>[0]> = {}): Promise<Libp2p> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { reconnectRetries: 0, inboundConnectionThreshold: Infinity },
    ...init,
    services: { identify: identify(), ...init.services }
  })
  running.push(node)
  return node
}

/** A node with messages. */
export interface Talker {
  node: Libp2p
  messages: Messaging
  reporter: RecordingReporter
  id: PeerId
  undelivered: Array<{ type: unknown; error: Error }>
}

export async function talker(init: MessagingInit = {}, options: Parameters<typeof plainNode>[0] = {}): Promise<Talker> {
  const reporter = recordingReporter()
  const node = await plainNode({ ...options, services: { messages: messaging({ reporter, ...init }) } })
  const { messages } = node.services as unknown as { messages: Messaging }
  const undelivered: Talker['undelivered'] = []
  messages.addEventListener('undelivered', ({ detail }) => undelivered.push(detail))
  return { node, messages, reporter, id: node.peerId, undelivered }
}

/** Tells a node where another one is, without dialling it. */
export async function introduce(to: Libp2p, whom: Libp2p): Promise<void> {
  await to.peerStore.merge(whom.peerId, { multiaddrs: whom.getMultiaddrs() })
}

/** Two connected nodes with messages. */
export async function pair(a: MessagingInit = {}, b: MessagingInit = {}): Promise<[Talker, Talker]> {
  const both = await Promise.all([talker(a), talker(b)])
  await introduce(both[0].node, both[1].node)
  await both[0].node.dial(both[1].id)
  return both
}

/** A frame with nothing in it but what a test is about. */
export function frame(fields: Partial<DataFrame> & { id: number }): DataFrame {
  return {
    type: 0,
    name: undefined,
    size: -1,
    lifetime: -1,
    flags: 0,
    replyTo: -1,
    replyEpoch: undefined,
    payload: new Uint8Array(0),
    ...fields
  }
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

export const EPOCH = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

/** A sender that a test leads by the hand: it writes whatever it is told to. */
export interface RawSender {
  stream: Stream
  connection: Connection
  answers: Answer[]
  /** Ids that were taken, in order. */
  taken: () => number[]
  refused: () => Array<[number, number]>
  send: (...frames: DataFrame[]) => void
  isClosed: () => boolean
}

/** Opens a stream to a node as an outlet does, by hand. */
export async function rawSender(from: Libp2p, to: Talker, epoch = EPOCH, lowest = 0): Promise<RawSender> {
  const connection = await from.dial(to.node.getMultiaddrs())
  const stream = await connection.newStream(MESSAGES_PROTOCOL)
  const answers: Answer[] = []
  const splitter = new FrameSplitter(65_536, (bytes, at, end) => answers.push(decodeAnswer(bytes, at, end)))
  stream.addEventListener('message', ({ data }) => {
    splitter.push(data)
  })
  stream.send(encodeOpen({ epoch, lowest, durableEpoch: undefined, durableLowest: 0 }))
  await until(() => answers.length > 0)
  return {
    stream,
    connection,
    answers,
    taken: () =>
      answers.flatMap(({ taken }) => taken.flatMap(([id, n]) => Array.from({ length: n }, (_, index) => id + index))),
    refused: () => answers.flatMap(({ refused }) => refused),
    send: (...frames) => void stream.send(Buffer.concat(frames.map(encodeData))),
    isClosed: () => stream.status !== 'open'
  }
}

/** A receiver that a test leads by the hand: what it gets, and what it answers. */
export interface RawReceiver {
  node: Libp2p
  frames: DataFrame[]
  opened: () => number
  answer: (answer: Partial<Answer>) => void
}

export const WELCOME: Welcome = {
  instance: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9),
  windowBytes: 1_048_576,
  windowMessages: 4096,
  maxPayload: 1_048_576
}

export async function rawReceiver(welcome: Welcome | undefined = WELCOME): Promise<RawReceiver> {
  const node = await plainNode()
  const frames: DataFrame[] = []
  let opened = 0
  let last: Stream | undefined
  await node.handle(MESSAGES_PROTOCOL, (stream) => {
    last = stream
    const reader = new DataReader()
    const splitter = new FrameSplitter(2_000_000, (bytes, from, to) => {
      reader.read(bytes, from, to)
      if (reader.open !== undefined) {
        opened++
        stream.send(encodeAnswer({ ...emptyAnswer(), welcome }))
      } else {
        const { id, type, name, size, lifetime, flags, replyTo, replyEpoch } = reader
        frames.push({ id, type, name, size, lifetime, flags, replyTo, replyEpoch, payload: reader.payload.slice() })
      }
    })
    stream.addEventListener('message', ({ data }) => {
      splitter.push(data)
    })
  })
  return {
    node,
    frames,
    opened: () => opened,
    answer: (answer) => void last?.send(encodeAnswer({ ...emptyAnswer(), ...answer }))
  }
}
