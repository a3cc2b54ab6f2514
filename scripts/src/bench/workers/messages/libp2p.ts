import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { messaging, type Messaging } from '@penin/messaging'
import { createLibp2p, type Libp2p } from 'libp2p'
import { NotMeasurableError } from '../../errors.js'
import { PipeSender, serve, type Pipe } from './pipe.js'
import type { Receiver, Rival, Sender } from './rival.js'

const PIPE = '/bench/pipe/1'
const EACH = '/bench/each/1'

/** Streams under way at once where each message has its own; more are no faster. */
const LANES = 16

const TYPE = 'bench'

interface Services extends Record<string, unknown> {
  messages: Messaging
}

async function makeNode(): Promise<Libp2p<Services>> {
  return createLibp2p<Services>({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify(), messages: messaging() }
  })
}

async function receive(prepare: (node: Libp2p<Services>) => Promise<void> | void): Promise<Receiver> {
  const node = await makeNode()
  await prepare(node)
  return { address: node.getMultiaddrs()[0]?.toString() ?? '' }
}

async function dial(address: string): Promise<{ node: Libp2p<Services>; connection: Connection }> {
  const node = await makeNode()
  return { node, connection: await node.dial(multiaddr(address)) }
}

/** Messages of this project, between two plain libp2p nodes. */
export const ours: Rival = {
  receive: async () =>
    receive((node) => {
      node.services.messages.handle(TYPE, () => undefined)
    }),

  async connect(address) {
    const { node, connection } = await dial(address)
    const { messages } = node.services
    const to = connection.remotePeer
    return {
      async flood(payload, count) {
        const sink = messages.openStream(to, TYPE)
        for (let n = 0; n < count; n++) await sink.send(payload)
        await sink.close()
        if (sink.taken !== count) throw new NotMeasurableError(`${sink.taken} of ${count} were taken`)
      },
      once: async (payload) => messages.send(to, TYPE, payload)
    }
  }
}

/** One libp2p stream, written to one by one. */
export const stream: Rival = {
  receive: async () =>
    receive(async (node) => {
      await node.handle(PIPE, (stream) => {
        serve(pipeOf(stream))
      })
    }),

  async connect(address) {
    const { connection } = await dial(address)
    return new PipeSender(pipeOf(await connection.newStream(PIPE)))
  }
}

function pipeOf(stream: Stream): Pipe {
  return {
    write: (bytes) => stream.send(bytes),
    drained: async () => stream.onDrain(),
    onData: (listener) => {
      stream.addEventListener('message', ({ data }) => {
        listener(data.byteLength, () => data.subarray())
      })
    }
  }
}

/** One libp2p stream for each message: acknowledged with a byte when its end has come. */
export const streamEach: Rival = {
  receive: async () =>
    receive(async (node) => {
      const answer = (stream: Stream): void => {
        stream.addEventListener('message', () => undefined)
        stream.addEventListener('remoteCloseWrite', () => {
          stream.send(Uint8Array.of(1))
          void stream.close()
        })
      }
      await node.handle(EACH, answer, { maxInboundStreams: 4 * LANES })
    }),

  async connect(address) {
    const { connection } = await dial(address)
    const once = async (payload: Uint8Array): Promise<void> => {
      const stream = await connection.newStream(EACH, { maxOutboundStreams: 4 * LANES })
      const acknowledged = new Promise((resolve) => {
        stream.addEventListener('message', resolve, { once: true })
      })
      stream.send(payload)
      await stream.close()
      await acknowledged
    }
    const flood: Sender['flood'] = async (payload, count) => {
      let left = count
      const lane = async (): Promise<void> => {
        while (left-- > 0) await once(payload)
      }
      await Promise.all(Array.from({ length: LANES }, lane))
    }
    return { flood, once }
  }
}
